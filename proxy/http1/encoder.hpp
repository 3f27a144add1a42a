// HTTP/1.1 heads written once into the caller's memory; unchanged fields are copied in runs where
// they lie next to each other in the buffer they came from.
//
// No allocation. Each returns the bytes written, or 0 when `room` does not suffice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/http/additions.hpp"
#include "proxy/http/head.hpp"

namespace switchback::http1 {

using http::RequestAdditions;

// Drops hop-by-hop fields and TE (except "TE: trailers"), Via gets "1.1 switchback" appended
// (RFC 9110 §7.6.3), Upgrade and Connection: upgrade are written anew when head.upgrade.
std::size_t write_request_head(char* out, std::size_t room, const http::RequestHead& head,
                               const RequestAdditions& additions);

struct ResponseFraming {
  http::BodyKind body = http::BodyKind::none;  // towards the client
  std::uint64_t content_length = 0;
  bool write_content_length = false;  // also for HEAD and 304, where the field was there
  bool close = false;                 // Connection: close
  bool keep_alive_1_0 = false;        // Connection: keep-alive to an HTTP/1.0 client
  std::string_view fields;            // further whole lines
};
std::size_t write_response_head(char* out, std::size_t room, const http::ResponseHead& head,
                                const ResponseFraming& framing);

// A 1xx head (100, 102, 103), fields passed on.
std::size_t write_informational_head(char* out, std::size_t room, const http::ResponseHead& head);

// "1a2b\r\n"; room >= 18.
std::size_t write_chunk_size(char* out, std::uint64_t size);

// What an answer of the proxy's own says of its connection: a client of HTTP/1.0 has to be told
// that it is kept (RFC 9112 §C.2.2).
enum class OwnConnection : std::uint8_t { kept, kept_1_0, close };

// A complete answer of the proxy's own: text/plain, Date, X-Request-Id, Content-Length, and
// Retry-After: 1 for 429 and 503. `fields`: further whole lines. `head_only` for HEAD.
std::size_t write_own_answer(char* out, std::size_t room, unsigned status,
                             std::string_view sentence, std::string_view request_id,
                             std::string_view fields, OwnConnection connection, bool head_only);

std::string_view reason_phrase(unsigned status);

}  // namespace switchback::http1
