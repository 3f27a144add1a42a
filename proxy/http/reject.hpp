// Why the proxy answered for itself, refused, or gave up: one closed list, used for counters,
// access records ("reason") and own answers. Each reason has one status and one short name.
#pragma once

#include <cstdint>
#include <string_view>

namespace switchback::http {

enum class Reason : std::uint8_t {
  none,
  // what the client sent (4xx, 501, 505: connection closed after the answer)
  bad_request_line,
  bad_field,
  bad_host,
  bad_framing,
  bad_chunk,
  bad_target,
  bare_cr_or_lf,
  obs_fold,
  head_too_large,
  target_too_long,
  too_many_fields,
  body_too_large,
  trailers_too_large,
  unsupported_version,
  unsupported_transfer_coding,
  unsupported_method,
  unsupported_expectation,
  head_timeout,
  body_timeout,
  body_too_slow,
  rate_limited,
  // routing
  no_service,
  misdirected,
  loop_detected,
  redirected,
  // no server could answer
  no_server,
  queue_full,
  queue_timeout,
  shutting_down,
  connect_refused,
  connect_timeout,
  connect_failed,
  server_reset,
  server_closed,
  response_timeout,
  bad_response,
  response_too_large,
  response_truncated,
  server_write_failed,
  server_tls_failed,
  retries_exhausted,
  // the client or the drain ended it
  client_closed,
  client_reset,
  client_write_timeout,
  client_too_slow,
  client_limited,
  bad_proxy_header,
  tls_handshake_failed,
  tunnel_idle,
  drain_forced,
  count_
};

std::string_view name_of(Reason reason);      // "connect_refused"
unsigned status_of(Reason reason);            // 502; 0 where no answer is sent
std::string_view sentence_of(Reason reason);  // one short sentence for the body of the own answer

}  // namespace switchback::http
