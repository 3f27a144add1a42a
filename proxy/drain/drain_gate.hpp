// One worker's count of what is in flight for one service, by color and class, and its part in
// every drain of that service. Sans-IO: time comes in as an argument, ends go out through Ticket.
//
// A ticket is entered in the same turn in which its color was read from the ServiceControl, and
// the barrier is a message to the worker: so whatever began on the old color before the barrier is
// in the cohort, and nothing can begin on it afterwards.
// Overtaking: a request that outlives several switches of its color is in each one's cohort, and
// each receipt adds up. A switch back to a color turns its drains round: deadlines are cancelled,
// counting goes on. At most `max_open` cohorts are followed; the oldest is then closed early with
// what is left reported as in flight.
// Threads: its worker. Ownership: tickets belong to their exchanges and leave before they die.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "config/model.hpp"
#include "proxy/drain/switch_record.hpp"

namespace switchback::drain {

class DrainGate;

class Ticket {
 public:
  Color color() const { return color_; }
  std::uint64_t epoch() const { return epoch_; }
  TrafficClass traffic_class() const { return class_; }
  bool entered() const { return gate_ != nullptr; }

 protected:
  ~Ticket();   // asserts that it has left

 private:
  friend class DrainGate;
  // The drain's deadline: end now, as well as the protocol allows; must lead to leave(forced)
  // (at once or later on this worker). Called at most once per ticket.
  virtual void force_end() = 0;
  DrainGate* gate_ = nullptr;
  Ticket* previous_ = nullptr;
  Ticket* next_ = nullptr;
  std::uint64_t epoch_ = 0;
  Nanos force_at_ns_ = 0;   // 0: no deadline
  Color color_ = Color::blue;
  TrafficClass class_ = TrafficClass::request;
  bool forced_ = false;
  std::uint8_t retried_ = 0;
};

class DrainGate {
 public:
  static constexpr std::size_t max_open = 64;
  // `progress`: called when a cohort's shard has passed a stage (barrier, first_new, last_old, drained).
  using Progress = std::function<void(const std::shared_ptr<SwitchRecord>&)>;
  DrainGate(unsigned worker, Progress progress);
  ~DrainGate();
  DrainGate(const DrainGate&) = delete;

  void enter(Ticket& ticket, Color color, std::uint64_t epoch);   // as class request
  void reclassify(Ticket& ticket, TrafficClass to, Nanos now_ns); // moves its accepted count too; a drain's deadline is set anew for its class
  void retried(Ticket& ticket);
  void leave(Ticket& ticket, Outcome outcome, Nanos now_ns);      // forced_ tickets are counted forced whatever is said, save completed
  // Hot path hook: a final response head of `epoch` was sent. One branch while no switch waits for it.
  void first_response(std::uint64_t epoch, Nanos now_ns) {
    if (waiting_first_new_) note_first_response(epoch, now_ns);
  }

  // The barrier: passes `record`'s barrier on this worker and starts the old color's drain.
  // `limits`: deadlines by class; tunnels get theirs spread evenly over [websocket, 2*websocket].
  void begin(std::shared_ptr<SwitchRecord> record, const config::Drain& limits, Nanos now_ns);
  void enforce(Nanos now_ns);        // force_end() on whatever is due
  Nanos next_deadline_ns() const;    // 0: none; the worker arms a timer for it after begin/reclassify/enforce

  std::uint64_t in_flight(Color color, TrafficClass c) const;   // also read by other threads
  bool draining(Color color) const;                             // an open cohort of that color, not turned round

 private:
  void note_first_response(std::uint64_t epoch, Nanos now_ns);
  struct Impl;
  std::unique_ptr<Impl> impl_;
  bool waiting_first_new_ = false;
};

}  // namespace switchback::drain
