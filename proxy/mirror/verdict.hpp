// What came of mirroring a request, as closed lists with their short names, and the comparison of
// two answers. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/clock.hpp"
#include "proxy/http/reject.hpp"

namespace switchback::mirror {

// Why a sampled request was not copied.
enum class Skip : std::uint8_t {
  method,      // not in mirror.methods
  body,        // larger than mirror.body, or of unknown length
  expect,      // Expect: 100-continue
  upgrade,     // Upgrade or CONNECT: a tunnel cannot be copied
  mark,        // it is a copy itself
  preview,     // it went to the standby on purpose
  paused,      // it waited at the door
  head,        // too large to keep
  busy,        // mirror.in_flight copies were under way
  no_server,   // no server of the standby could be used
  switching,   // a switch was going on
  unfinished,  // it ended, or took too long, before its body was whole
  count_
};

// What became of a copy. One each; the differences in this order of weight.
enum class Verdict : std::uint8_t {
  equal,
  status,           // statuses differ
  header,           // a compared field differs
  body,             // length or hash differs
  copy_failed,      // the standby gave no whole answer; see Fault
  original_failed,  // the active color gave none
  dropped,          // nothing to compare; see Drop
  count_
};

// How a copy failed.
enum class Fault : std::uint8_t { connect, timeout, closed, bad_answer, count_ };

// Why a copy was not compared.
enum class Drop : std::uint8_t {
  client_gone,  // the client did not wait for the whole answer
  stream,       // the answer is a stream without an end
  moved,        // the original went on at the other color
  slow,         // the original took longer than mirror.timeout
  stopped,      // mirroring was switched off, or the proxy is going
  count_
};

std::string_view name_of(Skip skip);
std::string_view name_of(Verdict verdict);
std::string_view name_of(Fault fault);
std::string_view name_of(Drop drop);

Fault fault_of(http::Reason reason);

// A copy is slow when it took more than twice as long as the original and this much longer.
inline constexpr Nanos slower_by_ns = 50'000'000;
constexpr bool is_slower(Nanos original_ns, Nanos copy_ns) {
  return copy_ns > 2 * original_ns && copy_ns - original_ns > slower_by_ns;
}

}  // namespace switchback::mirror
