// Bytes above ASCII in a request's target: told apart from what is ambiguous, and percent-encoded.
#include <cstring>

#include "proxy/http1/decoder.hpp"

namespace switchback::http1 {
namespace {

bool is_raw(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}

bool ends_target(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= 0x20 || byte == 0x7f || c == '#';
}

// Path and query of the target, so far as they are there: [begin, end), as offsets.
struct Range {
  std::size_t begin = 0, end = 0;
};

Range path_and_query(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && (text[at] == '\r' || text[at] == '\n')) ++at;
  at = text.find(' ', at);
  if (at == std::string_view::npos) return {};
  Range range{at + 1, at + 1};
  while (range.end < text.size() && !ends_target(text[range.end])) ++range.end;
  const std::string_view target = text.substr(range.begin, range.end - range.begin);
  if (target.empty() || target[0] == '/') return range;
  const std::size_t authority = target.find("://");
  if (authority == std::string_view::npos) return {};
  const std::size_t path = target.find_first_of("/?", authority + 3);
  if (path == std::string_view::npos) return {};
  range.begin += path;
  return range;
}

}  // namespace

std::size_t count_raw_target_bytes(const char* data, std::size_t size) {
  const Range range = path_and_query({data, size});
  std::size_t count = 0;
  for (std::size_t i = range.begin; i < range.end; ++i) count += is_raw(data[i]) ? 1 : 0;
  return count;
}

void encode_raw_target(char* data, std::size_t size, std::size_t raw_bytes) {
  const Range range = path_and_query({data, size});
  char* out = data + range.end + 2 * raw_bytes;
  std::memmove(out, data + range.end, size - range.end);
  for (std::size_t i = range.end; i > range.begin;) {
    const auto byte = static_cast<unsigned char>(data[--i]);
    if (byte < 0x80) {
      *--out = static_cast<char>(byte);
      continue;
    }
    *--out = "0123456789ABCDEF"[byte & 15];
    *--out = "0123456789ABCDEF"[byte >> 4];
    *--out = '%';
  }
}

}  // namespace switchback::http1
