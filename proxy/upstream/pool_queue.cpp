#include "proxy/upstream/pool_queue.hpp"

#include <unistd.h>

#include "proxy/upstream/pool.hpp"

namespace switchback::upstream {

using exchange::Acquired;
using exchange::AcquireStatus;
using exchange::AcquireWish;

PoolQueue::PoolQueue(Pool& pool, net::Reactor& reactor, SlotQueue& slots, unsigned worker)
    : pool_(pool),
      reactor_(reactor),
      slots_(slots),
      worker_(worker),
      link_(std::make_shared<Link>(Link{this})) {
  slots_.attach(worker_, this);
}

PoolQueue::~PoolQueue() {
  slots_.attach(worker_, nullptr);
  link_->queue = nullptr;
}

void PoolQueue::wake() {
  reactor_.post([link = link_] {
    if (link->queue) link->queue->take_calls();
  });
}

void PoolQueue::take_calls() {
  slots_.begin_turn(worker_);
  pool_.return_wanted();
  for (unsigned i = 0; i < calls_per_turn; ++i) {
    exchange::QueueWaiter* waiter = slots_.next(worker_);
    if (!waiter) return;
    waiter->on_turn();
  }
  wake();  // others have their turn first
}

void PoolQueue::began_waiting() {
  if (waiting_++ == 0) reactor_.timers().arm(*this, reactor_.now_ns() + look_every_ns);
}

void PoolQueue::on_timer() {
  if (waiting_ == 0) return;
  reactor_.timers().arm(*this, reactor_.now_ns() + look_every_ns);
  slots_.poke(reactor_.now_ns());
}

// The queue counts what this worker keeps idle only while there is a limit.
void Pool::adopt_limits() {
  const auto adopt = [&](WorkerServer& server) {
    server.pool = shared_.get();
    server.limited = limited_;
    shared_->slots().set_idle(*server.shared, worker_, limited_ ? server.idle_count : 0);
  };
  for (auto& server : servers_) adopt(*server);
  for (auto& server : removed_) adopt(*server);
}

WorkerServer* Pool::find(const ServerShared* shared) const {
  for (const auto& server : servers_) {
    if (server->shared.get() == shared) return server.get();
  }
  return nullptr;
}

Acquired Pool::acquire_limited(exchange::UpstreamUser& user, const AcquireWish& wish) {
  const Nanos now = dialer_.reactor().now_ns();
  Acquired got;
  bool someone_full = false;
  while (WorkerServer* server = balancer_.pick(servers_, wish.head, wish.avoid, now, wish.named)) {
    const net::Endpoints client = client_of(*server, wish);
    Connection* idle = wish.fresh ? nullptr : kept(*server, client);
    SlotQueue::Take take = shared_->slots().take(*server->shared, worker_, idle != nullptr);
    if (take == SlotQueue::Take::full && server->link.per_client && server->idle_oldest) {
      server->idle_oldest->close();  // another client's, which nobody else can use
      take = shared_->slots().take(*server->shared, worker_, false);
    }
    if (take == SlotQueue::Take::idle) got = lend(*idle, *server, user);
    if (take == SlotQueue::Take::dial) got = dial(*server, user, client, true);
    someone_full = got.upstream == nullptr;
    if (take != SlotQueue::Take::full) break;
    server->full = true;
  }
  for (auto& server : servers_) server->full = false;
  return someone_full && wish.waiter ? enqueue(wish) : got;
}

Acquired Pool::enqueue(const AcquireWish& wish) {
  exchange::QueueWaiter& waiter = *wish.waiter;
  waiter.queued_ns = wish.queued_ns;
  waiter.queue_fresh = wish.fresh;
  const auto* avoid = static_cast<const WorkerServer*>(wish.avoid);
  waiter.queue_avoid = nullptr;
  for (const auto& server : servers_) {  // it may have gone meanwhile
    if (server.get() == avoid) waiter.queue_avoid = server->shared.get();
  }
  if (!shared_->slots().enqueue(waiter, worker_, wish.admitted, dialer_.reactor().now_ns())) {
    return {AcquireStatus::queue_full};
  }
  queue_->began_waiting();
  return {AcquireStatus::queued};
}

Acquired Pool::take_turn(exchange::UpstreamUser& user, const AcquireWish& wish) {
  queue_->ended_waiting();
  const Grant grant = shared_->slots().accept(*wish.waiter);
  if (!grant.server) return acquire(user, wish);
  WorkerServer* server = find(grant.server);
  if (!server) {  // a reload has reached the queue and not yet this worker, or the other way round
    const int unwanted =
        shared_->slots().give_back(*grant.server, grant.fd, dialer_.reactor().now_ns());
    if (unwanted >= 0) ::close(unwanted);
    return acquire(user, wish);
  }
  if (grant.fd >= 0 && !wish.fresh && server->link.bare) {
    Connection& connection = dialer_.make();
    if (connection.adopt(*server, grant.fd, user)) {
      return {AcquireStatus::ready, &connection, server};
    }
  } else if (grant.fd >= 0) {
    ::close(grant.fd);
  }
  return dial(*server, user, client_of(*server, wish), true);
}

void Pool::leave_queue(exchange::QueueWaiter& waiter) {
  if (!queue_ || waiter.queue_state == exchange::QueueState::none) return;
  queue_->ended_waiting();
  const int unwanted = shared_->slots().leave(waiter, dialer_.reactor().now_ns());
  if (unwanted >= 0) ::close(unwanted);
}

void Pool::recall() {
  if (queue_) shared_->slots().recall(worker_);
}

void Pool::return_wanted() {
  for (auto& server : servers_) {
    for (unsigned n = shared_->slots().claim_wanted_back(*server->shared, worker_); n > 0; --n) {
      if (server->idle_oldest) server->idle_oldest->give_away();
    }
  }
}

}  // namespace switchback::upstream
