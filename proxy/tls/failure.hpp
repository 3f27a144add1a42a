// Why a handshake failed: one closed list, used for counters, access records and messages.
#pragma once

#include <cstdint>
#include <string_view>

namespace switchback::tls {

enum class Failure : std::uint8_t {
  none,
  plain_http,           // the client speaks HTTP without TLS
  not_tls,              // bytes that begin no TLS handshake
  version,              // no version of TLS in common
  cipher,               // no cipher suite, group or signature in common
  alpn,                 // no protocol in common
  certificate_missing,  // the peer showed none, and has to
  certificate_refused,  // the peer's certificate does not verify
  peer_alert,           // the peer refused (often: our certificate)
  peer_closed,          // ended or reset before the handshake was complete
  timeout,
  protocol,  // anything else that TLS forbids
  internal,  // ours: out of memory, a broken context
  count_
};

inline std::string_view name_of(Failure failure) {
  constexpr std::string_view names[] = {"none",
                                        "plain_http",
                                        "not_tls",
                                        "version",
                                        "cipher",
                                        "alpn",
                                        "certificate_missing",
                                        "certificate_refused",
                                        "peer_alert",
                                        "peer_closed",
                                        "timeout",
                                        "protocol",
                                        "internal"};
  static_assert(sizeof names / sizeof *names == static_cast<std::size_t>(Failure::count_));
  return names[static_cast<std::size_t>(failure)];
}

}  // namespace switchback::tls
