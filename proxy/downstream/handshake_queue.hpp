// Whose TLS handshake can go on: a few steps of it are made in each turn of the loop, behind the
// turn's events, so that a flood of handshakes costs the others a bounded wait. Those that have
// begun go first: work that is already in them is not lost when more come than can be served.
//
// Threads: one worker. Bounded: a session stands in it at most once.
#pragma once

#include "proxy/net/reactor.hpp"
#include "proxy/stats/counters.hpp"

namespace switchback::downstream {

class Session;

class HandshakeQueue final : public net::Deferred {
 public:
  // A step is 0.1 to 1 ms of arithmetic.
  static constexpr int steps_per_turn = 4;
  static constexpr Nanos budget_ns = 500'000;  // after which no further step is begun in a turn

  explicit HandshakeQueue(net::Reactor& reactor) : reactor_(reactor) {}

  // Twice is once. A session that is closed takes itself out (unlink).
  void add(Session& session, bool begun);
  void count_waits(stats::Counter& waits) { waits_ = &waits; }

 private:
  void on_deferred() override;
  Session* next();
  bool empty() const { return begun_.next_link == &begun_ && fresh_.next_link == &fresh_; }

  net::Reactor& reactor_;
  net::DeferredLink begun_{&begun_, &begun_};
  net::DeferredLink fresh_{&fresh_, &fresh_};
  stats::Counter* waits_ = nullptr;  // turns that left steps for the next one
};

}  // namespace switchback::downstream
