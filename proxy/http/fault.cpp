#include "proxy/http/fault.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "proxy/base/assert.hpp"

namespace switchback::http {

namespace {
constexpr std::size_t count = static_cast<std::size_t>(Fault::count_);
constexpr std::array<std::string_view, count> texts{
    "",
    "no HTTP answer: it does not begin with HTTP/1.x and a status",
    "the status is not a number of three digits from 100 on",
    "no space behind the status",
    "a line ends with LF alone",
    "a CR without LF",
    "a NUL byte",
    "a control byte in a value",
    "a line without a colon",
    "a field name holds a byte that no name may hold",
    "a field without a name",
    "a field name is too long",
    "a folded line",
    "Content-Length or Transfer-Encoding is folded",
    "a line of white space alone",
    "the head is too large",
    "too many fields",
    "Content-Length comes more than once",
    "two different Content-Lengths",
    "Content-Length is not a number",
    "Content-Length and Transfer-Encoding together",
    "Transfer-Encoding is not exactly \"chunked\"",
    "Transfer-Encoding in HTTP/1.0",
    "an interim answer (1xx) announces a body",
    "Connection holds an option that is no token, or too many",
    "Connection names a field that must not be lost",
    "101 without Upgrade",
    "101 in HTTP/1.0",
    "101 for a protocol that was not asked for, or before the request was sent",
    "too many interim answers (1xx)",
    "a chunk's size is not a hexadecimal number",
    "a chunk's line holds more than its size and extensions",
    "a chunk does not end where its size says",
    "the trailers are too large",
    "the connection ended in the middle of the head",
    "the connection ended in the middle of the body",
};
static_assert(std::none_of(texts.begin() + 1, texts.end(), [](auto t) { return t.empty(); }));
}  // namespace

std::string_view text_of(Fault fault) {
  const auto index = static_cast<std::size_t>(fault);
  SB_ASSERT(index < count);
  return texts[index];
}

Place place_in(const char* data, std::size_t offset) {
  return {static_cast<std::uint32_t>(1 + std::count(data, data + offset, '\n')), offset + 1};
}

std::string_view describe(std::string_view text, Place place, char* out, std::size_t room) {
  int size = 0;
  const int length = static_cast<int>(text.size());
  const auto byte = static_cast<unsigned long long>(place.byte);
  if (place.line != 0) {
    size = std::snprintf(out, room, "%.*s (line %u, byte %llu)", length, text.data(), place.line,
                         byte);
  } else if (place.byte != 0) {
    size = std::snprintf(out, room, "%.*s (byte %llu of the body)", length, text.data(), byte);
  } else {
    size = std::snprintf(out, room, "%.*s", length, text.data());
  }
  return {out, std::min(static_cast<std::size_t>(std::max(size, 0)), room - 1)};
}

std::string describe(std::string_view text, Place place) {
  char out[192];
  return std::string(describe(text, place, out, sizeof out));
}

}  // namespace switchback::http
