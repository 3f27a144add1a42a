// One color's servers on one worker: picks a server, lends a kept connection or dials a new one.
//
// Threads: its worker. Lifetime: outlives its connections; after update() servers that are gone
// keep their running exchanges and die with the last one.
#pragma once

#include "proxy/exchange/ports.hpp"
#include "proxy/upstream/balancer.hpp"
#include "proxy/upstream/dialer.hpp"

namespace switchback::upstream {

struct PoolMember {
  std::shared_ptr<ServerShared> shared;
  unsigned weight = 1;
};

class Pool final : public exchange::UpstreamPool {
 public:
  Pool(Dialer& dialer, unsigned worker, std::uint64_t seed)
      : dialer_(dialer), worker_(worker), balancer_(seed) {}
  ~Pool();

  // `wire`: how connections begin; when that has changed, kept ones are closed.
  void update(const std::vector<PoolMember>& members, const config::Balance& balance,
              const Wire& wire = {});
  exchange::Acquired acquire(exchange::UpstreamUser& user,
                             const exchange::AcquireWish& wish) override;
  void set_unresolved(const std::string& text) { unresolved_ = text; }
  std::string_view unresolved() const override { return unresolved_; }
  void close_idle();
  std::size_t close_oldest_idle();   // of each server the one that was used longest ago; how many
  bool busy() const;   // some server still has a connection in use

 private:
  void sweep_removed();
  Connection* kept(WorkerServer& server, const net::Endpoints& client);
  Dialer& dialer_;
  unsigned worker_;
  Balancer balancer_;
  std::string unresolved_;
  std::vector<std::unique_ptr<WorkerServer>> servers_;
  std::vector<std::unique_ptr<WorkerServer>> removed_;
};

}  // namespace switchback::upstream
