#include "proxy/upstream/resolved_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace switchback::upstream {
namespace {

bool fill_unix(const config::Address& address, ResolvedAddress& out) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  if (address.path.empty() || address.path.size() >= sizeof un.sun_path) return false;
  std::memcpy(un.sun_path, address.path.data(), address.path.size());
  std::memcpy(&out.storage, &un, sizeof un);
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.path.size() + 1);
  out.text = address.text.empty() ? "unix:" + address.path : address.text;
  return true;
}

bool read_literal(const std::string& host, dns::Ip& ip) {
  ip = {};
  if (::inet_pton(AF_INET, host.c_str(), ip.bytes.data()) == 1) return true;
  ip.v6 = true;
  return ::inet_pton(AF_INET6, host.c_str(), ip.bytes.data()) == 1;
}

}  // namespace

ResolvedAddress to_address(const dns::Ip& ip, std::uint16_t port) {
  ResolvedAddress out;
  if (ip.v6) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, ip.bytes.data(), 16);
    std::memcpy(&out.storage, &in, sizeof in);
    out.size = sizeof in;
    out.text = "[" + ip.text() + "]:" + std::to_string(port);
    return out;
  }
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  std::memcpy(&in.sin_addr, ip.bytes.data(), 4);
  std::memcpy(&out.storage, &in, sizeof in);
  out.size = sizeof in;
  out.text = ip.text() + ":" + std::to_string(port);
  return out;
}

std::vector<ResolvedAddress> known_addresses(const config::Address& address) {
  std::vector<ResolvedAddress> out;
  ResolvedAddress path;
  dns::Ip ip;
  if (address.kind == config::AddressKind::unix_path) {
    if (fill_unix(address, path)) out.push_back(std::move(path));
  } else if (address.kind == config::AddressKind::tcp) {
    if (read_literal(address.host, ip)) {
      out.push_back(to_address(ip, address.port));
    } else if (dns::is_localhost(address.host)) {
      for (const char* literal : {"127.0.0.1", "::1"}) {
        read_literal(literal, ip);
        out.push_back(to_address(ip, address.port));
      }
    }
  }
  return out;
}

bool is_name(const config::Address& address) {
  dns::Ip ip;
  return address.kind == config::AddressKind::tcp && !read_literal(address.host, ip) &&
         !dns::is_localhost(address.host);
}

}  // namespace switchback::upstream
