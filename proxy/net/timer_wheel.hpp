// Coarse timers, one wheel a worker: arming and moving a deadline later is a store, no system call.
//
// Grain: timer_grain (8 ms); a timer fires at or after its deadline, never before it, late by at
// most one grain and one turn of the loop. After G. Varghese and T. Lauck, "Hashed and Hierarchical
// Timing Wheels" (1987), scheme 6 with lazy re-hashing: `arm` with a later deadline only notes it;
// the slot visit finds it not due yet and moves it on.
// Threads: the wheel's worker only. Ownership: the timer's owner keeps it alive while armed and
// disarms it in its destructor; on_timer may arm, disarm or destroy any timer, itself included.
#pragma once

#include <array>
#include <cstdint>

#include "proxy/base/clock.hpp"

namespace switchback::net {

inline constexpr Nanos timer_grain_ns = 8'000'000;

class TimerWheel;

class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  bool armed() const { return deadline_ns_ != 0; }
  Nanos deadline_ns() const { return deadline_ns_; }   // 0: not armed

 protected:
  ~Timer();   // unlinks

 private:
  friend class TimerWheel;
  virtual void on_timer() = 0;   // disarmed before the call
  Timer* previous_ = nullptr;    // linked in a slot (possibly while not armed: lazily removed)
  Timer* next_ = nullptr;
  Nanos deadline_ns_ = 0;
  Nanos slot_time_ns_ = 0;       // when its slot is visited next
};

class TimerWheel {
 public:
  explicit TimerWheel(Nanos now_ns);
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;

  void arm(Timer& timer, Nanos deadline_ns);   // replaces an earlier deadline
  void disarm(Timer& timer);                   // no-op when not armed; O(1)
  void advance(Nanos now_ns);                  // fires what is due
  // Nanoseconds until the next occupied slot wants a visit, -1 when the wheel is empty.
  Nanos until_next(Nanos now_ns) const;

 private:
  static constexpr std::size_t slot_count = 1024;   // 8.2 s round; later deadlines go round again
  void link(Timer& timer, Nanos when_ns);
  static void unlink(Timer& timer);
  struct Slot;
  struct Impl;
  Impl* impl_;
};

}  // namespace switchback::net
