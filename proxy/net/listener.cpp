#include "proxy/net/listener.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "proxy/net/socket.hpp"

namespace switchback::net {
namespace {

constexpr int backlog = 4096;   // the kernel caps it at net.core.somaxconn

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

std::string mend_for(int error) {
  switch (error) {
    case EADDRINUSE:
      return "another process has it: stop that process or choose another address";
    case EACCES:
    case EPERM:
      return "give the program the right to it (below port 1024: CAP_NET_BIND_SERVICE; a Unix "
             "path: write access to its folder) or choose another address";
    case EADDRNOTAVAIL:
      return "no network interface here has this address: use one that exists, or 0.0.0.0 or "
             "[::] for all";
    case EAFNOSUPPORT:
      return "this system has no such address family: use an IPv4 address";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (ulimit -n)";
    case ENOENT:
    case ENOTDIR:
      return "create the folder of this path first";
    default:
      return "correct the address";
  }
}

std::string failure(const config::Address& address, int error) {
  return "cannot listen on " + address.text + ": " + std::strerror(error) + "; " + mend_for(error);
}

std::string resolve(const config::Address& address, SocketAddress& out) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int failed = ::getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(),
                                   port.c_str(), &hints, &found);
  if (failed != 0) {
    return "cannot listen on " + address.text + ": " + ::gai_strerror(failed) +
           "; write an IP address of this machine instead of \"" + address.host + "\"";
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  std::memcpy(&out.storage, found->ai_addr, found->ai_addrlen);
  out.length = found->ai_addrlen;
  return {};
}

// A bound TCP socket, or -errno. SO_REUSEADDR lets a restart pass connections in TIME_WAIT.
int bind_tcp(SocketAddress& at, bool reuse_port) {
  const int fd = ::socket(at.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (reuse_port) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (at.storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(at.storage);
    const int only_v6 = IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) ? 0 : 1;
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
  }
  if (::bind(fd, at.get(), at.length) == 0) return fd;
  const int error = errno;
  ::close(fd);
  return -error;
}

std::string text_of(const SocketAddress& at) {
  const std::string ip(IpText(at.storage).view());
  const std::string port =
      std::to_string(ip_port(reinterpret_cast<const sockaddr*>(&at.storage)));
  return at.storage.ss_family == AF_INET6 ? "[" + ip + "]:" + port : ip + ":" + port;
}

std::string open_tcp(const config::Address& address, unsigned workers, OpenedListener& out) {
  SocketAddress at;
  if (std::string error = resolve(address, at); !error.empty()) return error;
  if (address.port != 0) {
    const int probe = bind_tcp(at, false);
    if (probe < 0) return failure(address, -probe);
    ::close(probe);
  }
  for (unsigned i = 0; i < workers; ++i) {
    const int fd = bind_tcp(at, true);
    if (fd < 0) return failure(address, -fd);
    out.fds.push_back(fd);
    // The first socket may have been given its port by the kernel: the others take the same.
    if (i == 0) ::getsockname(fd, at.get(), &at.length);
  }
  // All are bound before the first listens: a socket that joins the group later would change
  // which socket the kernel picks for a connection on its way in.
  for (int fd : out.fds) {
    if (::listen(fd, backlog) != 0) return failure(address, errno);
  }
  out.local_text = text_of(at);
  return {};
}

// Makes room for a Unix socket: 0, or the errno that says why the path must stay.
int clear_stale_path(const sockaddr_un& at) {
  struct stat info;
  if (::lstat(at.sun_path, &info) != 0) return errno == ENOENT ? 0 : errno;
  if (!S_ISSOCK(info.st_mode)) return EEXIST;
  const int fd = start_connect(reinterpret_cast<const sockaddr*>(&at), sizeof at);
  if (fd >= 0) ::close(fd);
  if (fd != -ECONNREFUSED) return EADDRINUSE;   // someone answers, or may: not ours to remove
  return ::unlink(at.sun_path) == 0 ? 0 : errno;
}

std::string open_unix(const config::Address& address, OpenedListener& out) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (address.path.empty() || address.path.size() >= sizeof at.sun_path) {
    return "cannot listen on " + address.text + ": a Unix socket path has 1 to " +
           std::to_string(sizeof at.sun_path - 1) + " bytes; choose a shorter path";
  }
  std::memcpy(at.sun_path, address.path.data(), address.path.size());
  const int stale = clear_stale_path(at);
  if (stale == EEXIST) {
    return "cannot listen on " + address.text +
           ": the path exists and is not a socket; remove it or choose another path";
  }
  if (stale != 0) return failure(address, stale);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure(address, errno);
  out.fds.push_back(fd);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    return failure(address, errno);
  }
  if (::listen(fd, backlog) != 0) {
    const int error = errno;
    ::unlink(at.sun_path);
    return failure(address, error);
  }
  out.local_text = "unix:" + address.path;
  return {};
}

}  // namespace

std::string open_listener(const config::Address& address, unsigned workers, OpenedListener& out) {
  out = OpenedListener{address, {}, {}};
  std::string error;
  switch (address.kind) {
    case config::AddressKind::tcp:
      error = open_tcp(address, workers, out);
      break;
    case config::AddressKind::unix_path:
      error = open_unix(address, out);
      break;
    case config::AddressKind::inherited_fd:
      error = "cannot listen on " + address.text +
              ": descriptors are not inherited; use host:port or unix:/path";
      break;
  }
  if (!error.empty()) {
    for (int fd : out.fds) ::close(fd);
    out.fds.clear();
  }
  return error;
}

void close_listener(OpenedListener& listener) {
  for (int fd : listener.fds) ::close(fd);
  if (!listener.fds.empty() && listener.address.kind == config::AddressKind::unix_path) {
    ::unlink(listener.address.path.c_str());
  }
  listener.fds.clear();
}

}  // namespace switchback::net
