// What a switch leaves behind: for each worker, when it passed the barrier, and how everything that
// was in flight on the old color ended. A flip's receipt is the sum of these shards.
//
// Threads: each shard is written by its worker only, read by anybody at any time without a lock.
// Sums can lag by a moment (a class never shows more ends than `accepted`), but each shard's
// `accepted` is exact once `barrier_ns` is set, and
//   accepted = completed + failed + client_gone + moved + forced + in_flight
// holds per class once the shard is drained; while draining, in_flight is derived from the rest.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.hpp"
#include "proxy/base/color.hpp"

namespace switchback::drain {

// A request's class: `tunnel` after a 101, `stream` once the answer is text/event-stream or
// application/grpc*, `request` otherwise. It is counted in the class in which it ends.
enum class TrafficClass : std::uint8_t { request, stream, tunnel };
inline constexpr std::size_t class_count = 3;
std::string_view to_string(TrafficClass c);

enum class Outcome : std::uint8_t {
  completed,    // the whole answer was handed to the client's connection
  failed,       // no server answered, or its answer was cut
  client_gone,  // the client ended it
  moved,        // retried on the other color, where it went on
  forced,       // ended by the drain's deadline
};
inline constexpr std::size_t outcome_count = 5;
std::string_view to_string(Outcome o);

struct ClassCounts {
  std::uint64_t accepted = 0;
  std::array<std::uint64_t, outcome_count> ended{};
  std::uint64_t retried = 0;  // attempts beyond the first; outside the sum
  std::uint64_t in_flight() const;
};
using Counts = std::array<ClassCounts, class_count>;

struct alignas(64) SwitchShard {
  std::atomic<Nanos> barrier_ns{0};    // 0: not passed yet
  std::atomic<Nanos> first_new_ns{0};  // first final response head of the new epoch; 0: none yet
  std::atomic<Nanos> last_old_ns{
      0};  // last `request` of the cohort ended (barrier_ns if there was none)
  std::atomic<Nanos> drained_ns{0};  // all classes ended
  std::array<std::atomic<std::uint64_t>, class_count> accepted{};
  std::array<std::array<std::atomic<std::uint64_t>, outcome_count>, class_count> ended{};
  std::array<std::atomic<std::uint64_t>, class_count> retried{};
};

struct SwitchRecord {
  SwitchRecord(std::string service_name, Color from_color, Color to_color, std::uint64_t new_epoch,
               unsigned workers);
  const std::string service;
  const Color from;
  const Color to;
  const std::uint64_t epoch;  // requests of this epoch and later are not in the cohort
  Nanos stored_ns = 0;        // when the word was stored
  std::vector<SwitchShard> shards;

  bool switched() const;  // every worker passed the barrier
  bool drained() const;
  std::vector<unsigned> lagging() const;  // workers that have not passed it
  Nanos switched_ns() const;              // latest barrier; 0 until switched
  Nanos first_new_ns() const;             // earliest; 0: none
  Nanos last_old_ns() const;              // latest; 0 until every shard has one
  Nanos drained_ns() const;               // latest; 0 until drained
  Counts counts() const;
};

}  // namespace switchback::drain
