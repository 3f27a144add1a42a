#include "proxy/upstream/pool.hpp"

#include <algorithm>

#include "proxy/upstream/idle_list.hpp"

namespace switchback::upstream {

namespace {
void close_idle_of(WorkerServer& server) {
  while (server.idle_newest) server.idle_newest->close();
  while (server.reserved) server.reserved->close();
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

std::size_t Pool::close_oldest_idle() {
  std::size_t closed = 0;
  for (auto& server : servers_) {
    if (!server->idle_oldest) continue;
    server->idle_oldest->close();
    ++closed;
  }
  return closed;
}

bool Pool::busy() const {
  const auto in_use = [](const auto& server) {
    return server->connections > server->idle_count + server->reserved_count;
  };
  return std::any_of(servers_.begin(), servers_.end(), in_use) ||
         std::any_of(removed_.begin(), removed_.end(), in_use);
}

void Pool::update(const std::vector<PoolMember>& members, const config::Balance& balance,
                  const Wire& wire) {
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
    departures_.add(*server, drain_);
    removed_.push_back(std::move(server));
  }
  servers_ = std::move(next);
  for (auto& server : servers_) {
    if (server->link.adopt(wire, server->shared->state->address)) close_idle_of(*server);
  }
  const auto differs = [&](const auto& server) { return server->weight != servers_[0]->weight; };
  balancer_.set_even(std::none_of(servers_.begin(), servers_.end(), differs));
  if (shared_) adopt_limits();
  sweep_removed();
}

void Pool::sweep_removed() {
  departures_.forget_empty();
  std::erase_if(removed_, [](const auto& server) { return server->connections == 0; });
}

// A kept connection that may carry this client's request; null: none.
Connection* Pool::kept(WorkerServer& server, const net::Endpoints& client) {
  if (server.link.bare) return server.idle_newest;
  for (;;) {
    Connection* found =
        server.link.per_client ? IdleList::find(server, client) : server.idle_newest;
    // Encrypted, only a look inside tells tickets from an end or from bytes that nobody asked for.
    if (!found || !server.link.wire.tls || found->sound()) return found;
    found->close();
  }
}

exchange::Acquired Pool::acquire(exchange::UpstreamUser& user, const exchange::AcquireWish& wish) {
  if (__builtin_expect(limited_, 0)) return acquire_limited(user, wish);
  WorkerServer* server =
      balancer_.pick(servers_, wish.head, wish.avoid, dialer_.reactor().now_ns(), wish.named);
  if (!server) return {};
  const net::Endpoints client = client_of(*server, wish);
  if (Connection* connection = wish.fresh ? nullptr : kept(*server, client)) {
    return lend(*connection, *server, user);
  }
  return dial(*server, user, client, false);
}

// Whom a connection to this server would have to name; empty where none names anybody.
net::Endpoints Pool::client_of(const WorkerServer& server, const exchange::AcquireWish& wish) {
  if (!server.link.per_client) return {};
  if (wish.ends) return *wish.ends;
  return wish.client ? exchange::ends_of(*wish.client, wish.named) : net::Endpoints{};
}

exchange::Acquired Pool::lend(Connection& connection, WorkerServer& server,
                              exchange::UpstreamUser& user) {
  connection.lend(user);
  return {exchange::AcquireStatus::ready, &connection, &server};
}

exchange::Acquired Pool::dial(WorkerServer& server, exchange::UpstreamUser& user,
                              const net::Endpoints& client, bool counted) {
  Connection& connection = dialer_.make();
  connection.dial(server, user, client, counted);
  return {exchange::AcquireStatus::connecting, &connection, &server};
}

}  // namespace switchback::upstream
