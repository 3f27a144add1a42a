#include "proxy/guard/ceiling.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/catch.hpp"

using switchback::guard::Ceiling;

TEST_CASE("a ceiling holds, and a place given back is there again", "[guard]") {
  Ceiling ceiling;
  int woken = 0;
  ceiling.set_wakers({[&] { ++woken; }, [&] { ++woken; }});
  ceiling.set_limit(2);
  CHECK(ceiling.enter());
  CHECK(ceiling.enter());
  CHECK_FALSE(ceiling.enter());
  ceiling.leave();
  CHECK(woken == 0);  // nobody waited
  CHECK(ceiling.enter_or_wait());
  CHECK_FALSE(ceiling.enter_or_wait());
  ceiling.leave();
  CHECK(woken == 2);
  ceiling.join();
  ceiling.join();  // counted whatever the limit
  CHECK(ceiling.open() == 3);
  CHECK_FALSE(ceiling.enter_or_wait());
  ceiling.set_limit(0);  // a reload that takes the limit away lets everybody in
  CHECK(woken == 4);
  CHECK(ceiling.enter_or_wait());
}

TEST_CASE("no thread sleeps at a ceiling while there is a place", "[guard]") {
  constexpr unsigned threads = 4, limit = 2, rounds = 3000;
  Ceiling ceiling;
  std::mutex mutex;
  std::condition_variable changed;
  std::array<bool, threads> awake{};
  std::vector<std::function<void()>> wakers;
  for (unsigned t = 0; t < threads; ++t) {
    wakers.push_back([&, t] {
      const std::lock_guard lock(mutex);
      awake[t] = true;
      changed.notify_all();
    });
  }
  ceiling.set_wakers(std::move(wakers));
  ceiling.set_limit(limit);
  std::atomic<unsigned> inside{0}, worst{0};
  std::vector<std::thread> all;
  for (unsigned t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      for (unsigned i = 0; i < rounds; ++i) {
        while (!ceiling.enter_or_wait()) {
          std::unique_lock lock(mutex);
          changed.wait(lock, [&] { return awake[t]; });  // a lost wake-up hangs here
          awake[t] = false;
        }
        const unsigned now_inside = inside.fetch_add(1) + 1;
        if (now_inside > worst.load()) worst.store(now_inside);
        inside.fetch_sub(1);
        ceiling.leave();
      }
    });
  }
  for (std::thread& thread : all) thread.join();
  CHECK(worst.load() <= limit);
  CHECK(ceiling.open() == 0);
}
