#include "bench/switchover/timeline.hpp"

#include <algorithm>

namespace switchback::bench {

namespace {
constexpr Nanos ms = 1'000'000;
}

void Timeline::answer(Color color, Nanos now) {
  if (begun_ == 0) begun_ = now;
  if (commanded_ != 0 && now - commanded_ >= (after_ms + 1) * ms) finish(now);
  const std::int64_t number = now / slot_ns;
  auto& slot = ring_[static_cast<std::size_t>(number) % ring_size];
  if (slot.number != number) slot = {number, {}};
  ++slot.answers[index_of(color)];
}

void Timeline::command(Color to, Nanos now) {
  finish(now);
  commanded_ = now;
  to_ = to;
}

void Timeline::finish(Nanos now) {
  if (commanded_ == 0) return;
  const Nanos begin = std::max(commanded_ - before_ms * ms, begun_);
  add(begin, std::min(commanded_ + after_ms * ms, now));
  commanded_ = 0;
}

// Whole bins only: half of a millisecond would look like a dip.
void Timeline::add(Nanos begin, Nanos end) {
  for (int i = 0; i < bins; ++i) {
    const Nanos from = commanded_ + (i - before_ms) * ms;
    if (from < begin || from + ms > end) continue;
    auto& bin = sums_[static_cast<std::size_t>(i)];
    ++bin.flips;
    for (int part = 0; part < slots_per_ms; ++part) {
      const std::int64_t number = from / slot_ns + part;
      const auto& slot = ring_[static_cast<std::size_t>(number) % ring_size];
      if (slot.number != number) continue;
      bin.to += slot.answers[index_of(to_)];
      bin.from += slot.answers[index_of(other(to_))];
    }
  }
}

}  // namespace switchback::bench
