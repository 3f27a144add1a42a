// Which server of a pool takes the next request. Sans-IO.
//
// least_requests: power of two choices on requests in flight per weight (M. Mitzenmacher, "The
// Power of Two Choices in Randomized Load Balancing", 2001), as this worker sees them.
// round_robin: smooth weighted. hash: weighted rendezvous (D. Thaler, C. Ravishankar, 1998), so
// that a server's going moves only its own keys; a request without the key falls to least_requests.
// A server that is unhealthy or of weight 0 gets nothing; `avoid` gets it only if no other can.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "config/model.hpp"
#include "proxy/http/head.hpp"
#include "proxy/upstream/worker_server.hpp"

namespace switchback::upstream {

class Balancer {
 public:
  explicit Balancer(std::uint64_t seed) : random_(seed | 1) {}
  void configure(const config::Balance& balance) { balance_ = balance; }

  // nullptr: none can take it.
  WorkerServer* pick(const std::vector<std::unique_ptr<WorkerServer>>& servers,
                     const http::RequestHead* head, const void* avoid);

 private:
  using Servers = std::vector<std::unique_ptr<WorkerServer>>;
  WorkerServer* pick_least(const Servers& servers, const void* avoid);
  WorkerServer* pick_round_robin(const Servers& servers, const void* avoid);
  WorkerServer* pick_hash(const Servers& servers, std::string_view key, const void* avoid);
  std::uint64_t next_random();
  config::Balance balance_;
  std::uint64_t random_;
};

// The value of cookie `name` in the request's Cookie fields (RFC 6265 §4.2.1); empty: none.
std::string_view cookie_value(const http::RequestHead& head, std::string_view name);

}  // namespace switchback::upstream
