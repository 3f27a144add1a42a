#include "proxy/http/traceparent.hpp"

#include <cstring>

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

void write_hex(char* out, std::uint64_t value) {
  constexpr char digits[] = "0123456789abcdef";
  for (int i = 16; i-- > 0; value >>= 4) out[i] = digits[value & 15];
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

std::string_view begin_traceparent(char* out, Random& random) {
  const auto non_zero = [&random] {
    for (;;)
      if (const std::uint64_t value = random.next(); value != 0) return value;
  };
  std::memcpy(out, "00-", 3);
  write_hex(out + 3, non_zero());
  write_hex(out + 19, non_zero());
  out[35] = '-';
  write_hex(out + 36, non_zero());
  std::memcpy(out + 52, "-00", 3);
  return {out, traceparent_size};
}

}  // namespace switchback::http
