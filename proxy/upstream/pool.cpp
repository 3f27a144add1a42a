#include "proxy/upstream/pool.hpp"

#include <algorithm>

namespace switchback::upstream {

namespace {
void close_idle_of(WorkerServer& server) {
  while (server.idle_newest) server.idle_newest->close();
}
}  // namespace

Pool::~Pool() {
  close_idle();
  queue_.reset();
}

void Pool::share(std::shared_ptr<PoolShared> shared, const config::Service& service) {
  SB_ASSERT(!shared_ || shared_ == shared);
  shared_ = std::move(shared);
  limited_ = service.limits.connections_per_server != 0;
  balancer_.set_slow_start(to_nanos(service.health_check.slow_start));
  if (limited_ && !queue_) {
    queue_ = std::make_unique<PoolQueue>(*this, dialer_.reactor(), shared_->slots(), worker_);
  }
}

void Pool::close_idle() {
  for (auto& server : servers_) close_idle_of(*server);
  for (auto& server : removed_) close_idle_of(*server);
}

bool Pool::busy() const {
  const auto in_use = [](const auto& server) { return server->connections > server->idle_count; };
  return std::any_of(servers_.begin(), servers_.end(), in_use) ||
         std::any_of(removed_.begin(), removed_.end(), in_use);
}

void Pool::update(const std::vector<PoolMember>& members, const config::Balance& balance) {
  balancer_.configure(balance);
  std::vector<std::unique_ptr<WorkerServer>> next;
  next.reserve(members.size());
  for (const PoolMember& member : members) {
    const auto same = std::find_if(servers_.begin(), servers_.end(), [&](const auto& server) {
      return server && server->shared == member.shared;
    });
    if (same != servers_.end()) {
      (*same)->weight = member.weight;
      next.push_back(std::move(*same));
    } else {
      next.push_back(std::make_unique<WorkerServer>(member.shared, worker_, member.weight));
    }
  }
  for (auto& server : servers_) {
    if (!server) continue;
    server->removed = true;
    close_idle_of(*server);
    removed_.push_back(std::move(server));
  }
  servers_ = std::move(next);
  const auto differs = [&](const auto& server) { return server->weight != servers_[0]->weight; };
  balancer_.set_even(std::none_of(servers_.begin(), servers_.end(), differs));
  if (shared_) adopt_limits();
  sweep_removed();
}

void Pool::sweep_removed() {
  std::erase_if(removed_, [](const auto& server) { return server->connections == 0; });
}

exchange::Acquired Pool::acquire(exchange::UpstreamUser& user, const exchange::AcquireWish& wish) {
  if (__builtin_expect(limited_, 0)) return acquire_limited(user, wish);
  WorkerServer* server =
      balancer_.pick(servers_, wish.head, wish.avoid, dialer_.reactor().now_ns());
  if (!server) return {};
  return !wish.fresh && server->idle_newest ? lend(*server, user) : dial(*server, user, false);
}

exchange::Acquired Pool::lend(WorkerServer& server, exchange::UpstreamUser& user) {
  Connection& connection = *server.idle_newest;
  connection.lend(user);
  return {exchange::AcquireStatus::ready, &connection, &server};
}

exchange::Acquired Pool::dial(WorkerServer& server, exchange::UpstreamUser& user, bool counted) {
  Connection& connection = dialer_.make();
  connection.dial(server, user, counted);
  return {exchange::AcquireStatus::connecting, &connection, &server};
}

}  // namespace switchback::upstream
