// Who may connect to the servers of a pool, when limits.connections_per_server is set: counts
// connections of all workers together, and keeps one queue of those who wait, first come, first
// served, whatever their worker.
//
// A server's connection is one of: in use, kept idle, or promised (to a waiter who is called). All
// are counted in ServerShared::connections. Whoever lets a connection go offers it: to the one who
// waits first, with its socket if it can be carried to another worker, else as a place. While
// anybody waits nobody overtakes, and idle connections of other workers are asked back.
// Not limited, nothing here is touched but the count, when a connection begins and ends.
//
// Sans-IO: it knows no sockets (a granted one is a number) and no clock; SlotWorker::wake says that
// a worker should call next(). Threads: any; one mutex, never held while somebody is called.
// Ownership: waiters leave before they die, workers detach before they do.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "proxy/exchange/queue_waiter.hpp"
#include "proxy/upstream/worker_server.hpp"

namespace switchback::upstream {

using exchange::QueueWaiter;

// Under the queue's mutex: it must only post.
class SlotWorker {
 public:
  virtual void wake() = 0;

 protected:
  ~SlotWorker() = default;
};

// What a called waiter got.
struct Grant {
  ServerShared* server = nullptr;  // null: nothing, ask again
  int fd = -1;                     // a kept connection to it; -1: a place for a new one
};

class SlotQueue {
 public:
  struct Limits {
    unsigned per_server = 0;  // 0: no limit
    std::size_t waiting = 0;  // at most
    Nanos slow_start_ns = 0;
  };
  struct Member {
    std::shared_ptr<ServerShared> server;
    unsigned weight = 1;
  };
  enum class Take : std::uint8_t { idle, dial, full, behind_others };

  explicit SlotQueue(unsigned workers) : workers_(workers) {}
  ~SlotQueue();

  void configure(const Limits& limits, std::vector<Member> members, Nanos now_ns);
  void attach(unsigned worker, SlotWorker* port);  // null: detach
  bool limited() const { return per_server_.load(std::memory_order_seq_cst) != 0; }
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  std::size_t most_waiting() const { return most_waiting_.load(std::memory_order_relaxed); }
  unsigned per_server() const { return per_server_.load(std::memory_order_relaxed); }

  // A request wants a connection now. idle: lend one of this worker's idle ones (`has_idle`).
  // dial: a new one has been counted. behind_others: somebody waits already.
  Take take(ServerShared& server, unsigned worker, bool has_idle);
  // False when the queue is full; `admitted` waiters (they were in a queue before) always may.
  bool enqueue(QueueWaiter& waiter, unsigned worker, bool admitted, Nanos now_ns);
  // Gives up the place, and what was granted. A socket that nobody wants is returned: close it.
  int leave(QueueWaiter& waiter, Nanos now_ns);
  Grant accept(QueueWaiter& waiter);  // in on_turn(): what it was called for
  // A grant that is not used after all. A socket that nobody wants is returned: close it.
  int give_back(ServerShared& server, int fd, Nanos now_ns);

  // A connection is free to be used again. False: offer it instead, somebody waits (or it is one
  // too many).
  bool keep(ServerShared& server, unsigned worker);
  // `fd` of a connection that may go to another worker. taken: it has gone. keep: nobody waits any
  // more; it is counted as idle. close: it is of no use, and not counted any more.
  enum class Offer : std::uint8_t { taken, keep, close };
  Offer offer(ServerShared& server, unsigned worker, int fd, Nanos now_ns);
  void idle_ended(ServerShared& server, unsigned worker);            // before closed()
  void set_idle(ServerShared& server, unsigned worker, unsigned n);  // when limits are adopted
  // How many idle connections this worker must offer now; they are not counted as idle any more.
  unsigned claim_wanted_back(ServerShared& server, unsigned worker);

  void opened(ServerShared& server) { server.connections.fetch_add(1); }  // not limited
  void closed(ServerShared& server, Nanos now_ns) {
    server.connections.fetch_sub(1);  // before the look at the limit: see configure()
    if (limited()) poke(now_ns);
  }

  // Time has passed: servers may be back, or gone.
  void poke(Nanos now_ns);
  // A flip: those of this worker ask again, and resolve their color anew.
  void recall(unsigned worker);

  void begin_turn(unsigned worker);    // before next(): later wakes post again
  QueueWaiter* next(unsigned worker);  // called, for this worker; null: no more

 private:
  using Waiter = QueueWaiter;
  struct List {
    Waiter* first = nullptr;
    Waiter* last = nullptr;
    void insert_before(Waiter* next, Waiter& waiter);  // null: at the end
    void remove(Waiter& waiter);
  };
  struct WorkerPart {
    SlotWorker* port = nullptr;
    List called;
    bool woken = false;
  };
  // All with mutex_ held.
  bool room(const ServerShared& server) const;
  bool too_many(const ServerShared& server) const {
    return limits_.per_server != 0 && server.connections.load() > limits_.per_server;
  }
  bool in_use(const ServerShared& server) const;  // a member, with a weight
  bool unknown_needed(Nanos now_ns, bool even_ejected) const;
  ServerShared* freest(const void* avoid, Nanos now_ns) const;
  bool any_usable(Nanos now_ns) const;
  void call(Waiter& waiter, ServerShared* server, int fd);
  void wake(unsigned worker);
  void serve(Nanos now_ns);
  void ask_back(Nanos now_ns);
  int release(ServerShared& server, int fd, Nanos now_ns);

  mutable std::mutex mutex_;
  Limits limits_;
  std::atomic<unsigned> per_server_{0};
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::size_t> most_waiting_{0};
  std::vector<Member> members_;
  List queue_;
  std::vector<WorkerPart> workers_;
};

}  // namespace switchback::upstream
