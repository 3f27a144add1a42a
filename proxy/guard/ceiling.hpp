// clients.max_connections: how many client connections are open, all workers together, and whom to
// wake when one ends. Touched when a connection begins or ends, and only while there is a limit.
//
// A worker that finds no place stops accepting and says so (wait); the next place that is given
// back wakes all who wait. Threads: any. The wakers are set before any worker starts.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

namespace switchback::guard {

class Ceiling {
 public:
  void set_limit(std::uint32_t limit) {  // 0: none
    limit_.store(limit);
    wake_all();
  }
  std::uint32_t limit() const { return limit_.load(std::memory_order_relaxed); }
  std::uint32_t open() const { return open_.load(std::memory_order_relaxed); }

  // How to make a worker accept again, from any thread.
  void set_wakers(std::vector<std::function<void()>> wakers) { wakers_ = std::move(wakers); }

  bool enter() {
    std::uint32_t seen = open_.load();
    for (;;) {
      const std::uint32_t most = limit_.load();
      if (most != 0 && seen >= most) return false;
      if (open_.compare_exchange_weak(seen, seen + 1)) return true;
    }
  }
  // Enters, or is woken later. False: wait for the waker.
  bool enter_or_wait() {
    if (enter()) return true;
    waiting_.store(true);
    return enter();  // a place may have been given back before anybody saw that we wait
  }
  void join() { open_.fetch_add(1); }  // a connection that is there already
  void leave() {
    open_.fetch_sub(1);
    if (waiting_.load()) wake_all();
  }

 private:
  void wake_all() {
    if (!waiting_.exchange(false)) return;
    for (const auto& wake : wakers_) wake();
  }
  std::atomic<std::uint32_t> limit_{0};
  std::atomic<std::uint32_t> open_{0};
  std::atomic<bool> waiting_{false};
  std::vector<std::function<void()>> wakers_;
};

}  // namespace switchback::guard
