// Small tools for sockets: connecting without blocking, and addresses as text and as bytes.
//
// Threads: any; no state. Only address_text allocates. Errors are values (0 or -errno).
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>


namespace switchback::net {

// Descriptors from this number on are kept for what must not fail (admin, files, health checks).
// The kernel gives the lowest free number, so a number tells how many are taken.
int first_scarce_fd();

void set_nodelay(int fd);  // TCP only; without effect on other sockets
// How much the kernel takes ahead of what the peer can be sent: without a bound it is all of
// tcp_wmem (4 MiB) for every client that reads a long answer slowly.
inline constexpr int most_unsent_bytes = 512 * 1024;
void limit_unsent(int fd);  // likewise; TCP_NOTSENT_LOWAT

// Starts a connect on a new non-blocking, close-on-exec socket, with TCP_NODELAY where it is TCP.
// The descriptor, or -errno. Connected or refused: the first EPOLLOUT tells (connect_result);
// a refusal known at once is returned. -EAGAIN: the backlog of a Unix socket is full.
int start_connect(const sockaddr* address, socklen_t length);

// 0 when the connection stands, -errno when it failed (SO_ERROR, which this clears). Ask after
// EPOLLOUT, EPOLLERR or EPOLLHUP, not before.
int connect_result(int fd);

// The address as 16 bytes: v6 as it is, v4 as ::ffff:a.b.c.d, so that both compare and hash alike.
// All zero for other families.
using IpBytes = std::array<std::uint8_t, 16>;

// The peer's address without its port, for logs and X-Forwarded-For: "192.0.2.7" (also for a
// v4-mapped v6 address), "2001:db8::1", or "unknown" for Unix sockets.
class IpText {
 public:
  IpText() : IpText(nullptr) {}
  explicit IpText(const sockaddr* address);  // null: unknown
  explicit IpText(const sockaddr_storage& address)
      : IpText(reinterpret_cast<const sockaddr*>(&address)) {}
  explicit IpText(const IpBytes& ip);  // as ip_bytes() gives it
  std::string_view view() const { return {text_.data(), length_}; }
  const char* c_str() const { return text_.data(); }

 private:
  std::array<char, 46> text_;  // INET6_ADDRSTRLEN
  std::uint8_t length_ = 0;
};

IpBytes ip_bytes(const sockaddr* address);
std::uint16_t ip_port(const sockaddr* address);             // host order; 0 for other families
std::string address_text(const sockaddr_storage& address);  // "192.0.2.7:80", "[2001:db8::1]:80"

// Sends a byte of urgent data: a peer that has closed its socket answers it with a reset, one that
// reads does not see it. Without effect on sockets that are not TCP.
void ask_whether_open(int fd);

}  // namespace switchback::net
