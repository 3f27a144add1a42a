// One server as one worker sees it: its shared state, its kept-alive connections, its load.
#pragma once

#include <memory>
#include <vector>

#include "proxy/base/assert.hpp"
#include "proxy/stats/counters.hpp"
#include "proxy/upstream/outlier.hpp"
#include "proxy/upstream/server_state.hpp"
#include "proxy/upstream/wire.hpp"

namespace switchback::upstream {

class Connection;
class PoolShared;

// Shared by all workers; each writes its own gauge.
struct ServerShared {
  ServerShared(std::shared_ptr<ServerState> s, unsigned workers)
      : state(std::move(s)), loads(workers), idle(workers), wanted_back(workers) {}
#ifndef NDEBUG
  // Every connection has been closed, and every place taken for one was used or given back.
  ~ServerShared() {
    SB_ASSERT(connections.load(std::memory_order_relaxed) == 0);
  }
#endif
  struct alignas(64) Load {
    stats::Gauge in_flight;
  };
  std::shared_ptr<ServerState> state;
  std::vector<Load> loads;  // one per worker
  Standing standing;
  // Of all workers, in any state, and places taken for one that is about to be dialled. Written
  // when a connection begins or ends, never per request.
  alignas(64) std::atomic<std::uint32_t> connections{0};
  // Per worker, under the SlotQueue's mutex, used only with a limit: connections that are kept
  // idle, and those of them that were asked back for somebody who waits.
  std::vector<std::uint32_t> idle;
  std::vector<std::uint32_t> wanted_back;

  std::uint64_t in_flight() const {
    std::int64_t sum = 0;
    for (const Load& load : loads) sum += load.in_flight.read();
    return sum < 0 ? 0 : static_cast<std::uint64_t>(sum);
  }
  // May be sent requests; `even_ejected`: when there is nobody better.
  bool usable(Nanos now_ns, bool even_ejected = false) const {
    return state->usable() && (even_ejected || !standing.ejected(now_ns));
  }
  // The part of its weight that counts now, in per mille (slow start).
  unsigned share(Nanos now_ns, Nanos slow_start_ns) const;
};

// What a server makes of connections that its answers leave open. One that `ends` them behind the
// first answer without saying so (RFC 9112 §9.6 asks it to) gets only what may be repeated on them:
// its end may be under way. One answer on a kept connection shows that it `keeps` them.
enum class Keeping : std::uint8_t { unknown, ends, keeps };

struct WorkerServer {
  WorkerServer(std::shared_ptr<ServerShared> s, unsigned w, unsigned server_weight)
      : shared(std::move(s)), worker(w), weight(server_weight) {}

  std::shared_ptr<ServerShared> shared;
  PoolShared* pool = nullptr;  // outlives it; null in tests of what needs none
  unsigned worker;
  unsigned weight;
  unsigned in_flight = 0;    // attempts on this worker
  unsigned connections = 0;  // of this worker, in any state
  std::int64_t round_robin_credit = 0;
  bool removed = false;  // gone from the configuration; dies with its last connection
  bool limited = false;  // limits.connections_per_server: the pool's queue has a say
  Keeping keeping = Keeping::unknown;
  bool full = false;                  // while one pick looks for a server with a connection to give
  Connection* idle_newest = nullptr;  // last used first
  Connection* idle_oldest = nullptr;
  unsigned idle_count = 0;
  Connection* reserved = nullptr;  // private ones between two requests; not among the idle
  unsigned reserved_count = 0;

  ServerLink link;  // how connections begin

  bool usable(Nanos now_ns, bool even_ejected = false) const {
    return weight > 0 && !full && shared->usable(now_ns, even_ejected);
  }
  bool passed() const { return shared->state->health() == Health::healthy; }
  void add_load(int n) {
    in_flight = static_cast<unsigned>(static_cast<int>(in_flight) + n);
    shared->loads[worker].in_flight.add(n);
  }
};

}  // namespace switchback::upstream
