// What a configuration is to the workers: immutable, built on the control thread, adopted by each
// worker on its own thread, freed when the last of them has let go of it.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/exchange/service_runtime.hpp"
#include "proxy/guard/client_guard.hpp"
#include "proxy/mirror/run.hpp"
#include "proxy/upstream/pool.hpp"
#include "proxy/worker/listener_tls.hpp"

namespace switchback::worker {

// How connections to a service's servers begin: by Color, for each worker and then for the health
// checker.
using ServerWires = std::array<std::vector<upstream::Wire>, 2>;

struct ServiceShared {
  config::Service config;
  exchange::HttpsRules https;
  http::ClientNaming naming;
  std::shared_ptr<route::ServiceControl> control;                   // goes on across reloads
  std::vector<std::shared_ptr<exchange::ServiceRuntime>> runtimes;  // one per worker; go on too
  std::vector<std::shared_ptr<stats::ServiceStats>> stats;          // one per worker; go on too
  std::array<std::vector<upstream::PoolMember>, 2> pools;           // by Color
  std::array<std::string, 2> unresolved;                            // names without an address
  mirror::Setup mirror;
  ServerWires wires;
  std::array<std::shared_ptr<upstream::PoolShared>, 2> pool_shared;  // by Color; go on too
};

struct Snapshot {
  std::vector<std::shared_ptr<const ServiceShared>> services;  // in configuration order
  std::vector<config::Service> match_order;                    // what the matcher is built from
  std::vector<config::Listener> listeners;                     // in configuration order
  config::Clients clients;
  std::shared_ptr<guard::ClientShares> client_shares;  // of all workers; go on too
  ListenerContexts listener_tls;                       // in the same order
  // The widest of all services: what holds before a request is routed.
  http1::HeadLimits head_limits;
  Nanos request_head_ns = 0;
  Nanos client_idle_ns = 0;
};

}  // namespace switchback::worker
