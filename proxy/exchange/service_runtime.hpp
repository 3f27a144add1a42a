// One worker's view of one service, and what an exchange needs of its worker.
//
// Threads: its worker only. Lifetime: a runtime outlives every exchange that uses it; on a reload
// its configuration is replaced in place, and exchanges read it at each use.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/drain/drain_gate.hpp"
#include "proxy/exchange/door.hpp"
#include "proxy/exchange/https_rules.hpp"
#include "proxy/exchange/ports.hpp"
#include "proxy/exchange/tap.hpp"
#include "proxy/http/request_id.hpp"
#include "proxy/log/access_log.hpp"
#include "proxy/net/reactor.hpp"
#include "proxy/route/matcher.hpp"
#include "proxy/route/service_control.hpp"
#include "proxy/stats/counters.hpp"

namespace switchback::exchange {

struct ServiceRuntime {
  ServiceRuntime(unsigned worker, drain::DrainGate::Progress progress)
      : gate(worker, std::move(progress)) {}

  const config::Service* config = nullptr;  // kept alive by the worker's snapshot
  route::ServiceControl* control = nullptr;
  stats::ServiceStats* stats = nullptr;
  std::array<UpstreamPool*, 2> pools{};        // by Color
  const HttpsRules* https = nullptr;           // kept alive as the configuration is
  const http::ClientNaming* naming = nullptr;  // likewise; null: nobody is trusted
  std::uint32_t retry_methods = 0;             // bit per http::Method
  TapSource* taps = nullptr;                   // who listens in on some; nullptr: nobody
  Door door;
  drain::DrainGate gate;
  std::uint32_t exchanges = 0;          // that point here, claimed or not
  std::function<void()> drain_changed;  // the gate's next deadline may be sooner: arm a timer

  bool may_retry(const http::RequestHead& head) const;
};

std::uint32_t method_mask(const std::vector<std::string>& methods);

struct WorkerContext {
  explicit WorkerContext(net::Reactor& loop) : reactor(loop) {}
  net::Reactor& reactor;
  std::unique_ptr<route::Matcher> matcher;
  std::vector<ServiceRuntime*> services;  // by the matcher's index
  stats::WorkerStats* stats = nullptr;
  log::AccessRing* access = nullptr;  // null: no access log
  http::RequestIdGenerator request_ids;
  bool shutting_down = false;
  config::Duration shutdown_tunnel_grace{1000};  // between a tunnel's Close 1001 and its cut
  std::string location;                          // of the redirect that is being answered
  bool limits_requests = false;                  // clients.requests_per_second
  std::int64_t wall_offset_us = 0;  // wall clock minus monotonic, refreshed once a second

  ServiceRuntime* route(const http::RequestHead& head) const {
    const auto index = matcher->find(head.authority, head.target);
    return index ? services[*index] : nullptr;
  }
  std::int64_t wall_us() const { return reactor.now_ns() / 1000 + wall_offset_us; }
  void count(http::Reason reason) { stats->reasons[static_cast<std::size_t>(reason)].add(); }
};

}  // namespace switchback::exchange
