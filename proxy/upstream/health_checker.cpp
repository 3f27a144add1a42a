#include "proxy/upstream/health_checker.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <exception>
#include <map>
#include <random>
#include <thread>
#include <tuple>

#include "proxy/upstream/check_schedule.hpp"
#include "proxy/upstream/health_checker_probe.hpp"

namespace switchback::upstream {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds shortest_pause{10};  // whatever the configuration says

struct Target;

// The checks of one address, of whatever service: a few at once, the others in their order.
struct Turns {
  unsigned running = 0;
  std::size_t sharing = 0;  // targets of this address
  std::deque<std::shared_ptr<Target>> waiting;
};

struct Target {
  Target(asio::io_context& io, HealthTarget t)
      : spec(std::move(t)), rise_fall(spec.check.rise, spec.check.fall), pause(io) {}
  HealthTarget spec;
  RiseFall rise_fall;
  asio::steady_timer pause;
  std::shared_ptr<Turns> turns;
  std::chrono::nanoseconds first_delay{};
  const Clock::time_point since = Clock::now();
  unsigned checks = 0;
  bool granted = false;  // by whoever left its turn
  bool removed = false;
};

// Servers of several services are one when they are reached at one address.
std::string address_of(const ServerState& server) {
  return server.candidates.empty() ? server.identity : server.candidates.front().text;
}

CheckPhase phase_of(const Target& target) {
  const bool arrives = !target.rise_fall.has_passed() && Clock::now() - target.since < arriving_for;
  if (arrives) return CheckPhase::arriving;
  const bool doubt = target.rise_fall.in_doubt(target.spec.server->health());
  return doubt ? CheckPhase::in_doubt : CheckPhase::steady;
}

using TargetKey = std::tuple<std::string, Color, std::string>;
TargetKey key_of(const HealthTarget& t) {
  return {t.service, t.color, t.server->identity};
}

struct ProbeRound {
  std::size_t open = 0;
  unsigned accepting = 0;
  Clock::time_point deadline;
  std::function<void(unsigned)> done;
  Wire wire;
};

// The address in use first, then the others in order: indices of server.candidates.
std::vector<std::size_t> order_of(const ServerState& server) {
  std::vector<std::size_t> order;
  const auto in_use = static_cast<std::size_t>(server.resolved() - server.candidates.data());
  for (std::size_t i = 0; i < server.candidates.size(); ++i) {
    order.insert(i == in_use ? order.begin() : order.end(), i);
  }
  return order;
}

std::vector<ResolvedAddress> in_order(const ServerState& server,
                                      const std::vector<std::size_t>& order) {
  std::vector<ResolvedAddress> out;
  for (const std::size_t i : order) out.push_back(server.candidates[i]);
  return out;
}

}  // namespace

std::string probe_host(const config::HealthCheck& check, const config::Address& address) {
  if (!check.host.empty()) return check.host;
  return address.kind == config::AddressKind::tcp ? address.text : "localhost";
}

std::vector<ResolvedAddress> probe_order(const ServerState& server) {
  return in_order(server, order_of(server));
}

struct HealthChecker::Impl {
  Impl(OnChange change, OnPanic panic) : on_change(std::move(change)), on_panic(std::move(panic)) {}

  asio::awaitable<void> run(std::shared_ptr<Target> target);
  asio::awaitable<void> take_turn(std::shared_ptr<Target> target);
  static void leave_turn(Turns& turns);
  asio::awaitable<void> check_once(Target& target);
  asio::awaitable<void> probe_one(std::shared_ptr<ServerState> server,
                                  std::shared_ptr<ProbeRound> round);
  void conclude(Target& target, const ProbeResult& result);
  void apply(std::vector<HealthTarget> next);
  void keep(Target& target, HealthTarget next);
  void share_out(const std::vector<std::shared_ptr<Target>>& fresh);
  void judge_pool(const std::string& service, Color color, const ServerState* server = nullptr,
                  Health to = Health::unknown);
  void judge_pools();
  double chance() { return std::uniform_real_distribution<double>(0, 1)(random); }

  OnChange on_change;
  OnPanic on_panic;
  asio::io_context io{1};
  // Asio opens its descriptors with the first timer: here, where it can fail, and not on the
  // thread.
  asio::steady_timer opener{io};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::map<TargetKey, std::shared_ptr<Target>> targets;
  std::map<std::pair<std::string, Color>, bool> panics;   // pools, and whether they are in panic
  std::map<std::string, std::weak_ptr<Turns>> all_turns;  // by address
  std::minstd_rand random{std::random_device{}()};
  std::thread thread;
};

HealthChecker::HealthChecker(OnChange on_change, OnPanic on_panic)
    : impl_(std::make_unique<Impl>(std::move(on_change), std::move(on_panic))) {
  // Signals are for the main thread; a new thread inherits this mask.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  impl_->thread = std::thread([impl = impl_.get()] {
    ::pthread_setname_np(::pthread_self(), "sb-health");
    impl->io.run();
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

HealthChecker::~HealthChecker() {
  impl_->io.stop();
  impl_->thread.join();
}

void HealthChecker::set_targets(std::vector<HealthTarget> targets) {
  asio::post(impl_->io, [impl = impl_.get(), next = std::move(targets)]() mutable {
    impl->apply(std::move(next));
  });
}

void HealthChecker::Impl::apply(std::vector<HealthTarget> next) {
  std::map<TargetKey, std::shared_ptr<Target>> kept;
  std::vector<std::shared_ptr<Target>> fresh;
  for (auto& spec : next) {
    const auto key = key_of(spec);
    if (kept.contains(key)) continue;
    if (const auto old = targets.extract(key)) {
      keep(*old.mapped(), std::move(spec));
      kept.emplace(key, old.mapped());
      continue;
    }
    auto target = std::make_shared<Target>(io, std::move(spec));
    kept.emplace(key, target);
    fresh.push_back(target);
  }
  for (auto& [key, target] : targets) {
    target->removed = true;
    target->pause.cancel();
  }
  targets = std::move(kept);
  share_out(fresh);
  judge_pools();
  for (const auto& target : fresh) asio::co_spawn(io, run(target), asio::detached);
}

// Gives each its address's turns, and those that are new their places in the first round.
void HealthChecker::Impl::share_out(const std::vector<std::shared_ptr<Target>>& fresh) {
  std::erase_if(all_turns, [](const auto& entry) { return entry.second.expired(); });
  for (const auto& [address, turns] : all_turns) turns.lock()->sharing = 0;
  std::map<const Turns*, std::size_t> newcomers;
  for (const auto& [key, target] : targets) {
    if (!target->turns) {
      auto& known = all_turns[address_of(*target->spec.server)];
      target->turns = known.lock();
      if (!target->turns) known = target->turns = std::make_shared<Turns>();
    }
    ++target->turns->sharing;
  }
  for (const auto& target : fresh) ++newcomers[target->turns.get()];
  std::map<const Turns*, std::size_t> places;
  for (const auto& target : fresh) {
    const Turns* turns = target->turns.get();
    target->first_delay =
        first_check_delay(places[turns]++, newcomers[turns], target->spec.check.interval, chance());
  }
}

// New parameters take effect at once: the running pause ends, and with it an old, longer interval.
void HealthChecker::Impl::keep(Target& target, HealthTarget next) {
  const bool changed = !(target.spec.check == next.check) || !target.spec.wire.same(next.wire);
  if (target.spec.server != next.server) {
    target.rise_fall = RiseFall(next.check.rise, next.check.fall);
  }
  target.rise_fall.set_thresholds(next.check.rise, next.check.fall);
  target.spec = std::move(next);
  if (changed) target.pause.cancel();
}

asio::awaitable<void> HealthChecker::Impl::run(std::shared_ptr<Target> target) {
  target->pause.expires_after(target->first_delay);
  co_await target->pause.async_wait(as_result);
  while (!target->removed) {
    co_await take_turn(target);
    const auto begin = Clock::now();
    try {
      if (!target->removed) co_await check_once(*target);
    } catch (const std::exception&) {
      // Out of memory: no result, and the loop must not end for it.
    }
    leave_turn(*target->turns);
    if (target->removed) break;
    ++target->checks;
    const auto next =
        begin + next_check_delay(phase_of(*target), target->checks, target->turns->sharing,
                                 target->spec.check.interval, chance());
    target->pause.expires_at(std::max(next, Clock::now() + shortest_pause));
    co_await target->pause.async_wait(as_result);
  }
}

// Its turn is taken when this ends, also for a target that was removed meanwhile. New parameters
// wake who waits (keep()): it goes on waiting.
asio::awaitable<void> HealthChecker::Impl::take_turn(std::shared_ptr<Target> target) {
  Turns& turns = *target->turns;
  if (turns.running < checks_at_once) {
    ++turns.running;
    co_return;
  }
  turns.waiting.push_back(target);
  while (!target->granted) {
    target->pause.expires_at(Clock::time_point::max());
    co_await target->pause.async_wait(as_result);
  }
  target->granted = false;
}

// The turn goes to whoever waits longest.
void HealthChecker::Impl::leave_turn(Turns& turns) {
  if (turns.waiting.empty()) {
    --turns.running;
    return;
  }
  const auto next = std::move(turns.waiting.front());
  turns.waiting.pop_front();
  next->granted = true;
  next->pause.cancel();
}

asio::awaitable<void> HealthChecker::Impl::check_once(Target& target) {
  const auto spec = target.spec;  // a reload may replace it while this check runs
  ProbeResult result;
  const auto order = order_of(*spec.server);
  if (order.empty()) {
    result.reason = is_name(spec.server->address)
                        ? "the name is not resolved"
                        : "path of the unix socket is empty or longer than 107 bytes";
  } else {
    const auto addresses = in_order(*spec.server, order);
    result =
        co_await probe_server(addresses, spec.check, probe_host(spec.check, spec.server->address),
                              spec.wire, spec.server->address);
    // Where none accepts, workers may as well try the one in use.
    if (result.connected) spec.server->use(order[result.address]);
  }
  if (target.removed || target.spec.server != spec.server || result.inconclusive) co_return;
  conclude(target, result);
}

void HealthChecker::Impl::conclude(Target& target, const ProbeResult& result) {
  ServerState& server = *target.spec.server;
  const Health from = server.health();
  const Health to = target.rise_fall.record(from, result.passed, result.connected);
  if (!result.passed) {
    server.set_last_reason(result.reason);
  } else if (to == Health::healthy) {
    server.set_last_reason({});
  }
  server.set_last_check_ns(monotonic_ns());
  if (from == to) return;
  // A pool that begins to panic knows so before its last server is out, one that ends it after its
  // first is in: no request comes between.
  const bool comes = to == Health::healthy;
  if (comes) server.set_health(to);
  judge_pool(target.spec.service, target.spec.color, &server, to);
  if (!comes) server.set_health(to);
  if (!on_change) return;
  on_change({target.spec.service, target.spec.color, server.identity, from, to, result.reason});
}

// `server` is about to be `to`.
void HealthChecker::Impl::judge_pool(const std::string& service, Color color,
                                     const ServerState* server, Health to) {
  const auto begin = targets.lower_bound({service, color, ""});
  const auto in_pool = [&](const auto& at) {
    return at != targets.end() && std::get<0>(at->first) == service &&
           std::get<1>(at->first) == color;
  };
  PoolHealth pool;
  std::optional<unsigned> share;
  for (auto at = begin; in_pool(at); ++at) {
    const HealthTarget& spec = at->second->spec;
    share = spec.check.panic;
    if (spec.weight == 0) continue;
    const Health health = spec.server.get() == server ? to : spec.server->health();
    (health <= Health::healthy   ? pool.usable
     : health == Health::failing ? pool.failing
                                 : pool.unreachable) += 1;
  }
  const bool panic = in_panic(pool, share);
  for (auto at = begin; in_pool(at); ++at) at->second->spec.server->set_last_resort(panic);
  bool& before = panics[{service, color}];
  if (std::exchange(before, panic) == panic) return;
  if (on_panic) on_panic({service, color, panic, pool});
}

// After servers came, went or changed their weight. A pool that has gone panics no more.
void HealthChecker::Impl::judge_pools() {
  for (const auto& [key, target] : targets) {
    panics.try_emplace({std::get<0>(key), std::get<1>(key)}, false);
  }
  std::vector<std::pair<std::string, Color>> pools;
  for (const auto& [pool, panic] : panics) pools.push_back(pool);
  for (const auto& pool : pools) judge_pool(pool.first, pool.second);
  std::erase_if(panics, [this](const auto& entry) {
    const auto at = targets.lower_bound({entry.first.first, entry.first.second, ""});
    return at == targets.end() || std::get<0>(at->first) != entry.first.first ||
           std::get<1>(at->first) != entry.first.second;
  });
}

asio::awaitable<void> HealthChecker::Impl::probe_one(std::shared_ptr<ServerState> server,
                                                     std::shared_ptr<ProbeRound> round) {
  config::HealthCheck connect_only;
  connect_only.timeout =
      std::chrono::duration_cast<config::Duration>(round->deadline - Clock::now());
  if (!server->candidates.empty() && connect_only.timeout > config::Duration::zero()) {
    const auto addresses = in_order(*server, order_of(*server));
    const auto result =
        co_await probe_server(addresses, connect_only, {}, round->wire, server->address);
    if (result.passed) ++round->accepting;
  }
  if (--round->open == 0) round->done(round->accepting);
}

void HealthChecker::probe_connect(std::vector<std::shared_ptr<ServerState>> servers,
                                  config::Duration timeout,
                                  std::function<void(unsigned accepting)> done, Wire wire) {
  asio::post(impl_->io, [impl = impl_.get(), servers = std::move(servers), timeout,
                         done = std::move(done), wire = std::move(wire)]() mutable {
    if (servers.empty()) return done(0);
    auto round = std::make_shared<ProbeRound>();
    round->open = servers.size();
    round->deadline = Clock::now() + timeout;
    round->done = std::move(done);
    round->wire = std::move(wire);
    for (auto& server : servers) {
      asio::co_spawn(impl->io, impl->probe_one(std::move(server), round), asio::detached);
    }
  });
}

}  // namespace switchback::upstream
