#include "proxy/net/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace switchback::net {

Timer::~Timer() {
  if (next_link == nullptr) return;
  previous_link->next_link = next_link;
  next_link->previous_link = previous_link;
}

TimerWheel::TimerWheel(Nanos now_ns) : tick_(now_ns / timer_grain_ns) {
  for (TimerLink& head : slots_) head.previous_link = head.next_link = &head;
}

TimerWheel::~TimerWheel() {
  for (TimerLink& head : slots_) {
    while (head.next_link != &head) {
      auto& timer = static_cast<Timer&>(*head.next_link);
      timer.armed_until_ns = 0;
      unlink(timer);
    }
  }
}

void TimerWheel::unlink(TimerLink& link) {
  link.previous_link->next_link = link.next_link;
  link.next_link->previous_link = link.previous_link;
  link.previous_link = link.next_link = nullptr;
}

void TimerWheel::append(TimerLink& head, TimerLink& link) {
  link.previous_link = head.previous_link;
  link.next_link = &head;
  head.previous_link->next_link = &link;
  head.previous_link = &link;
}

void TimerWheel::splice(TimerLink& to, TimerLink& from) {
  if (from.next_link == &from) return;
  to.previous_link->next_link = from.next_link;
  from.next_link->previous_link = to.previous_link;
  from.previous_link->next_link = &to;
  to.previous_link = from.previous_link;
  from.previous_link = from.next_link = &from;
}

void TimerWheel::relink(Timer& timer) {
  if (timer.next_link != nullptr) unlink(timer);
  // Rounded up, so that the visit comes at or after the deadline; a deadline beyond the round is
  // visited once a round until its own slot is in reach.
  std::int64_t tick = timer.armed_until_ns / timer_grain_ns;
  if (tick * timer_grain_ns < timer.armed_until_ns) ++tick;
  tick = std::clamp<std::int64_t>(tick, tick_ + 1, tick_ + slot_count - 1);
  const std::size_t slot = static_cast<std::size_t>(tick) % slot_count;
  timer.slot_time_ns = tick * timer_grain_ns;
  append(slots_[slot], timer);
  occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void TimerWheel::advance(Nanos now_ns) {
  const std::int64_t target = now_ns / timer_grain_ns;
  if (target <= tick_) return;
  // Everything due leaves the wheel before the first callback: what a callback arms lands after
  // `target` and waits for its own visit, so that no callback can keep this call running.
  TimerLink due{&due, &due};
  for (;;) {
    const std::int64_t tick = next_occupied();
    if (tick < 0 || tick > target) break;
    const std::size_t slot = static_cast<std::size_t>(tick) % slot_count;
    occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    splice(due, slots_[slot]);
  }
  tick_ = target;
  fire(due, now_ns);
}

void TimerWheel::fire(TimerLink& due, Nanos now_ns) {
  while (due.next_link != &due) {
    auto& timer = static_cast<Timer&>(*due.next_link);
    if (timer.armed_until_ns > now_ns) {
      relink(timer);
      continue;
    }
    unlink(timer);
    if (timer.armed_until_ns == 0) continue;
    timer.armed_until_ns = 0;
    timer.on_timer();
  }
}

// The first tick after tick_ whose slot holds a timer, -1 when there is none.
std::int64_t TimerWheel::next_occupied() const {
  const std::size_t first = static_cast<std::size_t>(tick_ + 1) % slot_count;
  // The word of `first` is looked at twice: its upper part first, its lower part last.
  for (std::size_t i = 0; i <= word_count; ++i) {
    const std::size_t word = (first / 64 + i) % word_count;
    std::uint64_t bits = occupied_[word];
    if (i == 0) bits &= ~std::uint64_t{0} << (first % 64);
    if (i == word_count) bits &= ~(~std::uint64_t{0} << (first % 64));
    for (; bits != 0; bits &= bits - 1) {
      const std::size_t slot = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      if (slots_[slot].next_link != &slots_[slot]) {
        return tick_ + 1 + static_cast<std::int64_t>((slot + slot_count - first) % slot_count);
      }
      occupied_[word] &= ~(std::uint64_t{1} << (slot % 64));
    }
  }
  return -1;
}

Nanos TimerWheel::until_next(Nanos now_ns) const {
  const std::int64_t tick = next_occupied();
  if (tick < 0) return -1;
  return std::max<Nanos>(tick * timer_grain_ns - now_ns, 0);
}

}  // namespace switchback::net
