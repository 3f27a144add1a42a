// Which server of a pool takes the next request. Sans-IO.
//
// least_requests: of two drawn by weight, the one with fewer requests in flight for its weight
// (after M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001), as this
// worker sees them; the first drawn when they are equal, so that an idle pool shares by weight too.
// round_robin: smooth weighted. hash: weighted rendezvous (D. Thaler, C. Ravishankar, 1998), so
// that a server's going moves only its own keys; a request without the key falls to least_requests.
// A weight counts by its server's share (slow start). A server that is unhealthy or of weight 0
// gets nothing. Hashed by X-Forwarded-For, the client counts whom a trusted peer has named there,
// not the list, which differs with the way it came and its ports. One that was not checked yet (a
// new address of a name) comes after those that passed, as long as these hold half of the weight:
// else too few would carry the load of all. `avoid` gets it only if no other can; one that is
// ejected only if nobody else is left: an ejection is an opinion, and no reason to answer 503.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "config/model.hpp"
#include "proxy/http/client_naming.hpp"
#include "proxy/http/head.hpp"
#include "proxy/upstream/worker_server.hpp"

namespace switchback::upstream {

class Balancer {
 public:
  explicit Balancer(std::uint64_t seed) : random_(seed | 1) {}
  void configure(const config::Balance& balance);
  void set_slow_start(Nanos slow_start_ns) { slow_start_ns_ = slow_start_ns; }
  void set_even(bool even) { even_ = even; }  // all weights are the same: draws are cheaper

  // nullptr: none can take it.
  WorkerServer* pick(const std::vector<std::unique_ptr<WorkerServer>>& servers,
                     const http::RequestHead* head, const void* avoid, Nanos now_ns = 0,
                     const http::ClientAddress* named = nullptr);

 private:
  using Servers = std::vector<std::unique_ptr<WorkerServer>>;
  WorkerServer* pick_by_policy(const Servers& servers, const http::RequestHead* head,
                               const void* avoid);
  std::string_view key_of(const http::RequestHead& head) const;
  bool can_take(const WorkerServer& server, const void* avoid) const {
    return &server != avoid && server.usable(now_ns_, even_ejected_) &&
           (even_unknown_ || server.passed());
  }
  void count_unknown(const Servers& servers);
  std::uint64_t weight_of(const WorkerServer& server) const {  // in thousandths
    if (slow_start_ns_ == 0) return std::uint64_t{server.weight} * full_share;
    return std::uint64_t{server.weight} * server.shared->share(now_ns_, slow_start_ns_);
  }
  WorkerServer* draw(const Servers& servers, const void* avoid, const WorkerServer* but);
  WorkerServer* pick_least(const Servers& servers, const void* avoid);
  WorkerServer* pick_round_robin(const Servers& servers, const void* avoid);
  WorkerServer* pick_hash(const Servers& servers, std::string_view key, const void* avoid);
  std::uint64_t next_random();
  config::Balance balance_;
  std::uint64_t random_;
  Nanos slow_start_ns_ = 0;
  Nanos now_ns_ = 0;                            // of the running pick
  const http::ClientAddress* named_ = nullptr;  // of the running pick
  bool even_ejected_ = false;                   // of the running pick
  bool even_unknown_ = false;                   // of the running pick
  bool even_ = false;
  bool by_client_ = false;  // hashed by X-Forwarded-For
};

// The value of cookie `name` in the request's Cookie fields (RFC 6265 §4.2.1); empty: none.
std::string_view cookie_value(const http::RequestHead& head, std::string_view name);

}  // namespace switchback::upstream
