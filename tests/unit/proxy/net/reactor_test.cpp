#include "proxy/net/reactor.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/proxy/net/net_fixtures.hpp"

using namespace switchback;
using namespace switchback::net;
using namespace switchback::net::test;

TEST_CASE("an event reaches its handler, edge-triggered once") {
  Reactor reactor;
  Fd event = ready_event();
  int calls = 0;
  FunctionHandler handler([&](std::uint32_t events) {
    ++calls;
    CHECK((events & EPOLLIN) != 0);
  });
  REQUIRE(reactor.add(event.fd, handler, EPOLLIN | EPOLLET));
  reactor.run_turn(false);
  CHECK(calls == 1);
  reactor.run_turn(false);
  CHECK(calls == 1);
  REQUIRE(reactor.modify(event.fd, handler, EPOLLIN));  // level: reported for as long as it holds
  reactor.run_turn(false);
  reactor.run_turn(false);
  CHECK(calls == 3);
  reactor.remove(event.fd, handler);
  reactor.run_turn(false);
  CHECK(calls == 3);
  CHECK(reactor.turns() == 5);
}

TEST_CASE("what the kernel refuses is told") {
  Reactor reactor;
  FunctionHandler handler([](std::uint32_t) {});
  CHECK_FALSE(reactor.add(-1, handler));
  CHECK(errno == EBADF);
  Fd event = ready_event();
  CHECK_FALSE(reactor.modify(event.fd, handler, EPOLLIN));
  CHECK(errno == ENOENT);
}

TEST_CASE("removing a handler drops its events of the running batch") {
  Reactor reactor;
  Fd one = ready_event(), two = ready_event();
  // Whichever is called first destroys the other; a delivered event would call freed memory.
  std::unique_ptr<FunctionHandler> a, b;
  int calls = 0;
  a = std::make_unique<FunctionHandler>([&](std::uint32_t) {
    ++calls;
    reactor.remove(two.fd, *b);
    b.reset();
  });
  b = std::make_unique<FunctionHandler>([&](std::uint32_t) {
    ++calls;
    reactor.remove(one.fd, *a);
    a.reset();
  });
  REQUIRE(reactor.add(one.fd, *a, EPOLLIN));
  REQUIRE(reactor.add(two.fd, *b, EPOLLIN));
  reactor.run_turn(false);
  CHECK(calls == 1);
  if (a) reactor.remove(one.fd, *a);
  if (b) reactor.remove(two.fd, *b);
}

TEST_CASE("a handler's memory may be used again at once: the new one gets no old event") {
  Reactor reactor;
  Fd one = ready_event(), two = ready_event(), quiet(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  std::optional<FunctionHandler> place;
  int wrong = 0, calls = 0;
  FunctionHandler first([&](std::uint32_t) {
    if (calls++ > 0) return;
    reactor.remove(two.fd, *place);
    place.emplace([&](std::uint32_t) { ++wrong; });
    REQUIRE(reactor.add(quiet.fd, *place, EPOLLIN));
  });
  place.emplace([&](std::uint32_t) { FAIL("the first event comes first"); });
  REQUIRE(reactor.add(one.fd, first, EPOLLIN));
  REQUIRE(reactor.add(two.fd, *place, EPOLLIN));
  reactor.run_turn(false);
  CHECK(calls == 1);
  CHECK(wrong == 0);
}

TEST_CASE("posted work runs between two events of one batch") {
  Reactor reactor;
  std::string order;
  std::vector<Fd> fds;
  FunctionHandler handler([&](std::uint32_t) {
    order += 'e';
    reactor.post([&] { order += 'p'; });
  });
  for (int i = 0; i < 3; ++i) {
    fds.push_back(ready_event());
    REQUIRE(reactor.add(fds.back().fd, handler, EPOLLIN | EPOLLET));
  }
  reactor.run_turn(false);
  CHECK(order == "epepep");
}

TEST_CASE("deferred work runs once after the batch, and again next turn when it defers itself") {
  Reactor reactor;
  std::string order;
  Fd one = ready_event(), two = ready_event();
  FunctionDeferred again([&] { order += 'a'; });
  FunctionDeferred flush([&] {
    order += 'f';
    if (order.size() < 5) reactor.defer(flush);
  });
  FunctionHandler handler([&](std::uint32_t) {
    order += 'e';
    reactor.defer(flush);
    reactor.defer(flush);
    CHECK(flush.deferred());
  });
  REQUIRE(reactor.add(one.fd, handler, EPOLLIN | EPOLLET));
  REQUIRE(reactor.add(two.fd, handler, EPOLLIN | EPOLLET));
  reactor.run_turn(true);
  CHECK(order == "eef");
  reactor.run_turn(true);  // must not wait: work is queued
  CHECK(order == "eeff");
  reactor.run_turn(true);
  CHECK(order == "eefff");
  CHECK_FALSE(flush.deferred());
  reactor.defer(again);
  reactor.run_turn(true);
  CHECK(order == "eefffa");
}

TEST_CASE("destroyed deferred work does not run, neither queued nor in the running list") {
  Reactor reactor;
  int ran = 0;
  auto doomed = std::make_unique<FunctionDeferred>([&] { ran += 100; });
  FunctionDeferred killer([&] {
    ++ran;
    doomed.reset();
  });
  reactor.defer(killer);
  reactor.defer(*doomed);
  {
    FunctionDeferred gone([&] { ran += 100; });
    reactor.defer(gone);
  }
  reactor.run_turn(false);
  CHECK(ran == 1);
  CHECK(doomed == nullptr);
}

TEST_CASE("a timer ends the wait of the loop") {
  Reactor reactor;
  bool fired = false;
  const Nanos deadline = reactor.now_ns() + 30'000'000;
  FunctionTimer timer([&] { fired = true; });
  reactor.timers().arm(timer, deadline);
  while (!fired) reactor.run_turn(true);
  CHECK(reactor.now_ns() >= deadline);
  CHECK(reactor.turns() < 10);  // it slept in between, it did not spin
}

TEST_CASE("posts of several threads all run, in each thread's order") {
  Reactor reactor;
  constexpr int threads = 4, posts = 2000;
  std::vector<int> last(threads, -1);
  int total = 0;
  bool in_order = true;
  std::vector<std::thread> posters;
  for (int t = 0; t < threads; ++t) {
    posters.emplace_back([&, t] {
      for (int i = 0; i < posts; ++i) {
        reactor.post([&, t, i] {
          in_order = in_order && last[t] == i - 1;
          last[t] = i;
          if (++total == threads * posts) reactor.stop();
        });
      }
    });
  }
  reactor.run();
  for (auto& poster : posters) poster.join();
  CHECK(total == threads * posts);
  CHECK(in_order);
}

TEST_CASE("a post wakes a sleeping loop, time and again") {
  Reactor reactor;
  std::thread worker([&] { reactor.run(); });
  for (int i = 0; i < 200; ++i) {
    std::atomic<bool> ran{false};
    reactor.post([&] {
      CHECK(reactor.running_in_this_thread());
      ran = true;
      ran.notify_one();
    });
    ran.wait(false);
  }
  CHECK_FALSE(reactor.running_in_this_thread());
  reactor.stop();
  worker.join();
}

TEST_CASE("stop before run ends it at once, after running what was posted before") {
  Reactor reactor;
  int ran = 0;
  reactor.post([&] { ++ran; });
  reactor.stop();
  reactor.run();
  CHECK(ran == 1);
  reactor.post([&] {  // and the loop can be run again
    ++ran;
    reactor.stop();
  });
  reactor.run();
  CHECK(ran == 2);
}

TEST_CASE("work that posts itself again does not keep events waiting") {
  Reactor reactor;
  bool done = false;
  int rounds = 0;
  std::function<void()> again = [&] {
    if (done) return;
    ++rounds;
    reactor.post(again);
  };
  reactor.post(again);
  reactor.run_turn(false);
  CHECK(rounds >= 1);
  Fd event = ready_event();
  FunctionHandler handler([&](std::uint32_t) { done = true; });
  REQUIRE(reactor.add(event.fd, handler, EPOLLIN));
  reactor.run_turn(true);
  CHECK(done);
}

TEST_CASE("work still queued when the reactor goes is destroyed without being run") {
  auto token = std::make_shared<int>(0);
  {
    Reactor reactor;
    reactor.post([token] { ++*token; });
    CHECK(token.use_count() == 2);
  }
  CHECK(token.use_count() == 1);
  CHECK(*token == 0);
}

TEST_CASE("many more events than a batch are all delivered") {
  Reactor reactor;
  constexpr std::size_t count = 700;
  std::vector<Fd> fds;
  std::size_t calls = 0;
  FunctionHandler handler([&](std::uint32_t) { ++calls; });
  for (std::size_t i = 0; i < count; ++i) {
    fds.push_back(ready_event());
    REQUIRE(reactor.add(fds.back().fd, handler, EPOLLIN | EPOLLET));
  }
  turn_until(reactor, [&] { return calls >= count; });
  reactor.run_turn(false);
  CHECK(calls == count);
}
