// What the exchange decides to add to a request on its way to a server, whatever HTTP version
// carries it there. Views live until the head has been encoded.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/head.hpp"

namespace switchback::http {

// What the proxy adds to a request on its way to a server.
struct RequestAdditions {
  std::string_view client_ip;      // "203.0.113.7", "2001:db8::1"; "unknown" for unix clients
  std::string_view scheme;         // "http" or "https", of the client's connection
  bool trusted = false;            // its X-Forwarded-* are believed: For appended, rest kept
  std::string_view request_id;     // to send; the caller has chosen; empty: the client's untouched
  std::string_view traceparent;    // to send; empty: pass the client's on untouched
  std::string_view host;           // to send as Host; empty: the request's authority
  bool via = true;                 // the proxy names itself; false: Via passes as it came
  bool mirrored = false;           // a copy: it is marked as one (X-Switchback-Mirror: 1)
  BodyKind body = BodyKind::none;  // framing towards the server: none, length, chunked
  std::uint64_t content_length = 0;
};

}  // namespace switchback::http
