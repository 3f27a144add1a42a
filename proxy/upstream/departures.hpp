// Servers that have left a pool (an address that a name has no more, a line gone from the
// configuration) while requests run there: bounded as a drain of the color is, by class.
//
// Requests end at drain.timeout, streams at drain.stream; tunnels stay until drain.websocket and
// are then ended one after the other over as long again. 0 is never. Threads: its worker. Lifetime:
// its pool's.
#pragma once

#include <vector>

#include "proxy/upstream/dialer.hpp"

namespace switchback::upstream {

class Departures final : public net::Timer {
 public:
  explicit Departures(Dialer& dialer) : dialer_(dialer) {}

  void add(WorkerServer& server, const config::Drain& limits);
  // Before servers that have no connection any more are freed.
  void forget_empty();

 private:
  struct Departure {
    WorkerServer* server;
    config::Drain limits;
    Nanos begun_ns;
    unsigned tunnels = 0;  // seen at the last look
  };
  void on_timer() override;
  void look_at(Departure& departure);
  exchange::ServerLeft due(const Departure& departure, Nanos elapsed_ns) const;
  void arm();

  Dialer& dialer_;
  std::vector<Departure> open_;
};

}  // namespace switchback::upstream
