// The bad outcomes of one worker's requests for one service, for whoever judges releases: who asked
// for what, so that a broken client or a path that does not count can be left out there. Good
// requests never come here.
//
// Threads: one writer (the worker), one reader (the control thread); neither waits. What does not
// fit is counted and lost: the reader takes it to be like what did fit. 1,024 slots of 192 bytes.
// Privacy: client addresses and targets stay in memory and are read once a second.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "proxy/base/color.hpp"
#include "proxy/http/reject.hpp"

namespace switchback::stats {

struct BadOutcome {
  std::array<std::uint8_t, 16> client{};  // address, v4 mapped to v6
  std::uint16_t status = 0;               // 0: no answer was begun
  http::Reason reason = http::Reason::none;
  Color color = Color::blue;
  bool marked = false;  // carries the header that says "does not count"
  std::uint8_t target_size = 0;
  std::array<char, 160> target{};  // path and query, cut when longer

  void set_target(std::string_view text) {
    target_size =
        static_cast<std::uint8_t>(text.size() < target.size() ? text.size() : target.size());
    std::memcpy(target.data(), text.data(), target_size);
  }
  std::string_view target_text() const { return {target.data(), target_size}; }
};

class OutcomeRing {
 public:
  static constexpr std::size_t size = 1024;

  void push(const BadOutcome& outcome) {
    const auto head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) >= size) {
      const auto color = index_of(outcome.color);
      lost_[color].store(lost_[color].load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
      return;
    }
    slots_[head % size] = outcome;
    head_.store(head + 1, std::memory_order_release);
  }

  // The reader: calls `each` for what has come since, and forgets it.
  template <class Each>
  void drain(Each each) {
    auto tail = tail_.load(std::memory_order_relaxed);
    const auto head = head_.load(std::memory_order_acquire);
    for (; tail != head; ++tail) each(slots_[tail % size]);
    tail_.store(tail, std::memory_order_release);
  }
  std::uint64_t lost(Color color) const {
    return lost_[index_of(color)].load(std::memory_order_relaxed);
  }

 private:
  std::array<BadOutcome, size> slots_;
  alignas(64) std::atomic<std::uint64_t> head_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  std::array<std::atomic<std::uint64_t>, 2> lost_{};
};

// Where a worker finds the ring of a service; there is none until somebody judges the service. Made
// on the control thread, never taken away while workers run.
class OutcomeRingHolder {
 public:
  OutcomeRing* get() const { return ring_.load(std::memory_order_acquire); }
  void make() {
    if (owned_) return;
    owned_ = std::make_unique<OutcomeRing>();
    ring_.store(owned_.get(), std::memory_order_release);
  }

 private:
  std::unique_ptr<OutcomeRing> owned_;
  std::atomic<OutcomeRing*> ring_{nullptr};
};

}  // namespace switchback::stats
