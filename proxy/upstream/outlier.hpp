// Passive health: a server that fails real requests several times in a row is taken out for a
// while.
//
// The rule is pure; what it counts are the few atomics of a Standing, shared by all workers. A
// success costs one relaxed load. Two workers may count a failure and a success in either order:
// near the threshold that moves an ejection by a request, and harms nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "proxy/base/clock.hpp"
#include "proxy/http/fault.hpp"
#include "proxy/http/reject.hpp"

namespace switchback::upstream {

struct OutlierRule {
  unsigned consecutive_failures = 5;  // 0: never
  Nanos ejection_ns = 10'000'000'000;
  unsigned max_ejected_percent = 50;
};

inline constexpr unsigned max_ejections_in_row = 10;  // what the ejection's time is multiplied by

// How many of `servers` may be out at once: rounded down, but one of two or more unless 0 %.
unsigned ejections_allowed(std::size_t servers, unsigned max_ejected_percent);

// The place in a row of the ejection that begins now. Of the `row` before, one is forgiven for each
// `ejection_ns` that the server has behaved since it came back at `returned_ns` (0: never out).
unsigned next_in_row(unsigned row, Nanos returned_ns, Nanos now_ns, Nanos ejection_ns);

// The server's own part of a connect that failed; the rest (no descriptors, no memory, no port
// left) is ours and says nothing about it.
bool server_at_fault(int connect_error);

// What a server did last to be counted against: a Reason, or the status of its answer.
class LastFailure {
 public:
  constexpr LastFailure() = default;
  explicit constexpr LastFailure(http::Reason reason) : code_(static_cast<std::uint16_t>(reason)) {}
  static constexpr LastFailure of_status(unsigned status) {
    LastFailure failure;
    failure.code_ = static_cast<std::uint16_t>(status);
    return failure;
  }
  // What was wrong with an answer, and where: places behind 65,535 lines or 16 MB are cut to that.
  static LastFailure of_answer(http::Reason reason, http::Fault fault, http::Place place);
  // All of it in one word, 0: nothing.
  std::uint64_t code() const { return code_; }
  static LastFailure of_code(std::uint64_t code) {
    LastFailure failure;
    failure.code_ = code;
    return failure;
  }
  // "connect_refused", "status 503", "bad_response: a NUL byte (line 2, byte 20)"; "" for nothing.
  std::string text() const;

 private:
  // From the lowest bit: 16 a Reason (below 100) or a status, 8 a Fault, 16 the line, 24 the byte.
  std::uint64_t code_ = 0;
};

// A server's standing with the workers that send it requests. Goes on over reloads and flips.
struct alignas(64) Standing {
  // Written by workers: failures in a row, and what the last one was.
  std::atomic<std::uint32_t> failures{0};
  std::atomic<std::uint64_t> last_failure{0};
  // Written under the pool's mutex.
  std::atomic<Nanos> ejected_until_ns{0};       // 0: never was; in the past: it is back since then
  std::atomic<std::uint32_t> in_row{0};         // ejections, see next_in_row
  std::atomic<std::uint32_t> ejected_after{0};  // failures that led to the last ejection
  std::atomic<std::uint64_t> ejections{0};
  std::atomic<std::uint64_t> withheld{0};  // ejections not made: too many out, or the last one
  // Written by the control thread: a reload added the server or raised its weight.
  std::atomic<Nanos> raised_ns{0};
  std::atomic<std::uint32_t> raised_from{0};  // per mille of the new weight

  bool ejected(Nanos now_ns) const {
    const Nanos until = ejected_until_ns.load(std::memory_order_relaxed);
    return until != 0 && now_ns < until;
  }
  void remember(LastFailure what) {  // without counting it
    last_failure.store(what.code(), std::memory_order_relaxed);
  }
  void succeeded() {
    if (failures.load(std::memory_order_relaxed) != 0) {
      failures.store(0, std::memory_order_relaxed);
    }
  }
};

inline constexpr unsigned full_share = 1000;       // per mille
inline constexpr unsigned slow_start_share = 100;  // where it begins

// The share, in per mille, that a server which came back `since_ns` ago has of its weight.
unsigned ramp(Nanos since_ns, Nanos slow_start_ns, unsigned from);

}  // namespace switchback::upstream
