// Addresses and networks as text: `host:port`, `[v6]:port`, `unix:/path`; `10.0.0.0/8`.
//
// Errors: a Fault with the mend where it can be guessed. No name is resolved here.
#pragma once

#include <string_view>

#include "config/model.hpp"
#include "config/units.hpp"

namespace switchback::config {

enum class AddressUse : std::uint8_t {
  listen,   // port 0 means "any free port"
  connect,  // a server: the port must be given
};

Parsed<Address> parse_address(std::string_view text, AddressUse use);

// CIDR or a single address; IPv4 comes back mapped to v6. Bits behind the prefix are a fault, since
// they mostly mean that a digit is wrong.
Parsed<Network> parse_network(std::string_view text);

// A DNS name as it may stand in an address or in match.hosts, without wildcard: "" or what is
// wrong.
std::string host_name_fault(std::string_view name);

bool is_loopback(const Address& address);     // 127.0.0.0/8, ::1, localhost, unix paths
bool is_any_address(const Address& address);  // 0.0.0.0 or ::

}  // namespace switchback::config
