// An IP address as DNS gives it: no port, no scope.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

namespace switchback::dns {

struct Ip {
  bool v6 = false;                       // first, so that sorting puts IPv4 in front
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4: the first four
  std::string text() const;              // "10.0.0.7", "2001:db8::7"
  friend auto operator<=>(const Ip&, const Ip&) = default;
};

// False for what no server can have: unspecified (a connect to 0.0.0.0 would reach ourselves),
// broadcast, multicast, IPv6 link-local (it needs a scope) and IPv4 in IPv6 clothes.
bool can_be_a_server(const Ip& ip);

// Whether this host has a route and a source address for it at all. Nothing is sent.
bool has_route(const Ip& ip);

// "localhost" and all names under it never leave the host (RFC 6761 §6.3).
bool is_localhost(std::string_view host);

}  // namespace switchback::dns
