#include "proxy/http/traceparent.hpp"

#include <bit>
#include <cstring>
#include <initializer_list>

namespace switchback::http {
namespace {

bool is_lower_hex(std::string_view text) {
  for (char c : text)
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  return true;
}

bool is_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

// Eight digits at once: the nibbles are spread over the bytes of a word, in the order of memory,
// and those over 9 are moved on to the letters.
std::uint64_t hex_word(std::uint32_t value) {
  std::uint64_t x = __builtin_bswap32(value);
  x = (x | x << 16) & 0x0000ffff0000ffffu;
  x = (x | x << 8) & 0x00ff00ff00ff00ffu;
  x = (x >> 4 & 0x000f000f000f000fu) | (x & 0x000f000f000f000fu) << 8;
  const std::uint64_t letters = (x + 0x0606060606060606u) >> 4 & 0x0101010101010101u;
  return x + 0x3030303030303030u + letters * ('a' - '9' - 1);
}

void write_hex(char* out, std::uint64_t value) {
  for (const auto half :
       {static_cast<std::uint32_t>(value >> 32), static_cast<std::uint32_t>(value)}) {
    std::uint64_t word = hex_word(half);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    std::memcpy(out, &word, sizeof word);
    out += sizeof word;
  }
}

}  // namespace

bool valid_traceparent(std::string_view text) {
  if (text.size() < traceparent_size) return false;
  const std::string_view version = text.substr(0, 2), trace = text.substr(3, 32),
                         parent = text.substr(36, 16), flags = text.substr(53, 2);
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  if (!is_lower_hex(version) || !is_lower_hex(trace) || !is_lower_hex(parent) ||
      !is_lower_hex(flags))
    return false;
  if (version == "ff" || is_zero(trace) || is_zero(parent)) return false;
  if (text.size() == traceparent_size) return true;
  return version != "00" && text[traceparent_size] == '-';
}

std::string_view begin_traceparent(char* out, Random& random, bool sampled) {
  const auto non_zero = [&random] {
    for (;;)
      if (const std::uint64_t value = random.next(); value != 0) return value;
  };
  std::memcpy(out, "00-", 3);
  write_hex(out + 3, non_zero());
  write_hex(out + 19, non_zero());
  out[35] = '-';
  write_hex(out + 36, non_zero());
  std::memcpy(out + 52, sampled ? "-01" : "-00", 3);
  return {out, traceparent_size};
}

}  // namespace switchback::http
