// SipHash-1-3 (J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012) of sixteen
// bytes: who does not know the key cannot choose addresses that meet in one place of a table.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace switchback::guard {

using HashKey = std::array<std::uint64_t, 2>;

HashKey random_hash_key();

inline std::uint64_t keyed_hash(const HashKey& key, const std::array<std::uint8_t, 16>& bytes) {
  std::uint64_t v0 = key[0] ^ 0x736f6d6570736575ULL, v1 = key[1] ^ 0x646f72616e646f6dULL;
  std::uint64_t v2 = key[0] ^ 0x6c7967656e657261ULL, v3 = key[1] ^ 0x7465646279746573ULL;
  const auto round = [&] {
    v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
  };
  std::array<std::uint64_t, 3> words{0, 0, std::uint64_t{16} << 56};  // the length ends the message
  std::memcpy(words.data(), bytes.data(), bytes.size());
  for (std::uint64_t word : words) {
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    v3 ^= word;
    round();
    v0 ^= word;
  }
  v2 ^= 0xff;
  round(), round(), round();
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace switchback::guard
