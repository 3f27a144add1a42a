// Writes the PROXY protocol's header, version 1 (text) or 2 (binary), as in HAProxy's
// doc/proxy-protocol.txt §2.1 and §2.2. Sans-IO; no allocation, no failure.
//
// Without a known client (our own health check, a client of a Unix socket) version 1 says UNKNOWN
// and version 2 LOCAL: the receiver then takes the connection's own addresses.
#pragma once

#include <cstddef>

#include "proxy/net/endpoints.hpp"

namespace switchback::proxy_protocol {

// §2.1: a line of version 1 is at most 107 characters. Version 2 needs 52 at most.
inline constexpr std::size_t max_encoded_bytes = 107;

// Writes to `out`, which has room for max_encoded_bytes; returns the size. Addresses go as TCP4
// when both ends are IPv4, else as TCP6 (an IPv4 end then as ::ffff:a.b.c.d).
std::size_t encode_v1(char* out, const net::Endpoints& ends);
std::size_t encode_v2(char* out, const net::Endpoints& ends);

}  // namespace switchback::proxy_protocol
