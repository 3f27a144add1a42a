#include "admin/http/peer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace switchback::web {
namespace {

std::vector<gid_t> peer_groups(int fd) {
  std::vector<gid_t> groups(64);
  // A peer may be in up to 65,536 groups; the kernel says how much room it wants.
  for (int attempt = 0; attempt < 2; ++attempt) {
    socklen_t size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
      groups.resize(size / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE) break;
    groups.resize(size / sizeof(gid_t));
  }
  return {};
}

bool is_loopback(const in6_addr& a) {
  if (IN6_IS_ADDR_V4MAPPED(&a)) return a.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&a);
}

}  // namespace

Peer unix_peer(int fd) {
  Peer peer;
  peer.kind = Peer::Kind::unix_socket;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 &&
      size == sizeof credentials && credentials.uid != static_cast<uid_t>(-1)) {
    peer.credentials = true;
    peer.uid = credentials.uid;
    peer.gid = credentials.gid;
    peer.pid = credentials.pid;
    peer.groups = peer_groups(fd);
  }
  return peer;
}

Peer tcp_peer(int fd) {
  Peer peer;
  peer.kind = Peer::Kind::tcp;
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return peer;
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    peer.ip = text;
    peer.address = peer.ip + ":" + std::to_string(ntohs(v4.sin_port));
    peer.loopback = (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  } else if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    peer.ip = text;
    peer.address = "[" + peer.ip + "]:" + std::to_string(ntohs(v6.sin6_port));
    peer.loopback = is_loopback(v6.sin6_addr);
  }
  return peer;
}

}  // namespace switchback::web
