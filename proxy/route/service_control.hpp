// The one word that a flip stores: which color is active, in which epoch, and whether the door is
// shut. Every worker reads it once per request; nothing else about a flip is shared.
#pragma once

#include <atomic>
#include <cstdint>

#include "proxy/base/color.hpp"

namespace switchback::route {

struct ActiveWord {
  Color color = Color::blue;
  bool paused = false;
  std::uint64_t epoch = 0;  // grows by one with every switch of this service; below 2^62
};

// Threads: one writer (the control thread), any number of readers.
// On a cache line of its own: a flip of one service costs the others nothing.
class alignas(64) ServiceControl {
 public:
  explicit ServiceControl(ActiveWord initial) : word_(pack(initial)) {}
  ActiveWord load() const { return unpack(word_.load(std::memory_order_acquire)); }
  void store(ActiveWord word) { word_.store(pack(word), std::memory_order_release); }

 private:
  static constexpr std::uint64_t pack(ActiveWord w) {
    return w.epoch << 2 | static_cast<std::uint64_t>(w.paused) << 1 | index_of(w.color);
  }
  static constexpr ActiveWord unpack(std::uint64_t v) {
    return {static_cast<Color>(v & 1), (v & 2) != 0, v >> 2};
  }
  std::atomic<std::uint64_t> word_;
};

}  // namespace switchback::route
