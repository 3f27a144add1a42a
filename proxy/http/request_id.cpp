#include "proxy/http/request_id.hpp"

#include <sys/random.h>

#include <bit>
#include <cstring>

#include "proxy/base/assert.hpp"
#include "proxy/http/chars.hpp"

namespace switchback::http {
namespace {

std::uint64_t split_mix(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

constexpr char base32[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// The low 5 * `count` bits of `value`, most significant first.
void write_base32(char* out, std::uint64_t value, int count) {
  for (int i = count; i-- > 0; value >>= 5) out[i] = base32[value & 31];
}

}  // namespace

Random::Random() {
  // 32 bytes never come short, and the call fails only where there is no such call.
  const ssize_t got = ::getrandom(state_, sizeof state_, 0);
  SB_ASSERT(got == static_cast<ssize_t>(sizeof state_));
  if ((state_[0] | state_[1] | state_[2] | state_[3]) == 0) state_[0] = 1;
}

Random::Random(std::uint64_t seed) {
  for (std::uint64_t& word : state_) word = split_mix(seed);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::string_view RequestIdGenerator::next(char* out, std::int64_t wall_us) {
  const auto milliseconds = static_cast<std::uint64_t>(wall_us / 1000);
  if (milliseconds != written_ms_) {  // thousands of requests share one
    written_ms_ = milliseconds;
    write_base32(time_, milliseconds & 0xffffffffffffu, sizeof time_);
  }
  std::memcpy(out, time_, sizeof time_);
  write_base32(out + 10, random_.next(), 8);
  write_base32(out + 18, random_.next(), 8);
  return {out, size};
}

bool valid_request_id(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  for (char c : text) {
    const bool plain = is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '-' ||
                       c == '_' || c == '.' || c == '+' || c == '/' || c == '=' || c == ':' ||
                       c == '@' || c == ',' || c == ';' || c == '#' || c == '~';
    if (!plain) return false;
  }
  return true;
}

}  // namespace switchback::http
