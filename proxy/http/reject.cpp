#include "proxy/http/reject.hpp"

#include <array>
#include <cstddef>

#include "proxy/base/assert.hpp"

namespace switchback::http {
namespace {

struct Entry {
  Reason reason;
  unsigned status;
  std::string_view name;
  std::string_view sentence;
};

constexpr std::size_t count = static_cast<std::size_t>(Reason::count_);

// In the order of the enum, which is checked while compiling.
constexpr std::array<Entry, count> entries = {{
    {Reason::none, 0, "none", ""},
    {Reason::bad_request_line, 400, "bad_request_line", "The request line is malformed."},
    {Reason::bad_field, 400, "bad_field", "A header field is malformed."},
    {Reason::bad_host, 400, "bad_host", "The Host header field is missing, repeated or invalid."},
    {Reason::bad_framing, 400, "bad_framing", "The length of the request body is not clear."},
    {Reason::bad_chunk, 400, "bad_chunk", "The chunked request body is malformed."},
    {Reason::bad_target, 400, "bad_target", "The request target is invalid."},
    {Reason::bare_cr_or_lf, 400, "bare_cr_or_lf", "A line does not end with CR LF."},
    {Reason::obs_fold, 400, "obs_fold", "A header field is folded over several lines."},
    {Reason::head_too_large, 431, "head_too_large", "The request head is too large."},
    {Reason::target_too_long, 414, "target_too_long", "The request target is too long."},
    {Reason::too_many_fields, 431, "too_many_fields", "The request has too many header fields."},
    {Reason::body_too_large, 413, "body_too_large", "The request body is too large."},
    {Reason::trailers_too_large, 431, "trailers_too_large", "The trailer section is too large."},
    {Reason::unsupported_version, 505, "unsupported_version",
     "This version of HTTP is not supported."},
    {Reason::unsupported_transfer_coding, 501, "unsupported_transfer_coding",
     "This transfer coding is not supported."},
    {Reason::unsupported_method, 501, "unsupported_method", "This method is not supported."},
    {Reason::unsupported_expectation, 417, "unsupported_expectation",
     "This expectation cannot be met."},
    {Reason::head_timeout, 408, "head_timeout", "The request head took too long."},
    {Reason::body_timeout, 408, "body_timeout", "The request body took too long."},
    {Reason::body_too_slow, 408, "body_too_slow", "The request body came too slowly."},
    {Reason::rate_limited, 429, "rate_limited", "Too many requests from this address."},
    {Reason::no_service, 404, "no_service", "No service is configured for this address."},
    {Reason::misdirected, 421, "misdirected",
     "An https address cannot be asked for by a connection that is not encrypted."},
    {Reason::loop_detected, 508, "loop_detected", "The request has come here too often: a loop."},
    {Reason::redirected, 308, "redirected", "Use HTTPS for this address."},
    {Reason::no_server, 503, "no_server", "No server is available."},
    {Reason::queue_full, 503, "queue_full", "Too many requests are waiting."},
    {Reason::queue_timeout, 503, "queue_timeout", "The request waited too long for a server."},
    {Reason::shutting_down, 503, "shutting_down", "The proxy is shutting down."},
    {Reason::connect_refused, 502, "connect_refused", "The server refused the connection."},
    {Reason::connect_timeout, 504, "connect_timeout", "The server could not be reached in time."},
    {Reason::connect_failed, 502, "connect_failed", "The server could not be reached."},
    {Reason::server_reset, 502, "server_reset", "The server reset the connection."},
    {Reason::server_closed, 502, "server_closed", "The server closed the connection."},
    {Reason::response_timeout, 504, "response_timeout", "The server did not answer in time."},
    {Reason::bad_response, 502, "bad_response", "The server's answer is malformed."},
    {Reason::response_too_large, 502, "response_too_large",
     "The head of the server's answer is too large."},
    {Reason::response_truncated, 502, "response_truncated", "The server's answer ended too early."},
    {Reason::server_write_failed, 502, "server_write_failed",
     "The request could not be sent to the server."},
    {Reason::server_tls_failed, 502, "server_tls_failed",
     "The encrypted connection to the server failed."},
    {Reason::retries_exhausted, 502, "retries_exhausted", "No server could answer the request."},
    {Reason::client_closed, 0, "client_closed", ""},
    {Reason::client_reset, 0, "client_reset", ""},
    {Reason::client_write_timeout, 0, "client_write_timeout", ""},
    {Reason::client_too_slow, 0, "client_too_slow", ""},
    {Reason::client_limited, 0, "client_limited", ""},
    {Reason::bad_proxy_header, 0, "bad_proxy_header", ""},
    {Reason::tls_handshake_failed, 0, "tls_handshake_failed", ""},
    {Reason::tunnel_idle, 0, "tunnel_idle", ""},
    {Reason::drain_forced, 504, "drain_forced",
     "The server was taken out of service before it answered."},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < count; ++i)
    if (static_cast<std::size_t>(entries[i].reason) != i || entries[i].name.empty()) return false;
  return true;
}
static_assert(in_order());

const Entry& entry_of(Reason reason) {
  const auto index = static_cast<std::size_t>(reason);
  SB_ASSERT(index < count);
  return entries[index];
}

}  // namespace

std::string_view name_of(Reason reason) {
  return entry_of(reason).name;
}
unsigned status_of(Reason reason) {
  return entry_of(reason).status;
}
std::string_view sentence_of(Reason reason) {
  return entry_of(reason).sentence;
}

}  // namespace switchback::http
