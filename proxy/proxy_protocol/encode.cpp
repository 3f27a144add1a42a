#include "proxy/proxy_protocol/encode.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>
#include <string_view>

namespace switchback::proxy_protocol {
namespace {

constexpr std::size_t v4_offset = 12;  // of the four bytes in a mapped address
constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr char command_local = 0x20, command_proxy = 0x21;
constexpr char tcp_over_v4 = 0x11, tcp_over_v6 = 0x21;

bool is_v4(const net::IpBytes& address) {
  static constexpr std::uint8_t mapped[v4_offset] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(address.data(), mapped, v4_offset) == 0;
}

bool both_v4(const net::Endpoints& ends) {
  return is_v4(ends.source) && is_v4(ends.destination);
}

char* put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

char* put_number(char* at, unsigned number, int base = 10) {
  return std::to_chars(at, at + 8, number, base).ptr;
}

char* put_address(char* at, const net::IpBytes& address, bool as_v4) {
  if (!as_v4 && is_v4(address)) {
    // inet_ntop would write it with dots, which a line of version 1 must not have in a TCP6
    // address (§2.1: groups of hexadecimal digits between colons).
    at = put(at, "::ffff:");
    at = put_number(at, unsigned{address[12]} << 8 | address[13], 16);
    at = put(at, ":");
    return put_number(at, unsigned{address[14]} << 8 | address[15], 16);
  }
  ::inet_ntop(as_v4 ? AF_INET : AF_INET6, address.data() + (as_v4 ? v4_offset : 0), at,
              INET6_ADDRSTRLEN);
  return at + std::strlen(at);
}

char* put_port(char* at, std::uint16_t port) {
  *at++ = static_cast<char>(port >> 8);
  *at++ = static_cast<char>(port & 0xff);
  return at;
}

}  // namespace

std::size_t encode_v1(char* out, const net::Endpoints& ends) {
  if (!ends.known) return static_cast<std::size_t>(put(out, "PROXY UNKNOWN\r\n") - out);
  const bool v4 = both_v4(ends);
  char* at = put(out, v4 ? "PROXY TCP4 " : "PROXY TCP6 ");
  at = put(put_address(at, ends.source, v4), " ");
  at = put(put_address(at, ends.destination, v4), " ");
  at = put(put_number(at, ends.source_port), " ");
  at = put(put_number(at, ends.destination_port), "\r\n");
  return static_cast<std::size_t>(at - out);
}

std::size_t encode_v2(char* out, const net::Endpoints& ends) {
  char* at = put(out, signature);
  if (!ends.known) {
    *at++ = command_local;
    *at++ = 0;  // no family, no protocol
    at = put_port(at, 0);
    return static_cast<std::size_t>(at - out);
  }
  const bool v4 = both_v4(ends);
  const std::size_t from = v4 ? v4_offset : 0, size = v4 ? 4 : 16;
  *at++ = command_proxy;
  *at++ = v4 ? tcp_over_v4 : tcp_over_v6;
  at = put_port(at, static_cast<std::uint16_t>(2 * size + 4));  // what follows
  std::memcpy(at, ends.source.data() + from, size);
  std::memcpy(at + size, ends.destination.data() + from, size);
  at = put_port(at + 2 * size, ends.source_port);
  at = put_port(at, ends.destination_port);
  return static_cast<std::size_t>(at - out);
}

}  // namespace switchback::proxy_protocol
