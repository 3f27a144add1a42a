// One switch as a sans-IO machine: what has happened goes in, what to do next comes out. It knows
// neither sockets, files nor clocks; the controller carries its actions out and feeds it.
//
//   fresh ──go──▶ persisting ──state_ok──▶ switching ──barrier──▶ draining ──drained──▶ done
//     │ probe ▲        │ timeout/state_failed:      │ timeout         ▲
//     ▼       │alive   │   hurried: on, not durable ▼                 │
//   probing ──┘        │   else: written back,    lagging ──barrier───┘
//     │dead: done      │         refused
//     └ preempt: done  └ preempt: done (the rollback that did it writes back)
//   fresh ──restate──▶ restating ──state_ok/timeout/state_failed──▶ done (answered "already")
//
// Events that a phase does not expect (a timer that lost its race) do nothing.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace switchback::release {

enum class Phase : std::uint8_t {
  fresh,
  probing,
  persisting,
  restating,
  switching,
  lagging,
  draining,
  done
};
inline constexpr std::size_t phase_count = 8;
std::string_view to_string(Phase phase);

enum class FlipEvent : std::uint8_t {
  go,       // judged: may move
  probe,    // judged: cannot say, look at the standby first
  refuse,   // judged: must not
  already,  // judged: nothing to do
  restate,  // a rollback stopped a promote: put the old color back into the slots
  alive,
  dead,          // what the probe found
  state_ok,      // the state slot is on disk
  state_failed,  // the disk refused it
  timeout,       // the armed timer
  hasten,        // a rollback joined: wait no longer than a rollback does
  preempt,       // a rollback wants this promote stopped
  barrier,       // every worker has passed
  drained,       // every request of the old color has ended
};
inline constexpr std::size_t flip_event_count = 14;

enum class FlipAction : std::uint8_t {
  probe,           // ask the data plane, with the timer armed behind it
  write,           // run slot now, state slot onto the lane
  arm_promote,     // timer: how long a promote waits for the disk
  arm_rollback,    // timer: how long a rollback does
  store,           // the switch itself; then the barrier timer
  write_back,      // the old color under a higher epoch, both slots
  mark_behind,     // the disk owes us this value: alarm until it is down
  answer_moved,    // every worker has passed
  answer_lagging,  // moved, but some workers have not passed
  answer_already,
  answer_refused,  // with the judgement's problem
  answer_not_durable,
  answer_preempted,
  settle,  // the late workers have passed after the answer
  finish,  // drained: the receipt is complete
};

class FlipActions {
 public:
  FlipActions(std::initializer_list<FlipAction> actions) {
    for (auto action : actions) items_[size_++] = action;
  }
  const FlipAction* begin() const { return items_.data(); }
  const FlipAction* end() const { return items_.data() + size_; }
  bool operator==(const FlipActions&) const = default;

 private:
  std::array<FlipAction, 4> items_{};
  std::size_t size_ = 0;
};

struct FlipMachine {
  Phase phase = Phase::fresh;
  bool hurried = false;  // rollback rules: the disk gets 50 ms, then traffic moves without it
  bool durable = true;
};

FlipActions step(FlipMachine& machine, FlipEvent event);

// While a switch is in one of these, no other of its service may begin.
constexpr bool exclusive(Phase phase) {
  return phase < Phase::switching;
}

}  // namespace switchback::release
