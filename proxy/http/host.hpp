// The authority of a target or of Host: uri-host [ ":" port ] (RFC 9110 §7.2, RFC 3986 §3.2.2).
#pragma once

#include <string_view>

namespace switchback::http {

// Narrower than RFC 3986 where proxies are known to differ: no user information, no sub-delims (a
// comma would be a list to some), no IPvFuture, no zone; a port is empty or 0..65535.
bool valid_authority(std::string_view text);

}  // namespace switchback::http
