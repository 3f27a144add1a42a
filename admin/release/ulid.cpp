#include "admin/release/ulid.hpp"

#include <sys/random.h>

#include <algorithm>

namespace switchback::release {

std::string UlidMaker::next(std::int64_t wall_us) {
  const std::int64_t ms = std::max(wall_us / 1000, last_ms_);  // a clock set back must not unsort
  if (ms == last_ms_) {
    for (auto byte = chance_.rbegin(); byte != chance_.rend() && ++*byte == 0; ++byte) {
    }
  } else {
    last_ms_ = ms;
    // Uniqueness needs no secrecy: should the kernel give nothing, time and count still differ.
    [[maybe_unused]] const auto got = ::getrandom(chance_.data(), chance_.size(), GRND_NONBLOCK);
    chance_[0] &= 0x7f;  // room to count up
  }
  std::array<std::uint8_t, 16> bytes{};
  for (int i = 0; i < 6; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
  std::copy(chance_.begin(), chance_.end(), bytes.begin() + 6);

  static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string out(26, '0');
  // 130 bits for 128: the first digit holds the two missing ones as zeros.
  unsigned buffer = 0, bits = 2;
  std::size_t at = 0;
  for (std::uint8_t byte : bytes) {
    buffer = buffer << 8 | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out[at++] = digits[buffer >> bits & 31];
    }
    buffer &= (1u << bits) - 1;
  }
  return out;
}

}  // namespace switchback::release
