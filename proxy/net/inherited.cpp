#include "proxy/net/inherited.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "proxy/net/socket.hpp"

namespace switchback::net {
namespace {

constexpr unsigned max_inherited = 1024;  // an absurd LISTEN_FDS must not make us close everything

bool read_number(const char* text, unsigned& out) {
  const char* const end = text + std::strlen(text);
  const auto [stop, fault] = std::from_chars(text, end, out);
  return fault == std::errc{} && stop == end && text != end;
}

int option_of(int fd, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

std::string unix_text(const sockaddr_storage& address, socklen_t length) {
  constexpr std::size_t start = offsetof(sockaddr_un, sun_path);
  if (length <= start) return "unix:";
  sockaddr_un at;
  std::memcpy(&at, &address, sizeof at);
  std::string path(at.sun_path, length - start);
  if (path[0] == '\0') return "unix:@" + path.substr(1);  // an abstract name
  return "unix:" + path.substr(0, path.find('\0'));
}

}  // namespace

InheritedSockets::~InheritedSockets() {
  for (const auto& [name, fd] : sockets_) ::close(fd);
}

std::string InheritedSockets::from_environment(InheritedSockets& out, int first_fd) {
  const char* const pid_text = std::getenv("LISTEN_PID");
  const char* const count_text = std::getenv("LISTEN_FDS");
  const char* const names_text = std::getenv("LISTEN_FDNAMES");
  unsigned pid = 0, count = 0;
  std::string names = names_text ? names_text : "";
  std::string fault;
  if (pid_text && count_text) {
    if (!read_number(pid_text, pid)) {
      fault = "LISTEN_PID is not a number";
    } else if (pid == static_cast<unsigned>(::getpid()) &&
               (!read_number(count_text, count) || count > max_inherited)) {
      fault = "LISTEN_FDS is not a number from 0 to " + std::to_string(max_inherited);
    }
  }
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
  if (!fault.empty() || pid != static_cast<unsigned>(::getpid())) return fault;
  for (unsigned i = 0; i < count; ++i) {
    const int fd = first_fd + static_cast<int>(i);
    const std::size_t colon = names.find(':');
    std::string name = names.substr(0, colon);
    names.erase(0, colon == std::string::npos ? names.size() : colon + 1);
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags < 0) {
      return "LISTEN_FDS says " + std::to_string(count) + ", but descriptor " + std::to_string(fd) +
             " is not open";
    }
    ::fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    out.sockets_.emplace_back(name.empty() ? "unknown" : std::move(name), fd);
  }
  return {};
}

std::vector<int> InheritedSockets::take(std::string_view name) {
  std::vector<int> fds;
  std::erase_if(sockets_, [&](const auto& socket) {
    if (socket.first != name) return false;
    fds.push_back(socket.second);
    return true;
  });
  return fds;
}

std::string InheritedSockets::names() const {
  std::string out;
  for (const auto& [name, fd] : sockets_) out += (out.empty() ? "" : ", ") + name;
  return out;
}

InheritedSockets& inherited_sockets() {
  static InheritedSockets sockets;
  return sockets;
}

std::string examine_listening(int fd, std::string& local_text) {
  const std::string which = "descriptor " + std::to_string(fd);
  const int type = option_of(fd, SO_TYPE);
  if (type < 0) {
    return which + (errno == EBADF ? " is not open" : " is not a socket") +
           "; a .socket unit passes sockets";
  }
  if (type != SOCK_STREAM) return which + " is not a stream socket; use ListenStream=";
  if (option_of(fd, SO_ACCEPTCONN) != 1) {
    return which +
           " does not listen: it is a connection, or was never told to; use ListenStream= "
           "with Accept=no";
  }
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return which + ": " + std::strerror(errno);
  if (address.ss_family == AF_UNIX) {
    local_text = unix_text(address, length);
  } else if (address.ss_family == AF_INET || address.ss_family == AF_INET6) {
    local_text = address_text(address);
  } else {
    return which + " is of an address family that HTTP does not come by";
  }
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
    return which + ": " + std::strerror(errno);
  return {};
}

}  // namespace switchback::net
