// traceparent of W3C Trace Context, level 1: "00-<32 hex trace id>-<16 hex parent id>-<2 hex
// flags>".
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/request_id.hpp"

namespace switchback::http {

inline constexpr std::size_t traceparent_size = 55;

// Lower-case hex, neither id zero, version not ff. A version above 00 may have more behind it.
bool valid_traceparent(std::string_view text);

// The 32 hex digits of a valid one.
inline std::string_view trace_id_of(std::string_view valid) {
  return valid.substr(3, 32);
}

// Begins a trace: writes traceparent_size characters to `out`, flags 01 where it is `sampled`, else
// 00, which asks everybody behind to record nothing. Returns them as a view.
std::string_view begin_traceparent(char* out, Random& random, bool sampled);

}  // namespace switchback::http
