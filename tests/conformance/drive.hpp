// Feeds bytes to the decoders in pieces, as a connection would, and tells all that came of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/head.hpp"

namespace switchback::conformance {

// What must not depend on how the bytes were cut.
struct Outcome {
  std::string verdict;  // "ok", "more", or "400 bad_framing"
  std::string first;    // requests: method, target, authority; responses: status and reason
  std::string flags;    // keep_alive, upgrade and so on, as "name=yes" or "name=no" and a space
  std::string framing;  // "none", "length 5", "chunked", "until_close"
  std::string body;
  std::string trailers;
  std::string left;       // bytes behind the message
  std::string forwarded;  // the head as it is sent on
  std::string lapses;     // what was forgiven: names, each with a space behind it
  bool operator==(const Outcome&) const = default;
};

// `pieces`: the bytes, cut. Every buffer the decoders see has exactly the size they are told, so
// that a sanitizer notices each byte read too far.
Outcome drive_request(const std::vector<std::string_view>& pieces, bool trusted);
Outcome drive_response(const std::vector<std::string_view>& pieces, http::Method asked_with,
                       bool closes, bool strict = false);

// A chunked body alone.
Outcome drive_chunked(const std::vector<std::string_view>& pieces, bool forgiven = false);

}  // namespace switchback::conformance
