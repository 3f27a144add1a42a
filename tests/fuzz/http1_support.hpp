// What the HTTP/1 fuzzers share: how an input says where to cut, and how a broken promise is told.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/conformance/drive.hpp"

namespace switchback::fuzz {

[[noreturn]] inline void broken(const char* promise, const std::string& detail) {
  std::fprintf(stderr, "broken: %s: %s\n", promise, detail.c_str());
  std::abort();
}

inline void promise(bool held, const char* what, const std::string& detail = {}) {
  if (!held) broken(what, detail);
}

// Pieces of 1 to 16 bytes, after the input's first byte; small inputs only, since each piece is
// read from a copy of all before it.
inline std::vector<std::string_view> cut(std::string_view text, std::uint8_t seed) {
  std::vector<std::string_view> out;
  const std::size_t size = text.size() > 4096 ? text.size() / 3 + 1 : (seed & 15) + 1;
  for (std::size_t at = 0; at < text.size(); at += size) out.push_back(text.substr(at, size));
  return out;
}

// Equal but for the second in which Date was written. What is still open when the bytes end may be
// refused earlier when they come at once, since a refusal may wait for the end of its line.
inline void promise_same(conformance::Outcome whole, conformance::Outcome pieces) {
  const bool open = pieces.verdict == "more" || pieces.verdict == "502 response_truncated";
  if (open && whole.verdict != "ok") return;
  for (conformance::Outcome* out : {&whole, &pieces}) {
    const std::size_t at = out->forwarded.find("\r\nDate: ");
    if (at != std::string::npos) out->forwarded.erase(at, 37);
  }
  promise(whole == pieces, "cutting changes nothing", whole.verdict + " / " + pieces.verdict);
}

// What the proxy adds may carry a head at its limit over it.
inline bool is_too_large(const conformance::Outcome& out) {
  return out.verdict == "431 too_many_fields" || out.verdict == "431 head_too_large" ||
         out.verdict == "502 response_too_large";
}

// No line of a head that was written may end early or hold what a head may not hold.
// `controls`: values may, which a server was forgiven; never NUL.
inline void promise_clean(const std::string& head, bool controls = false) {
  promise(head.size() >= 4 && head.substr(head.size() - 4) == "\r\n\r\n", "the head ends", head);
  promise(head.find("\r\n\r\n") == head.size() - 4, "the head ends once", head);
  for (std::size_t i = 0; i < head.size(); ++i) {
    const auto c = static_cast<unsigned char>(head[i]);
    if (c == '\r') promise(head[i + 1] == '\n', "no bare CR is written", head);
    if (c == '\n') promise(i > 0 && head[i - 1] == '\r', "no bare LF is written", head);
    const bool control = (c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f;
    promise(!control || (controls && c != 0), "no control character is written", head);
  }
}

}  // namespace switchback::fuzz
