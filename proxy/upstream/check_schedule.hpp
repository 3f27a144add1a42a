// When a server is checked, and how many checks go to one address at once. Sans-IO: time and chance
// come in.
//
// Threads: none of its own. `chance` is in [0, 1).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace switchback::upstream {

// Checks of one address that are under way at once, whatever number of services have it: a
// server's few workers are for its clients.
inline constexpr unsigned checks_at_once = 4;

// How well a server is known to the checker.
enum class CheckPhase : std::uint8_t {
  arriving,  // it has not passed yet, and has not been checked for long
  in_doubt,  // the last result differs from what it is held for, and is not yet enough
  steady,
};

// The place in time of a first check. Of the `sharing` servers of one address that are new together
// (a server of many services) the one at `place` comes in its part of the interval, or of 250 ms
// for each where that is less; a server of its own comes within 50 ms.
std::chrono::nanoseconds first_check_delay(std::size_t place, std::size_t sharing,
                                           std::chrono::nanoseconds interval, double chance);

// From one check's begin to the next one's. Steady: the interval, give or take a tenth, so that
// many checkers do not fall into step. In doubt: a second at the most. Arriving: from 100 ms after
// the first of its `checks` to 500 ms, longer where more than 100 share the address.
std::chrono::nanoseconds next_check_delay(CheckPhase phase, unsigned checks, std::size_t sharing,
                                          std::chrono::nanoseconds interval, double chance);

// How long a server that does not pass is held for one that arrives.
inline constexpr std::chrono::minutes arriving_for{1};

}  // namespace switchback::upstream
