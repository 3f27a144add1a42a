// The PROXY protocol, versions 1 and 2, as a receiver: who the client behind a load balancer is,
// told in front of the connection's own bytes (proxy-protocol.txt of HAProxy, 2020/03/05; section
// numbers below are of that paper).
//
// Sans-IO: the caller shows all bytes that have come so far, from the first on, and asks again with
// more while the answer is need_more; where they were cut changes no verdict. Threads: any, no
// state. Nothing allocates. Errors are values.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace switchback::proxy_protocol {

inline constexpr std::size_t max_v1_bytes = 107;   // §2.1: the longest line, its CR LF included
inline constexpr std::size_t v2_fixed_bytes = 16;  // §2.2: signature, version, family, length
// The length field could say 64 KiB. Certificates in TLVs are a few KiB; more is an attack.
inline constexpr std::size_t max_header_bytes = 16 * 1024;

enum class Status : std::uint8_t { need_more, complete, rejected };

enum class Fault : std::uint8_t {
  none,
  no_signature,   // neither "PROXY " nor the twelve bytes of version 2
  bad_line,       // version 1: the line's form
  line_too_long,  // version 1: no CR LF within 107 bytes
  bad_address,    // version 1: not an address of the family that it names
  bad_port,       // version 1
  bad_version,    // version 2: another version behind its signature
  bad_command,    // version 2: neither LOCAL nor PROXY
  bad_family,     // version 2: a family or transport that is not assigned
  too_short,      // version 2: the length has no room for the family's addresses
  too_long,       // version 2: over max_header_bytes
  bad_tlv,        // version 2: a TLV that ends behind the header, or has a wrong length
  bad_checksum,   // version 2: PP2_TYPE_CRC32C is there and does not fit
};
std::string_view text_of(Fault fault);  // "bad checksum", for the log

struct Header {
  std::uint8_t version = 0;
  // True: nothing is said about a client (LOCAL, UNKNOWN, UNSPEC): the connection's own ends hold,
  // as for a health check of the balancer itself (§2.2).
  bool local = true;
  bool tls = false;  // version 2: the client came to the balancer by TLS (PP2_CLIENT_SSL)
  // Of the client, and of where it connected to. AF_UNSPEC when local; AF_UNIX without a path,
  // since a path on another machine means nothing here.
  sockaddr_storage source{};
  sockaddr_storage destination{};
};

struct Decoded {
  Status status = Status::need_more;
  Fault fault = Fault::none;
  std::size_t consumed = 0;  // complete: the header's bytes; what follows is the connection's own
};

// `out` is whole when complete, else untouched or half filled.
Decoded decode(const char* data, std::size_t size, Header& out);

}  // namespace switchback::proxy_protocol
