// Coarse timers, one wheel a worker: arming and moving a deadline later is a store, no system call.
//
// Grain: timer_grain_ns (8 ms); a timer fires at or after its deadline, never before it, late by at
// most one grain and one turn of the loop. After G. Varghese and T. Lauck, "Hashed and Hierarchical
// Timing Wheels" (1987), scheme 6 with lazy re-hashing: `arm` with a later deadline only notes it;
// the slot visit finds it not due yet and moves it on. `disarm` is lazy in the same way, so that a
// timer armed and disarmed for every request costs two stores a request and no list work.
// Timers of one slot fire in the order in which they were linked there.
// Threads: the wheel's worker only. Ownership: the timer's owner keeps it alive while armed, and
// its destructor unlinks it; on_timer may arm, disarm or destroy any timer, itself included.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "proxy/base/clock.hpp"

namespace switchback::net {

inline constexpr Nanos timer_grain_ns = 8'000'000;

class TimerWheel;

// A place in a circular list; a slot's head is one of these too, so that unlinking needs no slot.
// For the wheel's use.
struct TimerLink {
  TimerLink* previous_link = nullptr;  // null: not linked
  TimerLink* next_link = nullptr;
};

struct TimerEntry : TimerLink {  // for the wheel's use
  Nanos armed_until_ns = 0;      // the deadline; 0: not armed
  Nanos slot_time_ns = 0;        // while linked (armed or not): when its slot is visited next
};

class Timer : public TimerEntry {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  bool armed() const { return armed_until_ns != 0; }
  Nanos deadline_ns() const { return armed_until_ns; }  // 0: not armed
  virtual void on_timer() = 0;                          // disarmed before the call

 protected:
  ~Timer();  // unlinks
};

class TimerWheel {
 public:
  explicit TimerWheel(Nanos now_ns);
  ~TimerWheel();  // unlinks what is left, so that timers may outlive the wheel
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Replaces an earlier deadline. A deadline in the past fires at the next grain.
  void arm(Timer& timer, Nanos deadline_ns) {
    timer.armed_until_ns = deadline_ns > 0 ? deadline_ns : 1;
    if (timer.next_link == nullptr || timer.slot_time_ns > timer.armed_until_ns) relink(timer);
  }
  void disarm(Timer& timer) { timer.armed_until_ns = 0; }  // no-op when not armed
  void advance(Nanos now_ns);                              // fires what is due
  // Nanoseconds until the next occupied slot wants a visit (0: now), -1 when the wheel is empty.
  // A disarmed timer occupies its slot until that is visited or the timer is destroyed.
  Nanos until_next(Nanos now_ns) const;

 private:
  static constexpr std::size_t slot_count = 1024;  // 8.2 s round; later deadlines go round again
  static constexpr std::size_t word_count = slot_count / 64;

  void relink(Timer& timer);
  static void unlink(TimerLink& link);
  static void append(TimerLink& head, TimerLink& link);
  static void splice(TimerLink& to, TimerLink& from);
  std::int64_t next_occupied() const;
  void fire(TimerLink& due, Nanos now_ns);

  std::int64_t tick_;  // the last grain visited; linked timers lie in tick_+1 .. tick_+1023
  mutable std::array<std::uint64_t, word_count> occupied_{};  // may be set for an emptied slot
  std::array<TimerLink, slot_count> slots_;
};

}  // namespace switchback::net
