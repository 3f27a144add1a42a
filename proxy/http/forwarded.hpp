// Whose word about the client counts: networks of trusted proxies, and the fields such a word
// comes in (RFC 7239, and the X-Forwarded family, which has no RFC).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "config/model.hpp"

namespace switchback::http {

// `ip`: 16 bytes, network order; IPv4 as ::ffff:a.b.c.d, as config::Network holds it.
bool trusted(const std::vector<config::Network>& networks, const std::uint8_t (&ip)[16]);

// "X-Switchback-Mirror", which marks the copy of a request (docs/mirroring.md), '_' or '-'.
bool is_mirror_mark(std::string_view name);

// Names without an id of their own that servers take for X-Forwarded-* and the like: any
// "X-Forwarded-…", and spellings with '_', which CGI and WSGI cannot tell from '-'; and the mark of
// a copy, which only we and those we trust may say.
bool is_forwarding_alias(std::string_view name);

}  // namespace switchback::http
