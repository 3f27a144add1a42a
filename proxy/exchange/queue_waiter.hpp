// Who waits for a connection to a server (limits.connections_per_server).
#pragma once

#include <cstdint>

#include "proxy/base/clock.hpp"

namespace switchback::exchange {

class QueueWaiter;

enum class QueueState : std::uint8_t {
  none,
  waiting,
  called,  // its turn has come, or the queue wants it to ask again; on_turn() will follow
};

// A place in the queue; for the queue's use.
struct QueuePlace {
  QueueWaiter* queue_previous = nullptr;
  QueueWaiter* queue_next = nullptr;
  Nanos queued_ns = 0;                // its rank: who began to wait first is served first
  const void* queue_avoid = nullptr;  // a server that has just failed it
  void* granted_server = nullptr;     // whose connection it may have; null: it is to ask again
  int granted_fd = -1;                // that connection; -1: it is still to be dialled
  std::uint16_t queue_worker = 0;
  QueueState queue_state = QueueState::none;
  bool queue_fresh = false;  // it wants no kept connection
};

class QueueWaiter : public QueuePlace {
 public:
  // From an event of its own. Must lead to UpstreamPool::take_turn or leave_queue at once.
  virtual void on_turn() = 0;

 protected:
  ~QueueWaiter() = default;
};

}  // namespace switchback::exchange
