#include "proxy/upstream/pool.hpp"

#include <algorithm>

namespace switchback::upstream {

namespace {
void close_idle_of(WorkerServer& server) {
  while (server.idle_newest) server.idle_newest->close();
}
}  // namespace

Pool::~Pool() { close_idle(); }

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
  sweep_removed();
}

void Pool::sweep_removed() {
  std::erase_if(removed_, [](const auto& server) { return server->connections == 0; });
}

exchange::Acquired Pool::acquire(exchange::UpstreamUser& user, const exchange::AcquireWish& wish) {
  WorkerServer* server = balancer_.pick(servers_, wish.head, wish.avoid);
  if (!server) return {};
  if (!wish.fresh && server->idle_newest) {
    Connection& connection = *server->idle_newest;
    connection.lend(user);
    return {exchange::AcquireStatus::ready, &connection, server};
  }
  Connection& connection = dialer_.make();
  connection.dial(*server, user);
  return {exchange::AcquireStatus::connecting, &connection, server};
}

}  // namespace switchback::upstream
