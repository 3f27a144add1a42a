#include "proxy/worker/worker.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>

#include "proxy/mirror/mirror.hpp"

namespace switchback::worker {

namespace {
constexpr Nanos second_ns = 1'000'000'000;
constexpr Nanos shutdown_poll_ns = 16'000'000;
// A handshake that began before the listeners stopped taking new ones is over after a round trip.
constexpr Nanos arrival_ns = 250'000'000;
constexpr Nanos last_words_ns = 500'000'000;
}  // namespace

// A service on this worker: its runtime, its two pools, the timer of its drains, its door's opener.
struct Worker::Service final : net::Timer, net::Deferred {
  Service(Worker& w, std::shared_ptr<const ServiceShared> s)
      : worker(w),
        shared(std::move(s)),
        runtime(shared->runtimes[w.index_]),
        pools{std::make_unique<upstream::Pool>(w.dialer_, w.index_, seed(w, 1)),
              std::make_unique<upstream::Pool>(w.dialer_, w.index_, seed(w, 2))},
        mirror(w.context_, *runtime, w.index_) {}

  ~Service() {  // the runtime may live on in a late message
    runtime->drain_changed = nullptr;
    runtime->pools = {};
  }

  static std::uint64_t seed(const Worker& w, std::uint64_t n) {
    return (static_cast<std::uint64_t>(monotonic_ns()) << 8) ^ (w.index_ * 0x9e3779b97f4a7c15ULL) ^
           n;
  }
  void arm_drain() {
    const Nanos next = runtime->gate.next_deadline_ns();
    if (next != 0) {
      worker.reactor_.timers().arm(*this, next);
    } else {
      worker.reactor_.timers().disarm(*this);
    }
  }
  void on_timer() override {
    runtime->gate.enforce(worker.reactor_.now_ns());
    arm_drain();
  }
  void on_deferred() override {
    if (runtime->control->load().paused) return;  // shut again: who waits goes on waiting
    if (runtime->door.open_some()) worker.reactor_.defer(*this);
  }
  bool busy() const { return pools[0]->busy() || pools[1]->busy() || runtime->exchanges > 0; }

  Worker& worker;
  std::shared_ptr<const ServiceShared> shared;
  std::shared_ptr<exchange::ServiceRuntime> runtime;
  std::array<std::unique_ptr<upstream::Pool>, 2> pools;
  mirror::Mirror mirror;  // last: its copies use the pools
};

Worker::Worker(unsigned index, log::AccessRing* access)
    : index_(index), context_(reactor_), host_(context_), dialer_(reactor_, stats_) {
  context_.stats = &stats_;
  host_.handshakes().count_waits(stats_.tls.waits);
  context_.access = access;
  dialer_.set_make_room([this] { return make_room(); });
}

Worker::~Worker() {
  stop();
}

void Worker::stop() {
  reactor_.stop();
  if (thread_.joinable()) thread_.join();
}

void Worker::start(std::shared_ptr<const Snapshot> snapshot,
                   const std::vector<net::OpenedListener>& listeners, unsigned workers) {
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    listeners_.push_back(std::make_unique<downstream::ListenerRuntime>());
    for (const net::ListenShare& share : net::shares_of(listeners[i], index_, workers))
      entrances_.push_back({share, i, listeners[i].owned, nullptr});
  }
  thread_ = std::thread([this, snapshot = std::move(snapshot)]() mutable {
    const std::string name = "sb-worker-" + std::to_string(index_);
    ::pthread_setname_np(::pthread_self(), name.c_str());
    run(std::move(snapshot));
  });
}

void Worker::run(std::shared_ptr<const Snapshot> snapshot) {
  // A splice into a socket that is gone says it by a signal too, and no flag prevents that.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  refresh_wall_clock();
  adopt(std::move(snapshot));
  for (Entrance& entrance : entrances_) {
    entrance.acceptor = std::make_unique<net::Acceptor>(
        reactor_, entrance.share.fd, entrance.share.shared,
        [this, listener = listeners_[entrance.listener].get()](
            int client, const sockaddr_storage& peer) { host_.accepted(client, peer, *listener); },
        this);
  }
  reactor_.timers().arm(*this, reactor_.now_ns() + second_ns);
  reactor_.run();
  for (Entrance& entrance : entrances_) entrance.acceptor.reset();
  host_.close_all();
  for (auto& [name, service] : services_) {
    service->mirror.stop();
    service->pools[0]->close_idle();
    service->pools[1]->close_idle();
  }
}

std::unique_ptr<Worker::Service> Worker::make_service(
    const std::shared_ptr<const ServiceShared>& shared) {
  auto service = std::make_unique<Service>(*this, shared);
  Service* raw = service.get();
  service->runtime->drain_changed = [raw] { raw->arm_drain(); };
  return service;
}

void Worker::update_service(Service& service, const std::shared_ptr<const ServiceShared>& shared) {
  exchange::ServiceRuntime& runtime = *service.runtime;
  const config::Service& config = shared->config;
  for (const Color color : {Color::blue, Color::green}) {
    upstream::Pool& pool = *service.pools[index_of(color)];
    pool.set_drain(config.drain);
    pool.share(shared->pool_shared[index_of(color)], config);
    pool.update(shared->pools[index_of(color)], config.balance,
                shared->wires[index_of(color)][index_]);
    pool.set_unresolved(shared->unresolved[index_of(color)]);
    runtime.pools[index_of(color)] = &pool;
  }
  runtime.config = &config;
  runtime.https = &shared->https;
  runtime.naming = config.forwarded.trust.empty() ? nullptr : &shared->naming;
  runtime.control = shared->control.get();
  runtime.stats = shared->stats[index_].get();
  runtime.retry_methods = exchange::method_mask(config.retries.methods);
  const std::size_t workers = shared->runtimes.size();
  runtime.door.set_limit(std::max<std::size_t>(1, (config.limits.queue + workers - 1) / workers));
  service.mirror.configure(shared->mirror);
  service.shared = shared;  // last: the old configuration may die with it
}

// Listeners stay as they were opened; how their new connections begin may change.
void Worker::update_listeners(const Snapshot& snapshot) {
  for (std::size_t i = 0; i < listeners_.size() && i < snapshot.listeners.size(); ++i) {
    listeners_[i]->proxy_protocol = snapshot.listeners[i].proxy_protocol;
    const auto& contexts = snapshot.listener_tls[i];
    listeners_[i]->tls = contexts.empty() ? nullptr : contexts[index_];
  }
}

void Worker::adopt(std::shared_ptr<const Snapshot> snapshot) {
  std::map<std::string, std::unique_ptr<Service>> next;
  context_.services.clear();
  for (const auto& shared : snapshot->services) {
    const std::string& name = shared->config.name;
    const auto known = services_.find(name);
    auto service = known != services_.end() ? std::move(known->second) : make_service(shared);
    if (known != services_.end()) services_.erase(known);
    update_service(*service, shared);
    context_.services.push_back(service->runtime.get());
    next.emplace(name, std::move(service));
  }
  for (auto& [name, service] : services_) {
    service->mirror.stop();
    service->pools[0]->close_idle();
    service->pools[1]->close_idle();
    retired_.push_back(std::move(service));
  }
  services_ = std::move(next);
  context_.matcher = std::make_unique<route::Matcher>(snapshot->match_order);
  downstream::HostLimits limits;
  limits.head = snapshot->head_limits;
  limits.request_head_ns = snapshot->request_head_ns;
  limits.idle_ns = snapshot->client_idle_ns;
  host_.configure(limits);
  host_.configure(snapshot->clients, *snapshot->client_shares);
  update_listeners(*snapshot);
  dialer_.configure(snapshot->head_limits.head_bytes, snapshot->head_limits.fields);
  snapshot_ = std::move(snapshot);
  sweep_retired();
}

void Worker::adopt_members(std::shared_ptr<const Snapshot> snapshot) {
  for (const auto& shared : snapshot->services) {
    const auto known = services_.find(shared->config.name);
    if (known != services_.end() && known->second->shared != shared) {
      update_service(*known->second, shared);
    }
  }
  snapshot_ = std::move(snapshot);
  sweep_retired();
}

void Worker::begin_switch(const std::shared_ptr<exchange::ServiceRuntime>& runtime,
                          std::shared_ptr<drain::SwitchRecord> record) {
  const Color left = record->from;
  runtime->gate.begin(std::move(record), runtime->config->drain, monotonic_ns());
  if (runtime->pools[index_of(left)]) runtime->pools[index_of(left)]->recall();
  if (runtime->drain_changed) runtime->drain_changed();
}

void Worker::begin_mirror_run(const std::shared_ptr<exchange::ServiceRuntime>& runtime,
                              std::shared_ptr<mirror::Run> run) {
  for (auto& [name, service] : services_) {
    if (service->runtime == runtime) service->mirror.begin_run(run);
  }
}

void Worker::open_door(const std::shared_ptr<exchange::ServiceRuntime>& runtime) {
  const auto own = [&](const auto& service) { return service->runtime == runtime; };
  for (auto& [name, service] : services_) {
    if (own(service)) reactor_.defer(*service);
  }
  for (auto& service : retired_) {
    if (own(service)) reactor_.defer(*service);
  }
}

bool Worker::enter() {
  if (host_.guard().enter_ceiling()) return true;
  stats_.ceiling_waits.add();
  return false;
}

void Worker::accept_again() {
  for (Entrance& entrance : entrances_) {
    if (entrance.acceptor) entrance.acceptor->resume();
  }
}

// Out of descriptors: who waits for nothing goes first, clients before servers, and nobody whose
// request is under way.
bool Worker::make_room() {
  if (reactor_.pipes().trim()) return true;
  if (host_.evict() > 0) return true;
  std::size_t closed = 0;
  for (auto& [name, service] : services_) {
    for (auto& pool : service->pools) closed += pool->close_oldest_idle();
  }
  stats_.evicted_servers.add(closed);
  return closed > 0;
}

void Worker::sweep_retired() {
  std::erase_if(retired_, [](const auto& service) { return !service->busy(); });
}

void Worker::refresh_wall_clock() {
  context_.wall_offset_us = switchback::wall_us() - monotonic_ns() / 1000;
}

void Worker::begin_shutdown(Nanos limit_ns, std::function<void()> done) {
  context_.shutting_down = true;
  shutdown_done_ = std::move(done);
  shutdown_at_ns_ = reactor_.now_ns() + limit_ns;
  context_.shutdown_tunnel_grace = tunnel::grace_of(std::chrono::nanoseconds(limit_ns / 4));
  bool on_their_way = false;
  for (Entrance& entrance : entrances_) {
    if (!entrance.owned) {  // who waits there waits for the next process
      entrance.acceptor->stop();
    } else if (entrance.acceptor->refuse_new()) {
      on_their_way = true;
    }
  }
  finish_accepting_at_ns_ = reactor_.now_ns() + (on_their_way ? arrival_ns : 0);
  if (!on_their_way) finish_accepting();
  host_.begin_shutdown(limit_ns / 2);
  reactor_.timers().arm(*this, reactor_.now_ns() + shutdown_poll_ns);
}

void Worker::finish_accepting() {
  if (finish_accepting_at_ns_ == 0 || reactor_.now_ns() < finish_accepting_at_ns_) return;
  bool all = true;
  for (Entrance& entrance : entrances_) {
    if (entrance.owned && !entrance.acceptor->finish()) all = false;
  }
  // Who is kept in the backlog by clients.max_connections gets its turn as others leave.
  if (all || past_limit_) finish_accepting_at_ns_ = 0;
}

// Once every few milliseconds from the order to end until nobody is left.
void Worker::shutdown_tick() {
  finish_accepting();
  if (reactor_.now_ns() >= shutdown_at_ns_) {
    if (past_limit_) {
      host_.close_all();
    } else {  // who has seen nothing of an answer gets one, and a moment to take it
      past_limit_ = true;
      shutdown_at_ns_ = reactor_.now_ns() + last_words_ns;
      host_.end_requests();
    }
  }
  if (finish_accepting_at_ns_ != 0 || host_.open_sessions() > 0) {
    reactor_.timers().arm(*this, reactor_.now_ns() + shutdown_poll_ns);
    return;
  }
  if (shutdown_done_) std::exchange(shutdown_done_, nullptr)();
}

void Worker::on_timer() {
  std::uint64_t pauses = 0;
  for (const Entrance& entrance : entrances_) pauses += entrance.acceptor->pauses();
  stats_.accept_pauses.add(pauses - accept_pauses_seen_);
  accept_pauses_seen_ = pauses;
  if (context_.shutting_down) {
    shutdown_tick();
    return;
  }
  refresh_wall_clock();
  sweep_retired();
  for (const auto& listener : listeners_) {
    if (listener->tls) listener->tls->keys().rotate(reactor_.now_ns());
  }
  reactor_.timers().arm(*this, reactor_.now_ns() + second_ns);
}

}  // namespace switchback::worker
