// The queue for connections, driven through random interleavings of everything that can happen to
// it, beside a model that counts the slow way.
#include "proxy/upstream/slot_queue.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "tests/support/catch.hpp"

using namespace switchback;
using exchange::QueueState;
using exchange::QueueWaiter;
using upstream::Grant;
using upstream::Health;
using upstream::ServerShared;
using upstream::SlotQueue;

namespace {

std::shared_ptr<ServerShared> server_at(unsigned port, unsigned workers) {
  config::Address address;
  address.host = "127.0.0.1";
  address.port = static_cast<std::uint16_t>(port);
  address.text = "127.0.0.1:" + std::to_string(port);
  return std::make_shared<ServerShared>(std::make_shared<upstream::ServerState>(address), workers);
}

struct Waiter final : QueueWaiter {
  void on_turn() override {}
  unsigned worker = 0;
  Nanos since = 0;
};

struct Port final : upstream::SlotWorker {
  void wake() override { ++posted; }
  unsigned posted = 0;
};

struct Fixture {
  explicit Fixture(unsigned limit, unsigned servers = 1, unsigned worker_count = 2,
                   std::size_t waiting = 100)
      : queue(worker_count), ports(worker_count) {
    for (unsigned i = 0; i < servers; ++i)
      members.push_back({server_at(9000 + i, worker_count), 1});
    for (unsigned w = 0; w < worker_count; ++w) queue.attach(w, &ports[w]);
    queue.configure({limit, waiting, 0}, members, 0);
  }
  ServerShared& server(unsigned i = 0) { return *members[i].server; }
  bool wait(Waiter& waiter, unsigned worker, Nanos since, bool admitted = false) {
    waiter.worker = worker;
    waiter.queued_ns = since;
    return queue.enqueue(waiter, worker, admitted, 0);
  }
  SlotQueue queue;
  std::vector<Port> ports;
  std::vector<SlotQueue::Member> members;
};

}  // namespace

TEST_CASE("a place that comes free goes to who waits first, and nobody overtakes") {
  Fixture f(1);
  REQUIRE(f.queue.take(f.server(), 0, false) == SlotQueue::Take::dial);
  REQUIRE(f.queue.take(f.server(), 1, false) == SlotQueue::Take::full);
  Waiter first, second;
  REQUIRE(f.wait(second, 0, 20));
  REQUIRE(f.wait(first, 1, 10));  // it began to wait earlier: a flip brought it here
  CHECK(f.queue.waiting() == 2);
  f.queue.closed(f.server(), 0);
  CHECK(f.ports[1].posted == 1);
  CHECK(f.ports[0].posted == 0);
  CHECK(f.queue.take(f.server(), 0, false) == SlotQueue::Take::behind_others);
  REQUIRE(f.queue.next(1) == &first);
  const Grant grant = f.queue.accept(first);
  CHECK(grant.server == &f.server());
  CHECK(grant.fd == -1);
  CHECK(f.server().connections == 1);
  f.queue.closed(f.server(), 0);
  REQUIRE(f.queue.next(0) == &second);
  f.queue.leave(second, 0);  // gone before it could use it
  CHECK(f.server().connections == 0);
}

TEST_CASE("a server that was not checked yet serves who waits when those that passed are full") {
  Fixture f(2, 2);
  f.server(0).state->set_health(Health::healthy);
  REQUIRE(f.queue.take(f.server(0), 0, false) == SlotQueue::Take::dial);
  Waiter first, second;
  REQUIRE(f.wait(first, 0, 10));
  REQUIRE(f.queue.next(0) == &first);
  CHECK(f.queue.accept(first).server == &f.server(0));  // though the other is emptier
  REQUIRE(f.wait(second, 0, 20));
  REQUIRE(f.queue.next(0) == &second);
  CHECK(f.queue.accept(second).server == &f.server(1));
  f.queue.closed(f.server(0), 0);
  f.queue.closed(f.server(0), 0);
  f.queue.closed(f.server(1), 0);
}

TEST_CASE("a free connection is carried to who waits, on another worker too") {
  Fixture f(1);
  REQUIRE(f.queue.take(f.server(), 0, false) == SlotQueue::Take::dial);
  Waiter waiter;
  REQUIRE(f.wait(waiter, 1, 10));
  CHECK_FALSE(f.queue.keep(f.server(), 0));
  CHECK(f.queue.offer(f.server(), 0, 77, 0) == SlotQueue::Offer::taken);
  REQUIRE(f.queue.next(1) == &waiter);
  const Grant grant = f.queue.accept(waiter);
  CHECK(grant.fd == 77);
  CHECK(f.server().connections == 1);
  CHECK(f.queue.offer(f.server(), 1, 77, 0) == SlotQueue::Offer::keep);  // nobody waits any more
  CHECK(f.server().idle[1] == 1);
  CHECK(f.server().connections == 1);
  f.queue.idle_ended(f.server(), 1);
  f.queue.closed(f.server(), 0);
}

TEST_CASE("an idle connection of another worker is asked back for who waits") {
  Fixture f(1);
  REQUIRE(f.queue.take(f.server(), 0, false) == SlotQueue::Take::dial);
  REQUIRE(f.queue.keep(f.server(), 0));
  Waiter waiter;
  REQUIRE(f.queue.take(f.server(), 1, false) == SlotQueue::Take::full);
  REQUIRE(f.wait(waiter, 1, 10));
  REQUIRE(f.ports[0].posted == 1);
  f.queue.begin_turn(0);
  REQUIRE(f.queue.claim_wanted_back(f.server(), 0) == 1);
  CHECK(f.queue.offer(f.server(), 0, 5, 0) == SlotQueue::Offer::taken);
  REQUIRE(f.queue.next(1) == &waiter);
  CHECK(f.queue.leave(waiter, 0) == 5);  // the socket comes back to be closed
  CHECK(f.server().connections == 0);
}

TEST_CASE("the queue is bounded, but takes back whom it had let in") {
  Fixture f(1, 1, 2, 1);
  REQUIRE(f.queue.take(f.server(), 0, false) == SlotQueue::Take::dial);
  Waiter one, two, moved;
  CHECK(f.wait(one, 0, 1));
  CHECK_FALSE(f.wait(two, 0, 2));
  CHECK(two.queue_state == QueueState::none);
  CHECK(f.wait(moved, 0, 3, true));
  f.queue.leave(one, 0);
  f.queue.leave(moved, 0);
  f.queue.closed(f.server(), 0);
}

TEST_CASE("when no server is left, those who wait are told; when one comes back, they are served") {
  Fixture f(1, 2);
  REQUIRE(f.queue.take(f.server(0), 0, false) == SlotQueue::Take::dial);
  REQUIRE(f.queue.take(f.server(1), 0, false) == SlotQueue::Take::dial);
  Waiter waiter;
  f.server(1).state->set_health(Health::unreachable);
  REQUIRE(f.wait(waiter, 0, 1));
  f.queue.closed(f.server(1), 0);  // room at a server that is down is none
  CHECK(f.queue.next(0) == nullptr);
  f.server(1).state->set_health(Health::healthy);
  f.queue.poke(0);
  REQUIRE(f.queue.next(0) == &waiter);
  CHECK(f.queue.accept(waiter).server == &f.server(1));
  f.queue.closed(f.server(1), 0);
  Waiter last;
  REQUIRE(f.queue.take(f.server(1), 0, false) == SlotQueue::Take::dial);
  REQUIRE(f.wait(last, 0, 1));
  f.server(0).state->set_health(Health::unreachable);
  f.server(1).state->set_health(Health::failing);
  f.queue.poke(0);
  REQUIRE(f.queue.next(0) == &last);
  CHECK(f.queue.accept(last).server == nullptr);
  f.queue.closed(f.server(0), 0);
  f.queue.closed(f.server(1), 0);
}

TEST_CASE("a limit that is lifted lets everybody in; one that is lowered is reached in time") {
  Fixture f(1);
  REQUIRE(f.queue.take(f.server(), 0, false) == SlotQueue::Take::dial);
  Waiter a, b;
  REQUIRE(f.wait(a, 0, 1));
  REQUIRE(f.wait(b, 1, 2));
  f.queue.configure({0, 100, 0}, f.members, 0);
  REQUIRE(f.queue.next(0) == &a);
  REQUIRE(f.queue.next(1) == &b);
  f.queue.accept(a);
  f.queue.accept(b);
  CHECK(f.server().connections == 3);
  f.queue.configure({2, 100, 0}, f.members, 0);
  CHECK_FALSE(f.queue.keep(f.server(), 0));
  CHECK(f.queue.offer(f.server(), 0, 9, 0) == SlotQueue::Offer::close);  // one too many
  CHECK(f.queue.keep(f.server(), 0));
  f.queue.idle_ended(f.server(), 0);
  f.queue.closed(f.server(), 0);
  f.queue.closed(f.server(), 0);
}

namespace {

// Workers, requests and connections by the book: every step is what one worker does between two
// looks at its mailbox.
class World {
 public:
  World(std::uint64_t seed, unsigned limit)
      : random_(seed), limit_(limit), f_(limit, 3, workers, 12) {
    for (auto& part : busy_) part.resize(3);
    for (auto& part : idle_) part.resize(3);
    for (auto& waiter : waiters_) waiter = std::make_unique<Waiter>();
  }
  void step() {
    ++now_;
    const unsigned worker = below(workers), server = below(3);
    switch (below(10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        request(worker);
        break;
      case 4:
      case 5:
        release(worker, server);
        break;
      case 6:
        close_one(worker, server);
        break;
      case 7:
        give_up(worker);
        break;
      case 8:
        turn(worker);
        break;
      default:
        rare(worker, server);
        break;
    }
    check();
  }
  // Everybody is served when every connection is let go again and again.
  void run_dry() {
    for (unsigned s = 0; s < 3; ++s) f_.server(s).state->set_health(Health::healthy);
    poke();
    for (unsigned round = 0; round < 1000 && waiting_now() > 0; ++round) {
      for (unsigned w = 0; w < workers; ++w) {
        turn(w);
        for (unsigned s = 0; s < 3; ++s) release(w, s);
      }
      check();
    }
    REQUIRE(waiting_now() == 0);
    for (unsigned w = 0; w < workers; ++w) {
      for (unsigned s = 0; s < 3; ++s) {
        while (busy_[w][s] + idle_[w][s] > 0) close_one(w, s);
      }
    }
    for (unsigned s = 0; s < 3; ++s) REQUIRE(f_.server(s).connections == 0);
  }
  std::uint64_t served() const { return served_; }

 private:
  static constexpr unsigned workers = 3;
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::size_t waiting_now() const {
    return static_cast<std::size_t>(std::count_if(waiters_.begin(), waiters_.end(), [](auto& w) {
      return w->queue_state != QueueState::none;
    }));
  }
  void request(unsigned worker) {
    for (auto& waiter : waiters_) {
      if (waiter->queue_state != QueueState::none) continue;
      waiter->since = now_;
      acquire(*waiter, worker, false);
      return;
    }
  }
  void acquire(Waiter& waiter, unsigned worker, bool admitted) {
    bool full = false;
    for (unsigned i = 0; i < 3; ++i) {
      const unsigned s = (i + static_cast<unsigned>(now_)) % 3;
      if (!f_.server(s).usable(now_, true)) continue;
      full = true;
      const auto take = f_.queue.take(f_.server(s), worker, idle_[worker][s] > 0);
      if (take == SlotQueue::Take::behind_others) break;
      if (take == SlotQueue::Take::full) continue;
      REQUIRE(f_.queue.waiting() == 0);  // nobody was overtaken
      if (take == SlotQueue::Take::idle) --idle_[worker][s];
      ++busy_[worker][s];
      ++served_;
      return;
    }
    if (!full) return;
    waiter.worker = worker;
    waiter.queued_ns = waiter.since;
    waiter.queue_fresh = below(8) == 0;
    waiter.queue_avoid = below(8) == 0 ? &f_.server(below(3)) : nullptr;
    f_.queue.enqueue(waiter, worker, admitted, now_);
  }
  void release(unsigned worker, unsigned s) {
    if (busy_[worker][s] == 0) return;
    --busy_[worker][s];
    if (f_.queue.keep(f_.server(s), worker)) {
      ++idle_[worker][s];
    } else if (below(4) == 0) {
      f_.queue.closed(f_.server(s), now_);
    } else {
      offer(worker, s);
    }
  }
  void offer(unsigned worker, unsigned s) {
    if (f_.queue.offer(f_.server(s), worker, 7, now_) == SlotQueue::Offer::keep) ++idle_[worker][s];
  }
  void close_one(unsigned worker, unsigned s) {
    if (idle_[worker][s] > 0) {
      --idle_[worker][s];
      f_.queue.idle_ended(f_.server(s), worker);
    } else if (busy_[worker][s] > 0) {
      --busy_[worker][s];
    } else {
      return;
    }
    f_.queue.closed(f_.server(s), now_);
  }
  void give_up(unsigned worker) {  // its client went away
    for (auto& waiter : waiters_) {
      if (waiter->worker != worker || waiter->queue_state == QueueState::none) continue;
      f_.queue.leave(*waiter, now_);
      return;
    }
  }
  void turn(unsigned worker) {
    if (f_.ports[worker].posted == 0) return;
    --f_.ports[worker].posted;
    f_.queue.begin_turn(worker);
    for (unsigned s = 0; s < 3; ++s) {
      for (unsigned n = f_.queue.claim_wanted_back(f_.server(s), worker); n > 0; --n) {
        REQUIRE(idle_[worker][s] > 0);
        --idle_[worker][s];
        offer(worker, s);
      }
    }
    Nanos before = 0;
    while (auto* called = static_cast<Waiter*>(f_.queue.next(worker))) {
      const Grant grant = f_.queue.accept(*called);
      if (!grant.server) {
        acquire(*called, worker, true);
        continue;
      }
      REQUIRE(called->since >= before);  // in order, as far as one worker can see
      before = 0;
      const unsigned s = grant.server == &f_.server(0) ? 0 : grant.server == &f_.server(1) ? 1 : 2;
      if (below(10) == 0) {  // a flip: it goes to the other color
        f_.queue.give_back(*grant.server, grant.fd, now_);
      } else {
        ++busy_[worker][s];
        ++served_;
      }
    }
  }
  void rare(unsigned worker, unsigned server) {
    switch (below(12)) {
      case 0:
        f_.server(server).state->set_health(Health::unreachable);
        unseen_ = true;
        break;
      case 1:
      case 2:
        f_.server(server).state->set_health(Health::healthy);
        unseen_ = true;  // until the next look
        break;
      case 3:
        f_.queue.recall(worker);
        break;
      case 4:
        poke();
        break;
      case 5:
        f_.queue.configure({below(3) ? limit_ : 0, 12, 0}, f_.members, now_);
        unseen_ = false;
        break;
      default:
        break;
    }
    if (below(4) == 0) poke();
  }
  void poke() {
    f_.queue.poke(now_);
    unseen_ = false;
  }
  void check() {
    std::size_t waiting = 0;
    std::array<unsigned, 3> promised{};
    for (const auto& waiter : waiters_) {
      waiting += waiter->queue_state == QueueState::waiting;
      for (unsigned s = 0; s < 3; ++s) {
        promised[s] +=
            waiter->queue_state == QueueState::called && waiter->granted_server == &f_.server(s);
      }
    }
    REQUIRE(f_.queue.waiting() == waiting);
    for (unsigned s = 0; s < 3; ++s) {
      unsigned real = promised[s];
      for (unsigned w = 0; w < workers; ++w) {
        real += busy_[w][s] + idle_[w][s];
        REQUIRE(f_.server(s).idle[w] == idle_[w][s]);
      }
      REQUIRE(f_.server(s).connections == real);  // no place is lost, none is counted twice
    }
    if (waiting > 0 && !unseen_) nobody_forgotten(waiting);
    for (unsigned w = 0; w < workers; ++w) {
      bool has_calls = false;
      for (const auto& waiter : waiters_) {
        has_calls |= waiter->worker == w && waiter->queue_state == QueueState::called;
      }
      if (has_calls) REQUIRE(f_.ports[w].posted > 0);
    }
  }
  // Who waits while a server has room, or while others keep idle connections that nobody asked
  // back, waits for ever.
  void nobody_forgotten(std::size_t waiting) {
    REQUIRE(f_.queue.limited());
    std::size_t idle = 0, asked = 0;
    for (unsigned s = 0; s < 3; ++s) {
      if (!f_.server(s).usable(now_)) continue;
      REQUIRE(f_.server(s).connections >= limit_);
      for (unsigned w = 0; w < workers; ++w) {
        idle += f_.server(s).idle[w];
        asked += f_.server(s).wanted_back[w];
        if (f_.server(s).wanted_back[w] > 0) REQUIRE(f_.ports[w].posted > 0);
      }
    }
    REQUIRE(asked >= std::min(idle, waiting));
  }

  std::mt19937_64 random_;
  unsigned limit_;
  Fixture f_;
  std::array<std::vector<unsigned>, workers> busy_, idle_;
  std::array<std::unique_ptr<Waiter>, 24> waiters_;
  Nanos now_ = 0;
  std::uint64_t served_ = 0;
  bool unseen_ = false;  // a server came or went, which nobody has told the queue
};

}  // namespace

TEST_CASE("random interleavings lose no place, no wake-up and nobody who waits", "[simulation]") {
  const char* given = std::getenv("SWITCHBACK_SEED");
  const std::uint64_t base = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::uint64_t served = 0;
  for (std::uint64_t seed = base; seed < base + (given ? 1 : 300); ++seed) {
    INFO("to see it again: SWITCHBACK_SEED=" << seed);
    World world(seed, 1 + static_cast<unsigned>(seed % 4));
    for (int i = 0; i < 300; ++i) world.step();
    world.run_dry();
    served += world.served();
  }
  CHECK(served > (given ? 10 : 10000));
}
