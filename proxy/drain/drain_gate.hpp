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
// Deadlines: at most one drain of a service has any (the newest; a newer one turns it round), so
// tickets that have one wait in a list per class that is sorted by itself, and the next deadline
// is read off its head however many tunnels are open.
// Threads: its worker; in_flight() and draining() are for everybody. Ownership: tickets belong to
// their exchanges and leave before they die.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/assert.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/base/color.hpp"
#include "proxy/drain/switch_record.hpp"

namespace switchback::drain {

class DrainGate;

namespace detail {

// Node of a circular list with a sentinel: unlinking needs no head and no branch.
struct Link {
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  Link* previous = this;
  Link* next = this;

  bool alone() const { return next == this; }
  void insert_before(Link& node) {
    node.previous = previous;
    node.next = this;
    previous->next = &node;
    previous = &node;
  }
  void unlink() {
    previous->next = next;
    next->previous = previous;
    previous = next = this;
  }
};

}  // namespace detail

class Ticket : private detail::Link {
 public:
  Ticket() = default;
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  Color color() const { return color_; }
  std::uint64_t epoch() const { return epoch_; }
  TrafficClass traffic_class() const { return class_; }
  bool entered() const { return gate_ != nullptr; }
  bool forced() const { return forced_; }  // its drain's deadline has passed

 protected:
  virtual ~Ticket() { SB_ASSERT(gate_ == nullptr); }  // must have left

 private:
  friend class DrainGate;
  // The drain's deadline: end now, as well as the protocol allows; must lead to leave(forced)
  // (at once or later on this worker). Called at most once per ticket.
  virtual void force_end() = 0;
  DrainGate* gate_ = nullptr;
  std::uint64_t epoch_ = 0;
  Nanos force_at_ns_ = 0;  // 0: no deadline
  Color color_ = Color::blue;
  TrafficClass class_ = TrafficClass::request;
  bool forced_ = false;
  std::uint8_t retried_ = 0;  // stays at 255
};

class DrainGate {
 public:
  static constexpr std::size_t max_open = 64;
  // `progress`: called when a cohort's shard has passed a stage (barrier, first_new, last_old,
  // drained), after everything about the call that led to it is settled: it may call the gate.
  using Progress = std::function<void(const std::shared_ptr<SwitchRecord>&)>;
  DrainGate(unsigned worker, Progress progress);
  ~DrainGate();  // all tickets must have left
  DrainGate(const DrainGate&) = delete;
  DrainGate& operator=(const DrainGate&) = delete;

  // As class request. `color` and `epoch` come from the ServiceControl in this turn (a preview
  // takes the other color with the same epoch), so an epoch never goes back: that is asserted,
  // since a request that entered an epoch whose barrier has passed would belong to no receipt.
  void enter(Ticket& ticket, Color color, std::uint64_t epoch) {
    SB_ASSERT(ticket.gate_ == nullptr);
    if (epoch != newest_epoch_) note_epoch(epoch);
    ticket.gate_ = this;
    ticket.epoch_ = epoch;
    ticket.force_at_ns_ = 0;
    ticket.color_ = color;
    ticket.class_ = TrafficClass::request;
    ticket.forced_ = false;
    ticket.retried_ = 0;
    live_[index_of(color)].insert_before(ticket);
    add(in_flight_[index_of(color)][0], 1);
  }
  // Moves the ticket's accepted and retried counts too; in a drain it gets its new class's
  // deadline, counted from the drain's begin (a tunnel the end of the spread). A ticket whose
  // deadline has already passed gets no new one.
  void reclassify(Ticket& ticket, TrafficClass to, Nanos now_ns);
  void retried(Ticket& ticket);  // one more attempt; also counted for drains that begin after it
  // A ticket that was forced is counted as forced whatever is said, save completed.
  void leave(Ticket& ticket, Outcome outcome, Nanos now_ns) {
    SB_ASSERT(ticket.gate_ == this);
    ticket.unlink();
    ticket.gate_ = nullptr;
    add(in_flight_[index_of(ticket.color_)][static_cast<std::size_t>(ticket.class_)], -1);
    if (any_open_) count_leave(ticket, outcome, now_ns);
  }
  // Hot path hook: a final response head of `epoch` was sent. One branch while no switch waits for
  // it. A switch's first new response is the first of its own epoch, on this worker; one sent
  // between the store and the barrier counts. Not to be called for previews.
  void first_response(std::uint64_t epoch, Nanos now_ns) {
    if (waiting_first_new_) note_first_response(epoch, now_ns);
  }

  // The barrier: passes `record`'s barrier on this worker and starts the old color's drain.
  // `limits`: deadlines by class, 0 is never; tunnels get theirs spread evenly over
  // [websocket, 2*websocket], in the order in which they were entered.
  void begin(std::shared_ptr<SwitchRecord> record, const config::Drain& limits, Nanos now_ns);
  void enforce(Nanos now_ns);      // force_end() on whatever is due
  void force(Ticket& ticket);      // at once, whatever its deadline; no-op when it was forced
  Nanos next_deadline_ns() const;  // 0: none; arm a timer for it after begin/reclassify/enforce

  // Any thread: in flight now, and whether a drain of that color is open and not turned round.
  std::uint64_t in_flight(Color color, TrafficClass c) const {
    return in_flight_[index_of(color)][static_cast<std::size_t>(c)].load(std::memory_order_relaxed);
  }
  bool draining(Color color) const {
    return draining_[index_of(color)].load(std::memory_order_relaxed);
  }
  // Any thread: cohorts closed early because more than max_open were open.
  std::uint64_t closed_early() const { return closed_early_.load(std::memory_order_relaxed); }

 private:
  struct Cohort;
  using Counter = std::atomic<std::uint64_t>;

  // Counters have one writer, so a plain load and store will do and no bus lock is paid.
  static void add(Counter& counter, std::int64_t n) {
    counter.store(counter.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(n),
                  std::memory_order_release);
  }
  static Ticket& ticket_of(detail::Link& link) { return static_cast<Ticket&>(link); }

  void note_epoch(std::uint64_t epoch);
  void note_first_response(std::uint64_t epoch, Nanos now_ns);
  void refresh_waiting();
  void count_leave(Ticket& ticket, Outcome outcome, Nanos now_ns);
  void cancel_deadlines();
  Cohort& open_cohort(std::shared_ptr<SwitchRecord> record, const config::Drain& limits,
                      bool overtaken, Nanos now_ns);
  void admit_members(Cohort& cohort);
  void set_deadlines(const Cohort& cohort);
  static Nanos deadline(const Cohort& cohort, TrafficClass c, std::uint64_t place,
                        std::uint64_t places);
  void settle(Cohort& cohort, Nanos now_ns);
  void refresh_open();
  void deliver();

  std::array<detail::Link, 2> live_;           // by color: without a deadline, in entry order
  std::array<detail::Link, class_count> due_;  // by class: with one, the next first
  detail::Link ending_;                        // force_end() was called
  std::array<std::array<Counter, class_count>, 2> in_flight_{};
  std::uint64_t newest_epoch_ = 0;  // seen at the door or in a barrier
  bool any_open_ = false;
  bool waiting_first_new_ = false;
  std::array<std::atomic<bool>, 2> draining_{};
  Counter closed_early_{0};

  const unsigned worker_;
  const Progress progress_;
  std::vector<Cohort> cohorts_;                         // open ones, oldest first
  std::vector<std::shared_ptr<SwitchRecord>> waiters_;  // without a first new response yet
  std::uint64_t newest_begun_ = 0;
  std::uint64_t early_epoch_ = 0;  // entered before its barrier
  Nanos early_response_ns_ = 0;    // and answered before it; 0: not
};

}  // namespace switchback::drain
