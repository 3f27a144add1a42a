#include "proxy/dns/ip.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace switchback::dns {

std::string Ip::text() const {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
  return text;
}

bool can_be_a_server(const Ip& ip) {
  const auto& b = ip.bytes;
  if (!ip.v6) {
    const bool broadcast = b[0] == 255 && b[1] == 255 && b[2] == 255 && b[3] == 255;
    return b[0] != 0 && (b[0] & 0xf0) != 0xe0 && !broadcast;
  }
  const bool zeros = std::all_of(b.begin(), b.begin() + 10, [](auto byte) { return byte == 0; });
  const bool mapped = zeros && b[10] == 0xff && b[11] == 0xff;
  const bool unspecified =
      zeros && std::all_of(b.begin() + 10, b.end(), [](auto byte) { return byte == 0; });
  const bool link_local = b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
  return !mapped && !unspecified && !link_local && b[0] != 0xff;
}

bool has_route(const Ip& ip) {
  const int fd = ::socket(ip.v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno != EAFNOSUPPORT;  // for want of descriptors nothing is known
  int result = 0;
  if (ip.v6) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(9);
    std::memcpy(&to.sin6_addr, ip.bytes.data(), 16);
    result = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  } else {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    std::memcpy(&to.sin_addr, ip.bytes.data(), 4);
    result = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  const bool no_route = result != 0 && (errno == ENETUNREACH || errno == EADDRNOTAVAIL);
  ::close(fd);
  return !no_route;
}

bool is_localhost(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  constexpr std::string_view name = "localhost";
  if (host.size() < name.size()) return false;
  const std::string_view end = host.substr(host.size() - name.size());
  const bool same = std::equal(end.begin(), end.end(), name.begin(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
  });
  return same && (host.size() == name.size() || host[host.size() - name.size() - 1] == '.');
}

}  // namespace switchback::dns
