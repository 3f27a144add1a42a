// The two ends of a client's connection, compact enough to keep: what a PROXY header tells a
// server.
//
// Threads: any; values only. Nothing here allocates.
#pragma once

#include "proxy/net/socket.hpp"

namespace switchback::net {

struct Endpoints {
  IpBytes source{};               // the client; IPv4 as ::ffff:a.b.c.d, as in ip_bytes()
  IpBytes destination{};          // the address it connected to
  std::uint16_t source_port = 0;  // host order
  std::uint16_t destination_port = 0;
  bool known = false;  // false: not IP (a Unix socket), or nobody's connection
  friend bool operator==(const Endpoints&, const Endpoints&) = default;
};

// Unknown unless both are IP.
Endpoints endpoints_of(const sockaddr_storage& source, const sockaddr_storage& destination);

// Asks the kernel (getpeername, getsockname): two system calls, so only where somebody wants it.
Endpoints endpoints_of(int fd);

}  // namespace switchback::net
