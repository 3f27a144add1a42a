// What is forgiven to a server whose answer breaks a rule that can be read in one way only
// (docs/framing.md, "What is forgiven to servers"): one closed list, used for counters and tests.
//
// Nothing of it reaches a client: heads and chunks are written anew from what was understood.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace switchback::http {

enum class Lapse : std::uint8_t {
  line_feed,          // a line that ends with LF alone (RFC 9112 §2.2)
  empty_line,         // in front of the status line
  status_line,        // no space behind the status, several before it, a status above 599
  control_byte,       // in a value or a reason; not NUL, CR or LF (RFC 9110 §5.5)
  folded_line,        // obs-fold (RFC 9112 §5.2)
  repeated_length,    // Content-Length several times, always the same (RFC 9112 §6.3)
  chunk_line,         // white space or an odd extension beside a chunk's size (RFC 9112 §7.1)
  old_chunked,        // Transfer-Encoding: chunked in HTTP/1.0 (RFC 9112 §6.1)
  identity_coding,    // Transfer-Encoding: identity (RFC 2616 §3.6)
  connection_option,  // Connection with an option that is no token (RFC 9110 §7.6.1)
  count_
};
inline constexpr std::size_t lapse_count = static_cast<std::size_t>(Lapse::count_);

// Sets of them, one bit each.
using Lapses = std::uint16_t;
constexpr Lapses bit_of(Lapse lapse) {
  return static_cast<Lapses>(1u << static_cast<unsigned>(lapse));
}
static_assert(lapse_count <= 16);

std::string_view name_of(Lapse lapse);  // "line_feed"

}  // namespace switchback::http
