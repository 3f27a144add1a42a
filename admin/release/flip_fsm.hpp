// One switch as a sans-IO machine: what has happened goes in, what to do next comes out. It knows
// neither sockets, files nor clocks; the controller carries its actions out and feeds it.
//
// A promote moves traffic once the disk has it:
//   fresh ──go──▶ persisting ──state_ok──▶ switching ──barrier──▶ draining ──drained──▶ done
//     │ probe ▲        │ timeout/state_failed:   │ timeout          ▲
//     ▼       │alive   │   written back, refused ▼                  │
//   probing ──┘        └ preempt: done         lagging ──barrier────┘
//     │dead, preempt: done
//
// A rollback (`hurried`) moves it at once, and has the disk written meanwhile:
//   fresh ──go──▶ moving ──state_ok/state_failed/timeout──▶ switching, as above
//                   │ barrier
//                   ▼
//                 saving ──state_ok/state_failed/timeout──▶ draining, as above
// A rollback that joins a switch in `persisting` makes it move at once too (hasten).
//
// A rollback that stopped a promote in `persisting` puts the old color back:
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
  moving,  // traffic moves, the disk is being written
  saving,  // traffic has moved, the disk is still being written
  switching,
  lagging,
  draining,
  done
};
inline constexpr std::size_t phase_count = 10;
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
  hasten,        // a rollback joined: what holds for a rollback holds from now on
  preempt,       // a rollback wants this promote stopped
  barrier,       // every worker has passed
  drained,       // every request of the old color has ended
};
inline constexpr std::size_t flip_event_count = 14;

enum class FlipAction : std::uint8_t {
  probe,           // ask the data plane, with the timer armed behind it
  write,           // the run slot, at once
  persist,         // the state slot, onto the lane
  arm_promote,     // timer: how long a promote waits for the disk
  arm_rollback,    // timer: how long a rollback does
  store,           // the switch itself
  arm_barrier,     // timer: how long the workers have, from the store on
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
  bool hurried =
      false;  // rollback rules: traffic moves at once, the answer waits 50 ms for the disk
  bool durable = true;
};

FlipActions step(FlipMachine& machine, FlipEvent event);

// While a switch is in one of these, no other of its service may begin: so no two of them are on
// their way to the disk, save behind a disk that has been given up waiting for.
constexpr bool exclusive(Phase phase) {
  return phase < Phase::switching;
}

}  // namespace switchback::release
