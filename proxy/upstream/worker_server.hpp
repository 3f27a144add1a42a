// One server as one worker sees it: its shared state, its kept-alive connections, its load.
#pragma once

#include <memory>
#include <vector>

#include "proxy/stats/counters.hpp"
#include "proxy/upstream/server_state.hpp"
#include "proxy/upstream/wire.hpp"

namespace switchback::upstream {

class Connection;

// Shared by all workers; each writes its own gauge.
struct ServerShared {
  ServerShared(std::shared_ptr<ServerState> s, unsigned workers) : state(std::move(s)), loads(workers) {}
  struct alignas(64) Load {
    stats::Gauge in_flight;
  };
  std::shared_ptr<ServerState> state;
  std::vector<Load> loads;   // one per worker
  std::uint64_t in_flight() const {
    std::int64_t sum = 0;
    for (const Load& load : loads) sum += load.in_flight.read();
    return sum < 0 ? 0 : static_cast<std::uint64_t>(sum);
  }
};

struct WorkerServer {
  WorkerServer(std::shared_ptr<ServerShared> s, unsigned w, unsigned server_weight)
      : shared(std::move(s)), worker(w), weight(server_weight) {}

  std::shared_ptr<ServerShared> shared;
  unsigned worker;
  unsigned weight;
  unsigned in_flight = 0;            // attempts on this worker
  unsigned connections = 0;          // of this worker, in any state
  int round_robin_credit = 0;
  bool removed = false;              // gone from the configuration; dies with its last connection
  Connection* idle_newest = nullptr; // last used first
  Connection* idle_oldest = nullptr;
  unsigned idle_count = 0;

  ServerLink link;                   // how connections begin

  bool usable() const { return weight > 0 && shared->state->usable(); }
  void add_load(int n) {
    in_flight = static_cast<unsigned>(static_cast<int>(in_flight) + n);
    shared->loads[worker].in_flight.add(n);
  }
};

}  // namespace switchback::upstream
