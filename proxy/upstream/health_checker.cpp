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
#include <exception>
#include <map>
#include <random>
#include <thread>
#include <tuple>

#include "proxy/upstream/health_checker_probe.hpp"

namespace switchback::upstream {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds first_check_spread{50};
constexpr std::chrono::milliseconds shortest_pause{10};  // whatever the configuration says

struct Target {
  Target(asio::io_context& io, HealthTarget t)
      : spec(std::move(t)), rise_fall(spec.check.rise, spec.check.fall), pause(io) {}
  HealthTarget spec;
  RiseFall rise_fall;
  asio::steady_timer pause;
  bool removed = false;
};

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
  explicit Impl(OnChange callback) : on_change(std::move(callback)) {}

  asio::awaitable<void> run(std::shared_ptr<Target> target);
  asio::awaitable<void> check_once(Target& target);
  asio::awaitable<void> probe_one(std::shared_ptr<ServerState> server,
                                  std::shared_ptr<ProbeRound> round);
  void conclude(Target& target, const ProbeResult& result);
  void apply(std::vector<HealthTarget> next);
  void keep(Target& target, HealthTarget next);
  std::chrono::nanoseconds jitter(std::chrono::nanoseconds up_to);

  OnChange on_change;
  asio::io_context io{1};
  // Asio opens its descriptors with the first timer: here, where it can fail, and not on the
  // thread.
  asio::steady_timer opener{io};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::map<TargetKey, std::shared_ptr<Target>> targets;
  std::minstd_rand random{std::random_device{}()};
  std::thread thread;
};

HealthChecker::HealthChecker(OnChange on_change)
    : impl_(std::make_unique<Impl>(std::move(on_change))) {
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

std::chrono::nanoseconds HealthChecker::Impl::jitter(std::chrono::nanoseconds up_to) {
  return std::chrono::nanoseconds(std::uniform_int_distribution<std::int64_t>(
      0, std::max<std::int64_t>(0, up_to.count()))(random));
}

void HealthChecker::Impl::apply(std::vector<HealthTarget> next) {
  std::map<TargetKey, std::shared_ptr<Target>> kept;
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
    asio::co_spawn(io, run(target), asio::detached);
  }
  for (auto& [key, target] : targets) {
    target->removed = true;
    target->pause.cancel();
  }
  targets = std::move(kept);
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
  target->pause.expires_after(jitter(first_check_spread));
  co_await target->pause.async_wait(as_result);
  while (!target->removed) {
    const auto begin = Clock::now();
    try {
      co_await check_once(*target);
    } catch (const std::exception&) {
      // Out of memory: no result, and the loop must not end for it.
    }
    if (target->removed) break;
    // Between 90 and 110 % of the interval, so that many checkers do not fall into step.
    const std::chrono::nanoseconds interval = target->spec.check.interval;
    const auto next = begin + interval - interval / 10 + jitter(interval / 5);
    target->pause.expires_at(std::max(next, Clock::now() + shortest_pause));
    co_await target->pause.async_wait(as_result);
  }
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
  server.set_health(to);
  if (!on_change) return;
  on_change({target.spec.service, target.spec.color, server.identity, from, to, result.reason});
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
