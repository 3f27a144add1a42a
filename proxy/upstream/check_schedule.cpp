#include "proxy/upstream/check_schedule.hpp"

#include <algorithm>

namespace switchback::upstream {

namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr nanoseconds alone_within = 50ms;
constexpr nanoseconds apart = 250ms;  // first checks of one address, where the interval allows
constexpr nanoseconds soon = 1s;
constexpr nanoseconds arriving_first = 100ms;
constexpr nanoseconds arriving_last = 500ms;
constexpr nanoseconds arriving_apart = 5ms;  // of those that share an address

nanoseconds part(nanoseconds whole, double share) {
  return nanoseconds(static_cast<std::int64_t>(static_cast<double>(whole.count()) * share));
}

}  // namespace

nanoseconds first_check_delay(std::size_t place, std::size_t sharing, nanoseconds interval,
                              double chance) {
  const auto n = static_cast<std::int64_t>(std::max<std::size_t>(sharing, 1));
  const nanoseconds slot = std::min(apart, interval / n);
  const nanoseconds begin = slot * static_cast<std::int64_t>(place);
  return begin + part(std::min(alone_within, n == 1 ? alone_within : slot), chance);
}

nanoseconds next_check_delay(CheckPhase phase, unsigned checks, std::size_t sharing,
                             nanoseconds interval, double chance) {
  nanoseconds pause = interval;
  if (phase == CheckPhase::in_doubt) pause = std::min(interval, soon);
  if (phase == CheckPhase::arriving) {
    const unsigned doublings = std::min(checks > 0 ? checks - 1 : 0, 3u);
    pause = std::min(arriving_first * (1 << doublings), arriving_last);
    pause = std::max(pause, arriving_apart * static_cast<std::int64_t>(sharing));
    pause = std::min(pause, interval);
  }
  return part(pause, 0.9 + 0.2 * chance);
}

}  // namespace switchback::upstream
