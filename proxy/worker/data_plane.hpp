// The data plane as the control plane sees it: start, reload, switch, pause, observe. Everything
// behind it is workers; nothing here blocks on traffic.
//
// Threads: all methods from one control thread. Observer callbacks come from worker,
// health and DNS threads and must only hand over (post) and return.
// Errors: start-up returns text that names the place and the mend, reload throws it; nothing else
// throws.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/drain/switch_record.hpp"
#include "proxy/mirror/view.hpp"
#include "proxy/stats/counters.hpp"
#include "proxy/upstream/health_checker.hpp"
#include "proxy/upstream/pool_shared.hpp"

namespace switchback::worker {

// The color and epoch a service starts with: what survived, or its `initial` with epoch 1.
struct ServiceSeed {
  std::string service;
  Color active = Color::blue;
  std::uint64_t epoch = 1;
};

struct ServerView {
  std::string address;
  unsigned weight = 1;
  upstream::Health health = upstream::Health::unknown;
  std::string reason;              // of the last failed check
  std::uint64_t in_flight = 0;     // all workers
  std::uint64_t connections = 0;   // of all workers, kept ones included
  unsigned share_percent = 0;      // of its weight: less in slow start, 0 while it takes nothing
  unsigned failures_in_row = 0;    // of real requests
  std::string last_failure;        // of a real request, "" when there was none
  config::Duration ejected_for{};  // until it is back; 0: not ejected
  std::string ejection;            // why: "5 failures in a row, the last: connect_refused"
  std::uint64_t ejections = 0;     // so far
  std::uint64_t ejections_withheld = 0;  // not made: too many out, or no other left
};

// A name that stands for servers, and what DNS has said of it.
struct NameView {
  std::string name;
  std::vector<std::string> addresses;  // in use
  bool resolved = false;               // it was, once
  bool trouble = false;                // worth somebody's attention; `error` says why
  std::string error;                   // of the newest answer, "" when it was good
  std::int64_t ttl_left_ms = 0;        // of the last good answer; 0: over, or never
  std::int64_t age_ms = -1;            // of the last good answer; -1: never
  std::int64_t next_ms = 0;            // until it is asked again; 0: being asked
  std::uint64_t lookups = 0, failures = 0, changes = 0, left_out = 0;
};

struct PoolView {
  bool draining = false;
  bool panic = false;  // servers that fail their checks are used, for want of others
  std::string release;
  std::array<std::uint64_t, drain::class_count> in_flight{};  // by drain::TrafficClass
  std::vector<ServerView> servers;  // a name: one for each address, or one that says why not
  std::vector<NameView> names;      // of this pool's servers
  unsigned connections_limit = 0;   // of each server; 0: none
  std::uint64_t waiting = 0;        // for a connection
};

struct ServiceView {
  std::string service;
  Color active = Color::blue;
  std::uint64_t epoch = 0;
  bool paused = false;
  std::uint64_t waiting = 0;      // at the door
  std::array<PoolView, 2> pools;  // by Color
};

// A server to be asked directly, past the data plane, as health checks do.
struct ProbeTarget {
  std::string server;  // as in ServerView::address
  std::string key;     // of service, color and server: connections with one are alike
  std::vector<upstream::ResolvedAddress> addresses;  // to try in this order
  upstream::Wire wire;                               // how connections begin
  config::Address address;                           // as configured, for TLS names
  std::string host;                                  // value of the Host field
};

struct StatsView {  // valid until the next reload; the counters are read live
  std::vector<const stats::WorkerStats*> workers;
  struct Service {
    std::string name;
    std::vector<const stats::ServiceStats*> shards;  // one per worker
  };
  std::vector<Service> services;
};

class Observer {
 public:
  virtual ~Observer() = default;
  // A shard of `record` passed a stage (barrier, first new response, last old request, drained).
  virtual void switch_progressed(const std::shared_ptr<drain::SwitchRecord>& record) = 0;
  virtual void health_changed(const upstream::HealthChange& change) = 0;
  // A pool began, or ended, to use servers that fail their checks.
  virtual void panic_changed(const upstream::PanicChange&) {}
  // DNS said something new: the control thread has to call DataPlane::adopt_names().
  virtual void names_changed() {}
  // A server failed too many requests in a row and is taken out for a while.
  virtual void server_ejected(const upstream::Ejection&) {}
};

class DataPlane {
 public:
  virtual ~DataPlane() = default;  // ends at once; see shut_down for the gentle way

  virtual unsigned workers() const = 0;
  virtual std::vector<std::string> listener_addresses() const = 0;  // "http://127.0.0.1:8080"
  virtual std::vector<std::string> services() const = 0;            // in configuration order
  virtual std::optional<ServiceView> view(const std::string& service) const = 0;
  virtual StatsView stats() const = 0;
  // What mirroring has found; at most that many of the newest differences. Unknown service:
  // nullopt.
  virtual std::optional<mirror::View> mirror_view(const std::string& service,
                                                  std::size_t most_samples) const = 0;

  // The flip: one atomic store of {color, epoch, paused as it was}, then a barrier message to every
  // worker. Returns at once; the record fills up as workers pass. `epoch` must be higher than the
  // current one. Unknown service: nullptr.
  virtual std::shared_ptr<drain::SwitchRecord> switch_color(const std::string& service, Color to,
                                                            std::uint64_t epoch) = 0;

  // All of a flip but the change: the same word is stored again, and every worker passes a message.
  // `done` from a worker thread. Unknown service: false, and no call.
  virtual bool rehearse_switch(const std::string& /*service*/, std::function<void()> done) {
    check_workers(std::move(done));
    return true;
  }

  // Shuts and opens the door. While shut, requests wait in order (limits.queue; over it: 503 with
  // Retry-After) and get the color active when they leave. The caller times `max`.
  virtual bool pause(const std::string& service) = 0;
  virtual bool resume(const std::string& service) = 0;

  // Connects to each server of a pool now; `done` from the health thread with how many accepted.
  virtual void probe_pool(const std::string& service, Color color, config::Duration timeout,
                          std::function<void(unsigned accepting)> done) = 0;

  // The servers of a color that pass their health checks (or have not been checked yet).
  virtual std::vector<ProbeTarget> probe_targets(const std::string& /*service*/,
                                                 Color /*color*/) const {
    return {};
  }
  // Hands over the bad outcomes that workers have written down since the last call (services with
  // `verify.traffic`); the number of those that did not fit, ever, by color.
  virtual std::array<std::uint64_t, 2> take_outcomes(
      const std::string& /*service*/,
      const std::function<void(const stats::BadOutcome&)>& /*each*/) {
    return {};
  }

  // Adopts what can change at run time (services, pools, routes, timeouts, limits, certificates,
  // log level). Seeds are for services that are new. The caller has checked the diff; listeners
  // stay, in their order. Throws std::runtime_error where a file it names cannot be used (one line
  // a fault): nothing has changed then.
  virtual void reload(const config::Config& config, const std::vector<ServiceSeed>& seeds) = 0;
  // What the last reload found new in files whose names stayed (certificates), one line each.
  virtual std::vector<std::string> renewed_files() const { return {}; }

  // Gives the workers the servers that the names stand for by now. After Observer::names_changed.
  virtual void adopt_names() {}
  virtual std::vector<NameView> names() const { return {}; }  // of all servers, sorted

  virtual void reopen_logs() = 0;
  // Waits until what the access log was given so far is written, or could not be for a second.
  virtual void flush_logs() {}
  // `alive` from a worker thread when every worker has come round to it: none of them hangs.
  virtual void check_workers(std::function<void()> alive) { alive(); }
  // SIGTERM: accepts who waits already and nobody else, ends every answer with Connection: close,
  // closes connections that bring no request for a second, waits at most `limit`, then ends the
  // rest: 503 where nothing of an answer was sent, half a second for it. `done` from a worker
  // thread. Inherited listening sockets are left as they are, for the next process.
  virtual void shut_down(config::Duration limit, std::function<void()> done) = 0;
};

// Takes over the sockets that the service manager passed (socket activation), for listeners
// `fd:NAME`. Once, before there is any other thread: the environment is changed. "" or a fault.
std::string adopt_inherited_sockets();
std::string unused_inherited_sockets();  // names of those that no listener took, or ""

struct StartResult {
  std::unique_ptr<DataPlane> plane;  // null: see error
  std::string error;  // "listeners[0].bind 127.0.0.1:8080: Address already in use (…)"
};
StartResult start_data_plane(const config::Config& config, const std::vector<ServiceSeed>& seeds,
                             std::shared_ptr<Observer> observer);

}  // namespace switchback::worker
