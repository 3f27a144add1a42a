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

#include "proxy/net/inherited.hpp"
#include "proxy/net/socket.hpp"

namespace switchback::net {
namespace {

constexpr int backlog = 4096;  // the kernel caps it at net.core.somaxconn

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
  out.local_text = address_text(at.storage);
  return {};
}

// Makes room for a Unix socket: 0, or the errno that says why the path must stay.
int clear_stale_path(const sockaddr_un& at) {
  struct stat info;
  if (::lstat(at.sun_path, &info) != 0) return errno == ENOENT ? 0 : errno;
  if (!S_ISSOCK(info.st_mode)) return EEXIST;
  const int fd = start_connect(reinterpret_cast<const sockaddr*>(&at), sizeof at);
  if (fd >= 0) ::close(fd);
  if (fd != -ECONNREFUSED) return EADDRINUSE;  // someone answers, or may: not ours to remove
  return ::unlink(at.sun_path) == 0 ? 0 : errno;
}

std::string open_unix(const config::Address& address, unsigned mode, OpenedListener& out) {
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
  // Before it listens: nobody gets in while it has the mode that the umask gave it.
  if (::chmod(at.sun_path, mode) != 0 || ::listen(fd, backlog) != 0) {
    const int error = errno;
    ::unlink(at.sun_path);
    return failure(address, error);
  }
  struct stat info {};
  if (::stat(at.sun_path, &info) == 0) {
    out.path_device = info.st_dev;
    out.path_inode = info.st_ino;
  }
  out.local_text = "unix:" + address.path;
  return {};
}

std::string open_inherited(const config::Address& address, OpenedListener& out) {
  InheritedSockets& sockets = inherited_sockets();
  const std::string others = sockets.names();
  out.owned = false;
  out.fds = sockets.take(address.path);
  if (out.fds.empty()) {
    const std::string cannot = "cannot listen on " + address.text + ": ";
    if (others.empty()) {
      return cannot +
             "no socket was passed to this process; start it by its .socket unit (socket "
             "activation), or write host:port";
    }
    return cannot + "no socket of that name was passed, only " + others +
           "; set FileDescriptorName=" + address.path + " in its .socket unit";
  }
  for (const int fd : out.fds) {
    std::string text;
    if (const std::string fault = examine_listening(fd, text); !fault.empty())
      return "cannot listen on " + address.text + ": " + fault;
    out.inherited_texts.push_back(std::move(text));
  }
  out.local_text = out.inherited_texts.front();
  return {};
}

// A path is removed only while it is still the socket that was bound here: a successor may have
// put its own in the place.
void remove_path(const OpenedListener& listener) {
  struct stat info {};
  const char* const path = listener.address.path.c_str();
  if (::lstat(path, &info) != 0 || info.st_dev != listener.path_device ||
      info.st_ino != listener.path_inode) {
    return;
  }
  ::unlink(path);
}

}  // namespace

std::string open_listener(const config::Address& address, unsigned workers, OpenedListener& out,
                          unsigned mode) {
  out = OpenedListener{};
  out.address = address;
  std::string error;
  switch (address.kind) {
    case config::AddressKind::tcp:
      error = open_tcp(address, workers, out);
      break;
    case config::AddressKind::unix_path:
      error = open_unix(address, mode, out);
      break;
    case config::AddressKind::inherited_fd:
      error = open_inherited(address, out);
      break;
  }
  if (!error.empty()) {
    for (int fd : out.fds) ::close(fd);
    out.fds.clear();
  }
  return error;
}

std::vector<ListenShare> shares_of(const OpenedListener& listener, unsigned worker,
                                   unsigned workers) {
  if (listener.address.kind == config::AddressKind::tcp) return {{listener.fds[worker], false}};
  if (listener.owned) return {{listener.fds[0], workers > 1}};
  std::vector<ListenShare> shares;
  for (std::size_t i = 0; i < listener.fds.size(); ++i) {
    const std::string& text = listener.inherited_texts[i];
    std::size_t twins = 0, before = 0;  // sockets on the same address: SO_REUSEPORT
    for (std::size_t j = 0; j < listener.fds.size(); ++j) {
      twins += listener.inherited_texts[j] == text;
      before += j < i && listener.inherited_texts[j] == text;
    }
    if (twins < workers) {
      shares.push_back({listener.fds[i], workers > 1});
    } else if (before % workers == worker) {
      shares.push_back({listener.fds[i], false});
    }
  }
  return shares;
}

void give_up_path(OpenedListener& listener) {
  if (listener.address.kind != config::AddressKind::unix_path || listener.path_inode == 0) return;
  remove_path(listener);
  listener.path_inode = 0;
}

void close_listener(OpenedListener& listener) {
  // The path goes first: a successor that sees it without a listener may take it over at once.
  if (!listener.fds.empty()) give_up_path(listener);
  for (int fd : listener.fds) ::close(fd);
  listener.fds.clear();
}

}  // namespace switchback::net
