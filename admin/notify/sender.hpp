// One target at work: its queue, its thread, what came of it. A target that hangs holds nobody but
// itself; whoever puts a message waits for a lock that is never held during a delivery.
//
// Threads: put, test and stats from any thread; `on_test` on the target's thread, which must only
// hand over. The destructor cancels what is under way and waits a second at most for the thread;
// one that is stuck in the kernel (a file on a dead disk) is left to itself.
#pragma once

#include <functional>
#include <memory>

#include "admin/notify/courier.hpp"

namespace switchback::notify {

struct SenderStats : OutboxStats {
  std::int64_t last_good_wall_us = 0;  // 0: never
  std::int64_t last_bad_wall_us = 0;
  std::int64_t failing_since_wall_us = 0;  // 0: the newest attempt was good
  std::string last_error;
  unsigned last_status = 0;
};

class Sender {
 public:
  using OnTest = std::function<void(const Delivery&)>;

  Sender(OutboxLimits limits, std::unique_ptr<Courier> courier);
  ~Sender();
  Sender(const Sender&) = delete;

  void put(Message message);
  void test(Message message, OnTest on_test);
  SenderStats stats() const;
  // Nothing waits, or the target fails anyway.
  bool has_nothing_to_wait_for() const;
  std::deque<Message> take_all();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace switchback::notify
