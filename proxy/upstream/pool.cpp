#include "proxy/upstream/pool.hpp"

#include <algorithm>

#include "proxy/upstream/idle_list.hpp"

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
    removed_.push_back(std::move(server));
  }
  servers_ = std::move(next);
  for (auto& server : servers_) {
    if (server->link.adopt(wire, server->shared->state->address)) close_idle_of(*server);
  }
  sweep_removed();
}

void Pool::sweep_removed() {
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
  WorkerServer* server = balancer_.pick(servers_, wish.head, wish.avoid);
  if (!server) return {};
  net::Endpoints client;
  if (server->link.per_client && wish.client) client = wish.client->endpoints();
  if (!wish.fresh && server->idle_newest) {
    if (Connection* connection = kept(*server, client)) {
      connection->lend(user);
      return {exchange::AcquireStatus::ready, connection, server};
    }
  }
  Connection& connection = dialer_.make();
  connection.dial(*server, user, client);
  return {exchange::AcquireStatus::connecting, &connection, server};
}

}  // namespace switchback::upstream
