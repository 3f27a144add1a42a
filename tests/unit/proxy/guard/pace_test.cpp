#include "proxy/guard/pace.hpp"

#include "tests/support/catch.hpp"

using switchback::Nanos;
using switchback::guard::Pace;

namespace {
constexpr Nanos second = 1'000'000'000;
constexpr Nanos start = 1'000 * second;
constexpr Nanos window = 30 * second;
}  // namespace

TEST_CASE("only the client's own time counts", "[guard]") {
  Pace pace;
  CHECK(pace.window_end_ns(window) == 0);
  Nanos now = start;
  // A server that takes an hour between two pieces, and a client that answers in 10 ms each time.
  for (int i = 0; i < 100; ++i) {
    pace.wait(now);
    CHECK_FALSE(pace.window_over(now, window));
    now += second / 100;
    pace.moved(now, 1);
    now += 3600 * second;
    CHECK_FALSE(pace.window_over(now, window));
  }
  pace.wait(now);
  CHECK(pace.window_end_ns(window) == now + 29 * second);
}

TEST_CASE("a window is judged by what moved in it", "[guard]") {
  const std::uint64_t bytes = GENERATE(0u, 3839u, 3840u, 100'000u);
  Pace pace;
  pace.wait(start);
  pace.moved(start + 20 * second, bytes);
  pace.wait(start + 50 * second);
  CHECK(pace.window_end_ns(window) == start + 60 * second);
  CHECK_FALSE(pace.window_over(start + 60 * second - 1, window));
  CHECK(pace.window_over(start + 60 * second, window));
  CHECK(pace.judge(start + 60 * second, 128) == (bytes < 3840));
  // The next window begins with nothing of the one before.
  CHECK(pace.window_end_ns(window) == start + 90 * second);
  CHECK(pace.judge(start + 90 * second, 128));
}

TEST_CASE("a window that ended late is judged by its own length", "[guard]") {
  Pace pace;
  pace.wait(start);
  pace.note(5000);
  CHECK(pace.judge(start + 60 * second, 128));
  pace.note(8000);
  CHECK_FALSE(pace.judge(start + 120 * second, 128));
}

TEST_CASE("what came in the end is not judged", "[guard]") {
  Pace pace;
  pace.wait(start);
  pace.moved(start + 31 * second, 1);
  CHECK_FALSE(pace.window_over(start + 40 * second, window));  // not its turn
  pace.wait(start + 40 * second);
  CHECK(pace.window_over(start + 40 * second, window));
  CHECK(pace.window_end_ns(window) <=
        start + 40 * second);  // so a timer armed for it comes at once
}

TEST_CASE("no rate is no limit", "[guard]") {
  Pace pace;
  pace.wait(start);
  CHECK_FALSE(pace.judge(start + 1000 * second, 0));
}
