#include "proxy/net/socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

namespace switchback::net {
namespace {

// Copied out: a caller's storage need not be aligned or typed as the family says.
template <class Address>
Address as(const sockaddr* address) {
  Address copy;
  std::memcpy(&copy, address, sizeof copy);
  return copy;
}

}  // namespace

int first_scarce_fd() {
  constexpr rlim_t reserve = 64;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return std::numeric_limits<int>::max();
  const rlim_t most = std::min<rlim_t>(files.rlim_cur, std::numeric_limits<int>::max());
  return static_cast<int>(most - std::min(reserve, most / 8));
}

void set_nodelay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void limit_unsent(int fd) {
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most_unsent_bytes, sizeof most_unsent_bytes);
}

int start_connect(const sockaddr* address, socklen_t length) {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (address->sa_family != AF_UNIX) set_nodelay(fd);
  // Interrupted, a connect goes on by itself (POSIX): the outcome comes as an event all the same.
  if (::connect(fd, address, length) == 0 || errno == EINPROGRESS || errno == EINTR) return fd;
  const int error = errno;
  ::close(fd);
  return -error;
}

int connect_result(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return -errno;
  return -error;
}

IpText::IpText(const sockaddr* address) {
  text_[0] = '\0';
  if (address != nullptr && address->sa_family == AF_INET) {
    const auto v4 = as<sockaddr_in>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text_.data(), text_.size());
  } else if (address != nullptr && address->sa_family == AF_INET6) {
    const auto v6 = as<sockaddr_in6>(address);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text_.data(), text_.size());
    } else {
      ::inet_ntop(AF_INET6, &v6.sin6_addr, text_.data(), text_.size());
    }
  } else {
    std::strcpy(text_.data(), "unknown");
  }
  length_ = static_cast<std::uint8_t>(std::strlen(text_.data()));
}

IpText::IpText(const IpBytes& ip) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  std::memcpy(&address.sin6_addr, ip.data(), ip.size());
  *this = IpText(reinterpret_cast<const sockaddr*>(&address));
}

IpBytes ip_bytes(const sockaddr* address) {
  IpBytes bytes{};
  if (address->sa_family == AF_INET) {
    const auto v4 = as<sockaddr_in>(address);
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(&bytes[12], &v4.sin_addr, 4);
  } else if (address->sa_family == AF_INET6) {
    const auto v6 = as<sockaddr_in6>(address);
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  }
  return bytes;
}

std::uint16_t ip_port(const sockaddr* address) {
  if (address->sa_family == AF_INET) return ntohs(as<sockaddr_in>(address).sin_port);
  if (address->sa_family == AF_INET6) return ntohs(as<sockaddr_in6>(address).sin6_port);
  return 0;
}

std::string address_text(const sockaddr_storage& address) {
  const std::string ip(IpText(address).view());
  const std::string port = std::to_string(ip_port(reinterpret_cast<const sockaddr*>(&address)));
  const bool v6 = ip.find(':') != std::string::npos;
  return v6 ? "[" + ip + "]:" + port : ip + ":" + port;
}

void ask_whether_open(int fd) {
  // A byte that means nothing even where a middlebox has made it part of the stream.
  [[maybe_unused]] const ssize_t sent = ::send(fd, "\n", 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace switchback::net
