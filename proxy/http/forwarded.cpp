#include "proxy/http/forwarded.hpp"

#include <cstring>

#include "proxy/http/chars.hpp"

namespace switchback::http {
namespace {

bool contains(const config::Network& network, const std::uint8_t (&ip)[16]) {
  const unsigned bits = network.prefix_bits > 128 ? 128 : network.prefix_bits;
  const unsigned whole = bits / 8, rest = bits % 8;
  if (std::memcmp(network.bytes, ip, whole) != 0) return false;
  if (rest == 0) return true;
  const unsigned mask = 0xffu << (8 - rest) & 0xffu;
  return ((network.bytes[whole] ^ ip[whole]) & mask) == 0;
}

// `pattern` in lower case with '-', which also matches '_'.
bool begins_like(std::string_view name, std::string_view pattern) {
  if (name.size() < pattern.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = name[i] == '_' ? '-' : to_lower(name[i]);
    if (c != pattern[i]) return false;
  }
  return true;
}

}  // namespace

bool trusted(const std::vector<config::Network>& networks, const std::uint8_t (&ip)[16]) {
  for (const config::Network& network : networks)
    if (contains(network, ip)) return true;
  return false;
}

bool is_mirror_mark(std::string_view name) {
  return name.size() == 19 && begins_like(name, "x-switchback-mirror");
}

bool is_forwarding_alias(std::string_view name) {
  if (name.size() < 9 || (name[0] | 0x20) != 'x') return false;
  if (begins_like(name, "x-forwarded-")) return true;
  return (name.size() == 9 && begins_like(name, "x-real-ip")) ||
         (name.size() == 12 && begins_like(name, "x-request-id")) || is_mirror_mark(name);
}

}  // namespace switchback::http
