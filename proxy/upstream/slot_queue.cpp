#include "proxy/upstream/slot_queue.hpp"

#include <algorithm>
#include <utility>

namespace switchback::upstream {

using exchange::QueueState;

void SlotQueue::List::insert_before(Waiter* next, Waiter& waiter) {
  Waiter* previous = next ? next->queue_previous : last;
  waiter.queue_previous = previous;
  waiter.queue_next = next;
  (previous ? previous->queue_next : first) = &waiter;
  (next ? next->queue_previous : last) = &waiter;
}

void SlotQueue::List::remove(Waiter& waiter) {
  (waiter.queue_previous ? waiter.queue_previous->queue_next : first) = waiter.queue_next;
  (waiter.queue_next ? waiter.queue_next->queue_previous : last) = waiter.queue_previous;
  waiter.queue_previous = waiter.queue_next = nullptr;
}

SlotQueue::~SlotQueue() {
  SB_ASSERT(queue_.first == nullptr);
  for (const WorkerPart& part : workers_) SB_ASSERT(part.called.first == nullptr);
}

void SlotQueue::configure(const Limits& limits, std::vector<Member> members, Nanos now_ns) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  // Before any waiter looks at the counts: whoever closes a connection and still sees no limit has
  // counted it down before a waiter that found it full could have looked.
  per_server_.store(limits.per_server, std::memory_order_seq_cst);
  std::swap(members_, members);
  serve(now_ns);
}

void SlotQueue::attach(unsigned worker, SlotWorker* port) {
  const std::lock_guard lock(mutex_);
  workers_[worker].port = port;
  workers_[worker].woken = false;
}

bool SlotQueue::room(const ServerShared& server) const {
  return limits_.per_server == 0 || server.connections.load() < limits_.per_server;
}

SlotQueue::Take SlotQueue::take(ServerShared& server, unsigned worker, bool has_idle) {
  const std::lock_guard lock(mutex_);
  if (queue_.first) return Take::behind_others;
  if (has_idle) {
    server.wanted_back[worker] = 0;  // whoever wanted it does not wait any more
    if (server.idle[worker] > 0) --server.idle[worker];
    return Take::idle;
  }
  if (!room(server)) return Take::full;
  server.connections.fetch_add(1);
  return Take::dial;
}

bool SlotQueue::enqueue(Waiter& waiter, unsigned worker, bool admitted, Nanos now_ns) {
  const std::lock_guard lock(mutex_);
  SB_ASSERT(waiter.queue_state == QueueState::none);
  if (!admitted && waiting_.load(std::memory_order_relaxed) >= limits_.waiting) return false;
  Waiter* behind = queue_.last;
  while (behind && behind->queued_ns > waiter.queued_ns) behind = behind->queue_previous;
  queue_.insert_before(behind ? behind->queue_next : queue_.first, waiter);
  waiter.queue_worker = static_cast<std::uint16_t>(worker);
  waiter.queue_state = QueueState::waiting;
  const std::size_t waiting = waiting_.load(std::memory_order_relaxed) + 1;
  waiting_.store(waiting, std::memory_order_relaxed);
  if (waiting > most_waiting_.load(std::memory_order_relaxed)) {
    most_waiting_.store(waiting, std::memory_order_relaxed);
  }
  serve(now_ns);
  return true;
}

void SlotQueue::wake(unsigned worker) {
  WorkerPart& part = workers_[worker];
  if (part.woken || !part.port) return;
  part.woken = true;
  part.port->wake();
}

// From the queue to its worker's list of those who are called.
void SlotQueue::call(Waiter& waiter, ServerShared* server, int fd) {
  queue_.remove(waiter);
  waiting_.store(waiting_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  waiter.granted_server = server;
  waiter.granted_fd = fd;
  waiter.queue_state = QueueState::called;
  workers_[waiter.queue_worker].called.insert_before(nullptr, waiter);
  wake(waiter.queue_worker);
}

bool SlotQueue::any_usable(Nanos now_ns) const {
  return std::any_of(members_.begin(), members_.end(), [&](const Member& member) {
    return member.weight > 0 && member.server->usable(now_ns, true);
  });
}

// Whether servers that passed no check yet are needed like the others: the Balancer's rule.
bool SlotQueue::unknown_needed(Nanos now_ns, bool even_ejected) const {
  std::uint64_t passed = 0;
  std::uint64_t unknown = 0;
  for (const Member& member : members_) {
    if (!member.server->usable(now_ns, even_ejected) || !room(*member.server)) continue;
    (member.server->state->health() == Health::healthy ? passed : unknown) += member.weight;
  }
  return unknown > passed;
}

// The server with room that has the fewest connections for its weight. One that is ejected only
// when nobody else is there at all; the avoided one only when no other has room; one that was not
// checked yet after those that were.
ServerShared* SlotQueue::freest(const void* avoid, Nanos now_ns) const {
  const bool even_ejected = std::none_of(
      members_.begin(), members_.end(),
      [&](const Member& member) { return member.weight > 0 && member.server->usable(now_ns); });
  const bool even_unknown = unknown_needed(now_ns, even_ejected);
  const Member* best = nullptr;
  std::uint64_t best_weight = 0;
  unsigned best_rank = 0;
  for (const Member& member : members_) {
    ServerShared& server = *member.server;
    if (member.weight == 0 || !server.usable(now_ns, even_ejected) || !room(server)) continue;
    const bool unknown = !even_unknown && server.state->health() != Health::healthy;
    const unsigned rank = (&server == avoid ? 2 : 0) + (unknown ? 1 : 0);
    const std::uint64_t weight =
        std::uint64_t{member.weight} * server.share(now_ns, limits_.slow_start_ns);
    const bool better = !best || rank < best_rank ||
                        (rank == best_rank && server.connections.load() * best_weight <
                                                  best->server->connections.load() * weight);
    if (!better) continue;
    best = &member;
    best_weight = weight;
    best_rank = rank;
  }
  return best ? best->server.get() : nullptr;
}

void SlotQueue::serve(Nanos now_ns) {
  while (queue_.first) {
    ServerShared* server = freest(queue_.first->queue_avoid, now_ns);
    if (!server) break;
    server->connections.fetch_add(1);
    call(*queue_.first, server, -1);
  }
  if (!queue_.first) return;
  if (any_usable(now_ns)) {
    ask_back(now_ns);
  } else {
    while (queue_.first) call(*queue_.first, nullptr, -1);  // they will be told: no server
  }
}

// One idle connection for each who waits, as far as there are any.
void SlotQueue::ask_back(Nanos now_ns) {
  std::size_t wanted = waiting_.load(std::memory_order_relaxed);
  const auto counts = [&](const Member& member) {
    return member.weight > 0 && member.server->usable(now_ns, true);
  };
  for (const Member& member : members_) {
    if (!counts(member)) continue;  // what was asked of one that went down helps nobody
    for (const std::uint32_t asked : member.server->wanted_back) {
      wanted -= std::min<std::size_t>(wanted, asked);
    }
  }
  for (const Member& member : members_) {
    ServerShared& server = *member.server;
    if (!counts(member)) continue;
    for (unsigned w = 0; w < workers_.size() && wanted > 0; ++w) {
      const std::size_t more = std::min<std::size_t>(
          wanted, server.idle[w] - std::min(server.idle[w], server.wanted_back[w]));
      if (more == 0) continue;
      server.wanted_back[w] += static_cast<std::uint32_t>(more);
      wanted -= more;
      wake(w);
    }
  }
}

bool SlotQueue::in_use(const ServerShared& server) const {
  return std::any_of(members_.begin(), members_.end(), [&](const Member& member) {
    return member.server.get() == &server && member.weight > 0;
  });
}

// A connection, or a promised place, goes to the first who waits; the socket comes back when it is
// of no use to anybody.
int SlotQueue::release(ServerShared& server, int fd, Nanos now_ns) {
  if (fd >= 0 && queue_.first && !queue_.first->queue_fresh && !too_many(server) &&
      in_use(server) && server.usable(now_ns)) {
    call(*queue_.first, &server, fd);
    serve(now_ns);
    return -1;
  }
  server.connections.fetch_sub(1);
  serve(now_ns);
  return fd;
}

SlotQueue::Offer SlotQueue::offer(ServerShared& server, unsigned worker, int fd, Nanos now_ns) {
  const std::lock_guard lock(mutex_);
  if (!queue_.first && !too_many(server)) {
    ++server.idle[worker];
    return Offer::keep;
  }
  return release(server, fd, now_ns) == -1 ? Offer::taken : Offer::close;
}

int SlotQueue::give_back(ServerShared& server, int fd, Nanos now_ns) {
  const std::lock_guard lock(mutex_);
  return release(server, fd, now_ns);
}

int SlotQueue::leave(Waiter& waiter, Nanos now_ns) {
  const std::lock_guard lock(mutex_);
  const QueueState state = waiter.queue_state;
  waiter.queue_state = QueueState::none;
  if (state == QueueState::waiting) {
    queue_.remove(waiter);
    waiting_.store(waiting_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    return -1;
  }
  if (state == QueueState::none) return -1;
  List& called = workers_[waiter.queue_worker].called;
  if (called.first == &waiter || waiter.queue_previous) called.remove(waiter);
  auto* server = static_cast<ServerShared*>(std::exchange(waiter.granted_server, nullptr));
  const int fd = std::exchange(waiter.granted_fd, -1);
  return server ? release(*server, fd, now_ns) : -1;
}

Grant SlotQueue::accept(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  SB_ASSERT(waiter.queue_state == QueueState::called);
  waiter.queue_state = QueueState::none;
  return {static_cast<ServerShared*>(std::exchange(waiter.granted_server, nullptr)),
          std::exchange(waiter.granted_fd, -1)};
}

bool SlotQueue::keep(ServerShared& server, unsigned worker) {
  const std::lock_guard lock(mutex_);
  if (queue_.first) return false;
  if (too_many(server)) return false;
  ++server.idle[worker];
  return true;
}

void SlotQueue::idle_ended(ServerShared& server, unsigned worker) {
  const std::lock_guard lock(mutex_);
  if (server.idle[worker] > 0) --server.idle[worker];
  server.wanted_back[worker] = std::min(server.wanted_back[worker], server.idle[worker]);
}

void SlotQueue::set_idle(ServerShared& server, unsigned worker, unsigned n) {
  const std::lock_guard lock(mutex_);
  server.idle[worker] = n;
  server.wanted_back[worker] = std::min(server.wanted_back[worker], n);
}

unsigned SlotQueue::claim_wanted_back(ServerShared& server, unsigned worker) {
  const std::lock_guard lock(mutex_);
  const std::uint32_t wanted = queue_.first ? std::exchange(server.wanted_back[worker], 0)
                                            : (server.wanted_back[worker] = 0);
  server.idle[worker] -= std::min(server.idle[worker], wanted);
  return wanted;
}

void SlotQueue::poke(Nanos now_ns) {
  const std::lock_guard lock(mutex_);
  serve(now_ns);
}

void SlotQueue::recall(unsigned worker) {
  const std::lock_guard lock(mutex_);
  for (Waiter* waiter = queue_.first; waiter != nullptr;) {
    Waiter* next = waiter->queue_next;
    if (waiter->queue_worker == worker) call(*waiter, nullptr, -1);
    waiter = next;
  }
}

void SlotQueue::begin_turn(unsigned worker) {
  const std::lock_guard lock(mutex_);
  workers_[worker].woken = false;
}

QueueWaiter* SlotQueue::next(unsigned worker) {
  const std::lock_guard lock(mutex_);
  List& called = workers_[worker].called;
  Waiter* waiter = called.first;
  if (waiter) called.remove(*waiter);
  return waiter;
}

}  // namespace switchback::upstream
