#include "proxy/http/host.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "proxy/http/chars.hpp"

namespace switchback::http {
namespace {

constexpr auto make_host_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (char c : std::string_view("-._~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto host_table = make_host_table();

bool valid_port(std::string_view text) {
  if (text.size() > 5) return false;
  unsigned port = 0;
  for (char c : text) {
    if (!is_digit(c)) return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  return port <= 65535;
}

bool valid_ipv6(std::string_view text) {
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof copy) return false;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  in6_addr address;
  // A NUL inside would end the copy early; none can be there, since text came through a decoder,
  // but the check costs nothing and keeps this function true on its own.
  return std::strlen(copy) == text.size() && ::inet_pton(AF_INET6, copy, &address) == 1;
}

}  // namespace

bool valid_authority(std::string_view text) {
  if (text.empty()) return false;
  std::size_t end = 0;
  if (text[0] == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || !valid_ipv6(text.substr(1, close - 1))) return false;
    end = close + 1;
  } else {
    const char *p = text.data(), *const stop = p + text.size();
    for (;;) {
      while (p < stop && host_table[static_cast<unsigned char>(*p)]) ++p;
      if (stop - p < 3 || *p != '%' || hex_value(p[1]) < 0 || hex_value(p[2]) < 0) break;
      p += 3;
    }
    end = static_cast<std::size_t>(p - text.data());
    if (end == 0) return false;
  }
  if (end == text.size()) return true;
  return text[end] == ':' && valid_port(text.substr(end + 1));
}

}  // namespace switchback::http
