// Where a connection goes: a socket address ready for connect(2).
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/dns/ip.hpp"

namespace switchback::upstream {

struct ResolvedAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string text;  // "10.0.0.7:9000"
};

// What needs nobody's help: an IP literal, a unix path, or localhost, which is 127.0.0.1 and then
// ::1 (RFC 6761 §6.3). Empty: it is a name (see is_name), or a path that is too long.
std::vector<ResolvedAddress> known_addresses(const config::Address& address);

// A name that only DNS (or /etc/hosts) knows.
bool is_name(const config::Address& address);

ResolvedAddress to_address(const dns::Ip& ip, std::uint16_t port);

}  // namespace switchback::upstream
