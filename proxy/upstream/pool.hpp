// One color's servers on one worker: picks a server, lends a kept connection or dials a new one.
//
// Threads: its worker. Lifetime: outlives its connections; after update() servers that are gone
// keep their running exchanges and die with the last one.
#pragma once

#include "proxy/exchange/ports.hpp"
#include "proxy/upstream/balancer.hpp"
#include "proxy/upstream/departures.hpp"
#include "proxy/upstream/dialer.hpp"
#include "proxy/upstream/pool_queue.hpp"
#include "proxy/upstream/pool_shared.hpp"

namespace switchback::upstream {

class Pool final : public exchange::UpstreamPool {
 public:
  Pool(Dialer& dialer, unsigned worker, std::uint64_t seed)
      : dialer_(dialer), worker_(worker), balancer_(seed) {}
  ~Pool();

  // Before the first update, and before each that changes what it is given: what this pool shares
  // with the other workers', and the service's limits.
  void share(std::shared_ptr<PoolShared> shared, const config::Service& service);
  // `wire`: how connections begin; when that has changed, kept ones are closed.
  void update(const std::vector<PoolMember>& members, const config::Balance& balance,
              const Wire& wire = {});
  exchange::Acquired acquire(exchange::UpstreamUser& user,
                             const exchange::AcquireWish& wish) override;
  // Before update: what bounds the requests that run at servers which leave.
  void set_drain(const config::Drain& limits) { drain_ = limits; }
  bool names_clients() const override {
    return !servers_.empty() && servers_.front()->link.per_client;
  }
  void set_unresolved(const std::string& text) { unresolved_ = text; }
  std::string_view unresolved() const override { return unresolved_; }
  bool in_panic() const override {
    return !servers_.empty() && servers_.front()->shared->state->last_resort();
  }
  exchange::Acquired take_turn(exchange::UpstreamUser& user,
                               const exchange::AcquireWish& wish) override;
  void leave_queue(exchange::QueueWaiter& waiter) override;
  void recall() override;
  void return_wanted();  // idle connections that others wait for
  void close_idle();
  std::size_t close_oldest_idle();  // of each server the one that was used longest ago; how many
  bool busy() const;                // some server still has a connection in use

 private:
  void sweep_removed();
  Connection* kept(WorkerServer& server, const net::Endpoints& client);
  void adopt_limits();
  exchange::Acquired acquire_limited(exchange::UpstreamUser& user,
                                     const exchange::AcquireWish& wish);
  exchange::Acquired enqueue(const exchange::AcquireWish& wish);
  exchange::Acquired lend(Connection& connection, WorkerServer& server,
                          exchange::UpstreamUser& user);
  exchange::Acquired dial(WorkerServer& server, exchange::UpstreamUser& user,
                          const net::Endpoints& client, bool counted);
  static net::Endpoints client_of(const WorkerServer& server, const exchange::AcquireWish& wish);
  WorkerServer* find(const ServerShared* shared) const;
  Dialer& dialer_;
  unsigned worker_;
  Balancer balancer_;
  config::Drain drain_;
  Departures departures_{dialer_};
  std::string unresolved_;
  std::shared_ptr<PoolShared> shared_;
  std::unique_ptr<PoolQueue> queue_;  // null: never had a limit
  bool limited_ = false;              // limits.connections_per_server is set
  std::vector<std::unique_ptr<WorkerServer>> servers_;
  std::vector<std::unique_ptr<WorkerServer>> removed_;
};

}  // namespace switchback::upstream
