#include "proxy/net/endpoints.hpp"

namespace switchback::net {
namespace {

bool is_ip(const sockaddr_storage& address) {
  return address.ss_family == AF_INET || address.ss_family == AF_INET6;
}

}  // namespace

Endpoints endpoints_of(const sockaddr_storage& source, const sockaddr_storage& destination) {
  Endpoints ends;
  if (!is_ip(source) || !is_ip(destination)) return ends;
  const auto* from = reinterpret_cast<const sockaddr*>(&source);
  const auto* to = reinterpret_cast<const sockaddr*>(&destination);
  ends.source = ip_bytes(from);
  ends.source_port = ip_port(from);
  ends.destination = ip_bytes(to);
  ends.destination_port = ip_port(to);
  ends.known = true;
  return ends;
}

Endpoints endpoints_of(int fd) {
  sockaddr_storage peer{}, local{};
  socklen_t peer_size = sizeof peer, local_size = sizeof local;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &local_size) != 0) {
    return {};
  }
  return endpoints_of(peer, local);
}

}  // namespace switchback::net
