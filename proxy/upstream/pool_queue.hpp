// One worker's end of a pool's SlotQueue: hears its calls on the worker's own thread.
#pragma once

#include <memory>

#include "proxy/net/reactor.hpp"
#include "proxy/upstream/slot_queue.hpp"

namespace switchback::upstream {

class Pool;

class PoolQueue final : public SlotWorker, public net::Timer {
 public:
  PoolQueue(Pool& pool, net::Reactor& reactor, SlotQueue& slots, unsigned worker);
  ~PoolQueue();

  void began_waiting();  // one of this worker's; looks at the servers now and then from now on
  void ended_waiting() { --waiting_; }

 private:
  static constexpr unsigned calls_per_turn = 64;
  static constexpr Nanos look_every_ns = 100'000'000;  // servers come back without telling
  struct Link {
    PoolQueue* queue;  // null: it has gone; its worker's thread only
  };
  void wake() override;
  void on_timer() override;
  void take_calls();

  Pool& pool_;
  net::Reactor& reactor_;
  SlotQueue& slots_;
  const unsigned worker_;
  unsigned waiting_ = 0;
  std::shared_ptr<Link> link_;  // what posted calls hold on to
};

}  // namespace switchback::upstream
