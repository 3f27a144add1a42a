#include "proxy/net/timer_wheel.hpp"

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::net;

namespace {

constexpr Nanos ms = 1'000'000;
constexpr Nanos start = 1'000'000 * ms + 3;  // somewhere, and not on a grain

struct TestTimer final : Timer {
  explicit TestTimer(std::function<void()> f = [] {}) : action(std::move(f)) {}
  void on_timer() override {
    ++fired;
    CHECK_FALSE(armed());
    action();
  }
  std::function<void()> action;
  int fired = 0;
};

}  // namespace

TEST_CASE("a timer fires at or after its deadline and within a grain of it, once") {
  TimerWheel wheel(start);
  TestTimer timer;
  const Nanos deadline = start + 100 * ms;
  wheel.arm(timer, deadline);
  CHECK(timer.armed());
  CHECK(timer.deadline_ns() == deadline);
  wheel.advance(deadline - 1);
  CHECK(timer.fired == 0);
  wheel.advance(deadline + timer_grain_ns);
  CHECK(timer.fired == 1);
  CHECK_FALSE(timer.armed());
  wheel.advance(deadline + 20'000 * ms);
  CHECK(timer.fired == 1);
}

TEST_CASE("a later deadline is kept lazily: the first visit does not fire") {
  TimerWheel wheel(start);
  TestTimer timer;
  wheel.arm(timer, start + 50 * ms);
  wheel.arm(timer, start + 500 * ms);
  wheel.advance(start + 100 * ms);
  CHECK(timer.fired == 0);
  CHECK(timer.deadline_ns() == start + 500 * ms);
  wheel.advance(start + 499 * ms);
  CHECK(timer.fired == 0);
  wheel.advance(start + 508 * ms);
  CHECK(timer.fired == 1);
}

TEST_CASE("an earlier deadline replaces a later one") {
  TimerWheel wheel(start);
  TestTimer timer;
  wheel.arm(timer, start + 500 * ms);
  wheel.arm(timer, start + 50 * ms);
  wheel.advance(start + 58 * ms);
  CHECK(timer.fired == 1);
  wheel.advance(start + 600 * ms);
  CHECK(timer.fired == 1);
}

TEST_CASE("a disarmed timer does not fire, and may be armed again while still in its slot") {
  TimerWheel wheel(start);
  TestTimer timer;
  wheel.disarm(timer);  // never armed: nothing happens
  wheel.arm(timer, start + 50 * ms);
  wheel.disarm(timer);
  CHECK_FALSE(timer.armed());
  SECTION("left alone") {
    wheel.advance(start + 100 * ms);
    CHECK(timer.fired == 0);
    CHECK(wheel.until_next(start + 100 * ms) == -1);
  }
  SECTION("armed again for later") {
    wheel.arm(timer, start + 80 * ms);
    wheel.advance(start + 60 * ms);
    CHECK(timer.fired == 0);
    wheel.advance(start + 88 * ms);
    CHECK(timer.fired == 1);
  }
  SECTION("armed again for earlier") {
    wheel.arm(timer, start + 20 * ms);
    wheel.advance(start + 28 * ms);
    CHECK(timer.fired == 1);
  }
}

TEST_CASE("deadlines beyond one round go round again") {
  TimerWheel wheel(start);
  TestTimer hour;
  const Nanos deadline = start + 3'600'000 * ms;
  wheel.arm(hour, deadline);
  for (Nanos now = start; now < deadline; now += 700 * ms) {
    wheel.advance(now);
    REQUIRE(hour.fired == 0);
  }
  wheel.advance(deadline + timer_grain_ns);
  CHECK(hour.fired == 1);
}

TEST_CASE("one advance over many rounds fires everything due and nothing else") {
  TimerWheel wheel(start);
  TestTimer near, far, farther;
  wheel.arm(near, start + 1 * ms);
  wheel.arm(far, start + 30'000 * ms);
  wheel.arm(farther, start + 90'000 * ms);
  wheel.advance(start + 60'000 * ms);
  CHECK(near.fired == 1);
  CHECK(far.fired == 1);
  CHECK(farther.fired == 0);
  wheel.advance(start + 90'008 * ms);
  CHECK(farther.fired == 1);
}

TEST_CASE("timers fire in the order of their grains, within one in the order of arming") {
  TimerWheel wheel(start);
  std::string order;
  TestTimer a([&] { order += 'a'; }), b([&] { order += 'b'; }), c([&] { order += 'c'; }),
      d([&] { order += 'd'; });
  wheel.arm(d, start + 900 * ms);
  wheel.arm(b, start + 200 * ms);
  wheel.arm(c, start + 200 * ms);
  wheel.arm(a, start + 100 * ms);
  wheel.advance(start + 1000 * ms);
  CHECK(order == "abcd");
}

TEST_CASE("a callback may re-arm its own timer, even for the past, without holding up advance") {
  TimerWheel wheel(start);
  TestTimer timer;
  timer.action = [&] { wheel.arm(timer, 1); };
  wheel.arm(timer, start + 10 * ms);
  wheel.advance(start + 400 * ms);
  CHECK(timer.fired == 1);
  wheel.advance(start + 408 * ms);
  CHECK(timer.fired == 2);
}

TEST_CASE("a callback may disarm, move, and destroy timers that are due in the same advance") {
  TimerWheel wheel(start);
  TestTimer disarmed, moved;
  auto destroyed = std::make_unique<TestTimer>();
  TestTimer first([&] {
    wheel.disarm(disarmed);
    wheel.arm(moved, start + 5'000 * ms);
    destroyed.reset();
  });
  TestTimer last;
  for (Timer* timer :
       std::initializer_list<Timer*>{&first, &disarmed, &moved, destroyed.get(), &last}) {
    wheel.arm(*timer, start + 10 * ms);
  }
  wheel.advance(start + 20 * ms);
  CHECK(first.fired == 1);
  CHECK(disarmed.fired == 0);
  CHECK(moved.fired == 0);
  CHECK(last.fired == 1);
  wheel.advance(start + 5'010 * ms);
  CHECK(moved.fired == 1);
}

TEST_CASE("a callback may destroy its own timer") {
  TimerWheel wheel(start);
  auto own = std::make_unique<TestTimer>();
  bool called = false;
  own->action = [&] {
    called = true;
    auto keep = std::move(own->action);  // this closure must outlive the timer it destroys
    own.reset();
  };
  wheel.arm(*own, start + 10 * ms);
  wheel.advance(start + 20 * ms);
  CHECK(called);
  CHECK(own == nullptr);
  CHECK(wheel.until_next(start + 20 * ms) == -1);
}

TEST_CASE("until_next tells when to visit: never too late, never negative, -1 when empty") {
  TimerWheel wheel(start);
  CHECK(wheel.until_next(start) == -1);
  {
    TestTimer timer;
    wheel.arm(timer, start + 100 * ms);
    const Nanos until = wheel.until_next(start);
    CHECK(until >= 100 * ms);
    CHECK(until < 100 * ms + timer_grain_ns);
    CHECK(wheel.until_next(start + 300 * ms) == 0);
    wheel.advance(start + until);
    CHECK(timer.fired == 1);
    CHECK(wheel.until_next(start + until) == -1);
    wheel.arm(timer, start + 400 * ms);
  }
  CHECK(wheel.until_next(start) == -1);  // the timer is gone
}

TEST_CASE("timers may outlive their wheel") {
  TestTimer timer;
  {
    TimerWheel wheel(start);
    wheel.arm(timer, start + 10 * ms);
  }
  CHECK_FALSE(timer.armed());
}

TEST_CASE("random arming agrees with a plain model of deadlines") {
  std::mt19937 random(20240611);
  TimerWheel wheel(start);
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (int i = 0; i < 50; ++i) timers.push_back(std::make_unique<TestTimer>());
  std::vector<Nanos> deadlines(timers.size(), 0);  // 0: must not fire
  std::vector<int> expected(timers.size(), 0);
  Nanos now = start;
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t i = random() % timers.size();
    switch (random() % 4) {
      case 0:
      case 1:
        deadlines[i] = now + static_cast<Nanos>(random() % 20'000) * ms;
        wheel.arm(*timers[i], deadlines[i]);
        break;
      case 2:
        deadlines[i] = 0;
        wheel.disarm(*timers[i]);
        break;
      case 3: {
        now += static_cast<Nanos>(random() % 400) * ms;
        wheel.advance(now);
        for (std::size_t j = 0; j < timers.size(); ++j) {
          const int fired = timers[j]->fired;
          if (deadlines[j] == 0 || deadlines[j] > now) {
            REQUIRE(fired == expected[j]);  // never before its deadline
          } else if (deadlines[j] + timer_grain_ns <= now) {
            REQUIRE(fired == expected[j] + 1);  // at most a grain after it
          }
          if (fired != expected[j]) deadlines[j] = 0;
          expected[j] = fired;
        }
        break;
      }
    }
  }
}
