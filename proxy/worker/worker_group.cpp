#include "proxy/worker/worker_group.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "proxy/net/inherited.hpp"
#include "proxy/worker/names.hpp"
#include "proxy/worker/server_view.hpp"
#include "proxy/worker/server_wires.hpp"

namespace switchback::worker {
namespace {

// What holds for a head before its service is known: the widest of all services.
http1::HeadLimits widest_limits(const config::Config& config) {
  http1::HeadLimits limits;
  bool first = true;
  for (const config::Service& service : config.services) {
    limits.head_bytes =
        first ? service.limits.head : std::max(limits.head_bytes, service.limits.head);
    limits.fields = first ? service.limits.fields : std::max(limits.fields, service.limits.fields);
    first = false;
  }
  return limits;
}

}  // namespace

unsigned WorkerGroup::count_workers(const config::Config& config) {
  if (config.workers > 0) return config.workers;
  return std::max(1u, std::thread::hardware_concurrency());
}

WorkerGroup::WorkerGroup(const config::Config& config, const std::vector<ServiceSeed>& seeds,
                         std::shared_ptr<Observer> observer,
                         std::vector<net::OpenedListener> listeners)
    : worker_count_(count_workers(config)),
      observer_(std::move(observer)),
      listeners_(std::move(listeners)),
      access_log_(config.log.access, config.log.path, worker_count_),
      mirror_runs_(worker_count_),
      health_(
          [o = observer_](const upstream::HealthChange& change) {
            if (o) o->health_changed(change);
          },
          [o = observer_](const upstream::PanicChange& change) {
            if (o) o->panic_changed(change);
          }) {
  wires_ = make_wires(config);
  auto contexts = listener_tls_.load(config, worker_count_);
  configure_names(config);
  snapshot_ = build(config, seeds, std::move(contexts));
  for (unsigned i = 0; i < worker_count_; ++i) {
    workers_.push_back(
        std::make_unique<Worker>(i, access_log_.enabled() ? &access_log_.ring(i) : nullptr));
  }
  std::vector<std::function<void()>> wakers;
  for (auto& worker : workers_) {
    wakers.push_back([w = worker.get()] { w->post([w] { w->accept_again(); }); });
  }
  client_shares_->ceiling.set_wakers(std::move(wakers));
  configure_pools();
  set_health_targets();
  for (auto& worker : workers_) worker->start(snapshot_, listeners_, worker_count_);
}

WorkerGroup::~WorkerGroup() {
  for (auto& worker : workers_) worker->stop();
  workers_.clear();
  for (net::OpenedListener& listener : listeners_) net::close_listener(listener);
}

const ServiceShared* WorkerGroup::find(const std::string& service) const {
  if (!snapshot_) return nullptr;
  for (const auto& shared : snapshot_->services) {
    if (shared->config.name == service) return shared.get();
  }
  return nullptr;
}

// Of the first listener that speaks TLS on a port; 0: there is none.
std::uint16_t WorkerGroup::find_https_port(const config::Config& config) const {
  for (std::size_t i = 0; i < listeners_.size() && i < config.listeners.size(); ++i) {
    const std::string& text = listeners_[i].local_text;
    if (!config.listeners[i].tls || text.starts_with("unix:")) continue;
    return static_cast<std::uint16_t>(std::stoul(text.substr(text.rfind(':') + 1)));
  }
  return 0;
}

std::shared_ptr<const ServiceShared> WorkerGroup::build_service(
    const config::Service& config, const std::vector<ServiceSeed>& seeds) {
  auto service = std::make_shared<ServiceShared>();
  service->config = config;
  service->https = exchange::https_rules_of(config, https_port_);
  service->naming = http::client_naming_of(config.forwarded.client_header);
  const ServiceShared* before = find(config.name);
  const auto names = name_table();
  for (const Color color : {Color::blue, Color::green}) {
    const config::Pool& pool = color == Color::blue ? config.blue : config.green;
    service->pools[index_of(color)] = expand_pool(
        pool, *names, before ? &before->pools[index_of(color)] : nullptr, worker_count_);
    service->unresolved[index_of(color)] = unresolved_in(pool, *names);
  }
  service->wires = wires_.at(config.name);
  if (before) {
    const bool judged = config.verify && config.verify->traffic;
    for (const auto& shard : before->stats) {
      if (judged) shard->outcomes.make();
    }
    service->control = before->control;
    service->runtimes = before->runtimes;
    service->stats = before->stats;
    service->mirror = mirror_runs_.configure(config, service->control->load());
    service->pool_shared = before->pool_shared;
    return service;
  }
  route::ActiveWord word;
  word.color = config.initial == config::InitialColor::green ? Color::green : Color::blue;
  word.epoch = 1;
  for (const ServiceSeed& seed : seeds) {
    if (seed.service == config.name) word = {seed.active, false, seed.epoch};
  }
  service->control = std::make_shared<route::ServiceControl>(word);
  for (const Color color : {Color::blue, Color::green}) {
    service->pool_shared[index_of(color)] = std::make_shared<upstream::PoolShared>(
        config.name, color, worker_count_, [o = observer_](const upstream::Ejection& ejection) {
          if (o) o->server_ejected(ejection);
        });
  }
  for (unsigned i = 0; i < worker_count_; ++i) {
    service->runtimes.push_back(std::make_shared<exchange::ServiceRuntime>(
        i, [o = observer_](const std::shared_ptr<drain::SwitchRecord>& record) {
          if (o) o->switch_progressed(record);
        }));
    service->stats.push_back(std::make_shared<stats::ServiceStats>());
    if (config.verify && config.verify->traffic) service->stats.back()->outcomes.make();
  }
  service->mirror = mirror_runs_.configure(config, word);
  return service;
}

std::shared_ptr<const Snapshot> WorkerGroup::build(const config::Config& config,
                                                   const std::vector<ServiceSeed>& seeds,
                                                   ListenerContexts contexts) {
  auto snapshot = std::make_shared<Snapshot>();
  https_port_ = find_https_port(config);
  snapshot->match_order = config.services;
  snapshot->listeners = config.listeners;
  snapshot->clients = config.clients;
  snapshot->client_shares = client_shares_;
  if (guard::counts_addresses(config.clients) && !client_shares_->table) {
    client_shares_->table = std::make_unique<guard::ClientTable>();
  }
  client_shares_->ceiling.set_limit(config.clients.max_connections);
  snapshot->listener_tls = std::move(contexts);
  // 0 means "none", which is wider than any limit.
  const auto widest = [](Nanos a, Nanos b) { return a == 0 || b == 0 ? 0 : std::max(a, b); };
  bool first = true;
  for (const config::Service& service : config.services) {
    snapshot->services.push_back(build_service(service, seeds));
    const Nanos head = to_nanos(service.timeouts.request_head);
    const Nanos idle = to_nanos(service.timeouts.idle);
    snapshot->request_head_ns = first ? head : widest(snapshot->request_head_ns, head);
    snapshot->client_idle_ns = first ? idle : widest(snapshot->client_idle_ns, idle);
    first = false;
  }
  snapshot->head_limits = widest_limits(config);
  return snapshot;
}

std::map<std::string, ServerWires> WorkerGroup::make_wires(const config::Config& config) const {
  std::map<std::string, ServerWires> wires;
  const http1::HeadLimits limits = widest_limits(config);
  for (const config::Service& service : config.services) {
    const ServiceShared* before = find(service.name);
    wires.emplace(service.name, make_server_wires(service, worker_count_ + 1,
                                                  before ? before->wires : ServerWires{}, limits));
  }
  return wires;
}

// Before the workers adopt the snapshot: who is new begins slowly from its first request on.
void WorkerGroup::configure_pools() {
  const Nanos now = monotonic_ns();
  for (const auto& service : snapshot_->services) {
    for (const Color color : {Color::blue, Color::green}) {
      service->pool_shared[index_of(color)]->configure(service->config,
                                                       service->pools[index_of(color)], now);
    }
  }
}

void WorkerGroup::set_health_targets() {
  std::vector<upstream::HealthTarget> targets;
  for (const auto& service : snapshot_->services) {
    for (const Color color : {Color::blue, Color::green}) {
      for (const upstream::PoolMember& member : service->pools[index_of(color)]) {
        targets.push_back({service->config.name, color, service->config.health_check,
                           member.shared->state, service->wires[index_of(color)].back(),
                           member.weight});
      }
    }
  }
  health_.set_targets(std::move(targets));
}

std::vector<std::string> WorkerGroup::listener_addresses() const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    std::vector<std::string> texts = listeners_[i].inherited_texts;  // several of one address: once
    if (texts.empty()) texts.push_back(listeners_[i].local_text);
    std::sort(texts.begin(), texts.end());
    texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
    const std::string scheme = snapshot_->listeners[i].tls ? "https://" : "http://";
    for (const std::string& text : texts)
      out.push_back((text.starts_with("unix:") ? "" : scheme) + text);
  }
  return out;
}

std::vector<std::string> WorkerGroup::services() const {
  std::vector<std::string> names;
  for (const auto& service : snapshot_->services) names.push_back(service->config.name);
  return names;
}

PoolView WorkerGroup::pool_view(const ServiceShared& service, Color color, Color active) const {
  PoolView view;
  const config::Pool& pool = color == Color::blue ? service.config.blue : service.config.green;
  view.release = pool.release;
  std::uint64_t sum = 0;
  for (std::size_t c = 0; c < drain::class_count; ++c) {
    for (const auto& runtime : service.runtimes) {
      view.in_flight[c] += runtime->gate.in_flight(color, static_cast<drain::TrafficClass>(c));
    }
    sum += view.in_flight[c];
  }
  view.draining = color != active && sum > 0;
  const upstream::PoolShared& shared = *service.pool_shared[index_of(color)];
  view.connections_limit = service.config.limits.connections_per_server;
  view.waiting = shared.slots().waiting();
  const Nanos now = monotonic_ns();
  for (const upstream::PoolMember& member : service.pools[index_of(color)]) {
    view.servers.push_back(server_view(member, shared, now));
    view.panic |= member.shared->state->last_resort();
  }
  const std::set<std::string> names = names_of(pool);
  if (names.empty()) return view;
  const auto table = name_table();
  add_unresolved(pool, *table, view.servers);
  view.names = views_of(names, *table);
  return view;
}

std::optional<ServiceView> WorkerGroup::view(const std::string& name) const {
  const ServiceShared* service = find(name);
  if (!service) return std::nullopt;
  const route::ActiveWord word = service->control->load();
  ServiceView view;
  view.service = name;
  view.active = word.color;
  view.epoch = word.epoch;
  view.paused = word.paused;
  for (const auto& stats : service->stats) {
    const std::int64_t waiting = stats->waiting.read();
    view.waiting += waiting > 0 ? static_cast<std::uint64_t>(waiting) : 0;
  }
  for (const Color color : {Color::blue, Color::green}) {
    view.pools[index_of(color)] = pool_view(*service, color, word.color);
  }
  return view;
}

StatsView WorkerGroup::stats() const {
  StatsView view;
  for (const auto& worker : workers_) view.workers.push_back(&worker->stats());
  for (const auto& service : snapshot_->services) {
    StatsView::Service entry{service->config.name, {}};
    for (const auto& shard : service->stats) entry.shards.push_back(shard.get());
    view.services.push_back(std::move(entry));
  }
  return view;
}

std::shared_ptr<drain::SwitchRecord> WorkerGroup::switch_color(const std::string& name, Color to,
                                                               std::uint64_t epoch) {
  const ServiceShared* service = find(name);
  if (!service) return nullptr;
  const route::ActiveWord before = service->control->load();
  SB_ASSERT(epoch > before.epoch);
  auto record = std::make_shared<drain::SwitchRecord>(name, other(to), to, epoch, worker_count_);
  record->stored_ns = monotonic_ns();
  service->control->store({to, before.paused, epoch});
  const auto run = mirror_runs_.switched(name, {to, before.paused, epoch});
  for (unsigned i = 0; i < worker_count_; ++i) {
    Worker* worker = workers_[i].get();
    worker->post([worker, runtime = service->runtimes[i], record, run] {
      worker->begin_switch(runtime, record);
      if (run) worker->begin_mirror_run(runtime, run);
    });
  }
  return record;
}

bool WorkerGroup::rehearse_switch(const std::string& name, std::function<void()> done) {
  const ServiceShared* service = find(name);
  if (!service) return false;
  service->control->store(service->control->load());
  check_workers(std::move(done));
  return true;
}

bool WorkerGroup::pause(const std::string& name) {
  const ServiceShared* service = find(name);
  if (!service) return false;
  route::ActiveWord word = service->control->load();
  word.paused = true;
  service->control->store(word);
  return true;
}

bool WorkerGroup::resume(const std::string& name) {
  const ServiceShared* service = find(name);
  if (!service) return false;
  route::ActiveWord word = service->control->load();
  word.paused = false;
  service->control->store(word);
  for (unsigned i = 0; i < worker_count_; ++i) {
    Worker* worker = workers_[i].get();
    worker->post([worker, runtime = service->runtimes[i]] { worker->open_door(runtime); });
  }
  return true;
}

void WorkerGroup::probe_pool(const std::string& name, Color color, config::Duration timeout,
                             std::function<void(unsigned accepting)> done) {
  std::vector<std::shared_ptr<upstream::ServerState>> servers;
  upstream::Wire wire;
  if (const ServiceShared* service = find(name)) {
    for (const upstream::PoolMember& member : service->pools[index_of(color)]) {
      servers.push_back(member.shared->state);
    }
    wire = service->wires[index_of(color)].back();
  }
  health_.probe_connect(std::move(servers), timeout, std::move(done), std::move(wire));
}

std::vector<ProbeTarget> WorkerGroup::probe_targets(const std::string& name, Color color) const {
  std::vector<ProbeTarget> out;
  const ServiceShared* service = find(name);
  if (!service) return out;
  for (const upstream::PoolMember& member : service->pools[index_of(color)]) {
    const upstream::ServerState& state = *member.shared->state;
    // What is used for want of better does not speak for its color.
    if (state.health() > upstream::Health::healthy || state.candidates.empty()) continue;
    ProbeTarget target;
    target.server = state.identity;
    target.key = name + " " + std::string(to_string(color)) + " " + state.identity;
    target.addresses = upstream::probe_order(state);
    target.wire = service->wires[index_of(color)].back();
    target.address = state.address;
    target.host = upstream::probe_host(service->config.health_check, state.address);
    out.push_back(std::move(target));
  }
  return out;
}

std::array<std::uint64_t, 2> WorkerGroup::take_outcomes(
    const std::string& name, const std::function<void(const stats::BadOutcome&)>& each) {
  std::array<std::uint64_t, 2> lost{};
  const ServiceShared* service = find(name);
  if (!service) return lost;
  for (const auto& shard : service->stats) {
    stats::OutcomeRing* ring = shard->outcomes.get();
    if (!ring) continue;
    ring->drain(each);
    for (const Color color : {Color::blue, Color::green}) {
      lost[index_of(color)] += ring->lost(color);
    }
  }
  return lost;
}

void WorkerGroup::reload(const config::Config& config, const std::vector<ServiceSeed>& seeds) {
  // First what may throw: files can be faulty, and then nothing has changed yet.
  auto wires = make_wires(config);
  auto contexts = listener_tls_.load(config, worker_count_);
  renewed_files_ = listener_tls_.renewed();
  for (auto& line : renewed_wires(wires_, wires)) renewed_files_.push_back(std::move(line));
  wires_ = std::move(wires);
  configure_names(config);
  snapshot_ = build(config, seeds, std::move(contexts));
  configure_pools();
  set_health_targets();
  for (auto& worker : workers_) {
    worker->post(
        [w = worker.get(), snapshot = snapshot_]() mutable { w->adopt(std::move(snapshot)); });
  }
  log::set_program_log_level(config.log.level);
}

void WorkerGroup::configure_names(const config::Config& config) {
  names_ = names_of(config);
  if (!resolver_ && names_.empty()) return;
  if (!resolver_) {
    resolver_ = std::make_unique<dns::Resolver>([o = observer_] {
      if (o) o->names_changed();
    });
  }
  resolver_->configure(config.dns, names_);
}

std::shared_ptr<const dns::NameTable> WorkerGroup::name_table() const {
  return resolver_ ? resolver_->table() : std::make_shared<const dns::NameTable>();
}

std::vector<NameView> WorkerGroup::names() const {
  return views_of(names_, *name_table());
}

// Services whose names say nothing new are the same objects as before.
void WorkerGroup::adopt_names() {
  const auto table = name_table();
  std::vector<upstream::HealthChange> changes;
  auto next = std::make_shared<Snapshot>(*snapshot_);
  bool any = false;
  for (auto& service : next->services) {
    auto fresh = with_names(*service, *table, worker_count_,
                            [&](const auto& change) { changes.push_back(change); });
    if (!fresh) continue;
    service = std::move(fresh);
    any = true;
  }
  if (!any) return;
  snapshot_ = std::move(next);
  configure_pools();
  set_health_targets();
  for (auto& worker : workers_) {
    worker->post([w = worker.get(), snapshot = snapshot_]() mutable {
      w->adopt_members(std::move(snapshot));
    });
  }
  for (const auto& change : changes) {
    if (observer_) observer_->health_changed(change);
  }
}

void WorkerGroup::reopen_logs() {
  access_log_.reopen();
}

void WorkerGroup::flush_logs() {
  access_log_.flush();
}

void WorkerGroup::check_workers(std::function<void()> alive) {
  auto left = std::make_shared<std::atomic<unsigned>>(worker_count_);
  auto finished = std::make_shared<std::function<void()>>(std::move(alive));
  for (auto& worker : workers_) {
    worker->post([left, finished] {
      if (left->fetch_sub(1) == 1) (*finished)();
    });
  }
}

void WorkerGroup::shut_down(config::Duration limit, std::function<void()> done) {
  for (net::OpenedListener& listener : listeners_) net::give_up_path(listener);
  auto left = std::make_shared<std::atomic<unsigned>>(worker_count_);
  auto finished = std::make_shared<std::function<void()>>(std::move(done));
  for (auto& worker : workers_) {
    worker->post([w = worker.get(), limit, left, finished] {
      w->begin_shutdown(to_nanos(limit), [left, finished] {
        if (left->fetch_sub(1) == 1) (*finished)();
      });
    });
  }
}

std::string adopt_inherited_sockets() {
  return net::InheritedSockets::from_environment(net::inherited_sockets());
}

std::string unused_inherited_sockets() {
  return net::inherited_sockets().names();
}

StartResult start_data_plane(const config::Config& config, const std::vector<ServiceSeed>& seeds,
                             std::shared_ptr<Observer> observer) {
  StartResult result;
  std::vector<net::OpenedListener> opened;
  const unsigned workers = WorkerGroup::count_workers(config);
  for (std::size_t i = 0; i < config.listeners.size() && result.error.empty(); ++i) {
    net::OpenedListener listener;
    const std::string fault =
        net::open_listener(config.listeners[i].bind, workers, listener, config.listeners[i].mode);
    if (fault.empty()) {
      opened.push_back(std::move(listener));
    } else {
      result.error = "listeners[" + std::to_string(i) + "].bind: " + fault;
    }
  }
  if (result.error.empty()) {
    try {
      result.plane = std::make_unique<WorkerGroup>(config, seeds, std::move(observer), opened);
      return result;
    } catch (const std::runtime_error& fault) {
      result.error = fault.what();
    }
  }
  for (net::OpenedListener& listener : opened) net::close_listener(listener);
  return result;
}

}  // namespace switchback::worker
