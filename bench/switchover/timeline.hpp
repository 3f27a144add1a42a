// How many answers each color gave in every millisecond around a flip, summed over all flips.
// Sans-IO; fixed size.
//
// Answers come in before it is known that a flip follows, so the last milliseconds are kept in a
// ring; what lies before a command is added to the sums when the command is given, what lies after
// it when the next one is, or when the window has passed.
#pragma once

#include <array>
#include <cstdint>

#include "proxy/base/clock.hpp"
#include "proxy/base/color.hpp"

namespace switchback::bench {

class Timeline {
 public:
  static constexpr int before_ms = 10, after_ms = 20;
  static constexpr int bins = before_ms + after_ms;
  struct Bin {
    std::uint64_t from = 0, to = 0;  // answers of the color left, and of the color gone to
    std::uint64_t flips = 0;         // over which they were summed
  };

  void answer(Color color, Nanos now);
  void command(Color to, Nanos now);
  void finish(Nanos now);  // of the last flip

  const std::array<Bin, bins>& sums() const { return sums_; }

 private:
  struct Slot {
    std::int64_t number = -1;  // absolute, since the clock's zero
    std::array<std::uint32_t, 2> answers{};
  };
  // The ring is finer than the plot, so that a bin begins within 1/8 ms of its flip's command.
  static constexpr int slots_per_ms = 8;
  static constexpr Nanos slot_ns = 1'000'000 / slots_per_ms;
  static constexpr std::size_t ring_size = 4096;  // 512 ms
  void add(Nanos begin, Nanos end);

  std::array<Slot, ring_size> ring_{};
  std::array<Bin, bins> sums_{};
  Nanos commanded_ = 0;  // 0: no flip open
  Nanos begun_ = 0;      // of the first answer: before it there is nothing to sum
  Color to_ = Color::blue;
};

}  // namespace switchback::bench
