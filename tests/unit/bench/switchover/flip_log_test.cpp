#include "bench/switchover/flip_log.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::bench;

namespace {

constexpr Nanos ms = 1'000'000;
Nanos now_for_tests = 0;

Nanos test_clock() {
  return now_for_tests;
}

// Blue is active; time begins at 1 s.
struct Books {
  Books() { now_for_tests = 1000 * ms; }
  Ticket begin(std::size_t lane = 0) { return log.begin(lane, now_for_tests); }
  static void pass(double milliseconds) {
    now_for_tests += static_cast<Nanos>(milliseconds * static_cast<double>(ms));
  }
  void answered() { log.answered(now_for_tests); }
  LaneCounts lane(std::size_t index = 0) { return log.lanes()[index]; }
  FlipLog log{Color::blue, 2, test_clock};
};

}  // namespace

TEST_CASE("a request begun after a flip's answer and served by the old color is stale") {
  Books books;
  books.log.command(Color::green);
  books.pass(1);
  books.answered();
  const auto late = books.begin();
  books.pass(1);
  books.log.end(late, Color::blue);
  CHECK(books.lane().stale == 1);
  CHECK(books.lane().answered == 1);
  CHECK(books.log.bad() == 1);
  CHECK(books.log.flips()[0].stale == 1);
  REQUIRE(books.log.complaints().size() == 1);
  CHECK_THAT(books.log.complaints()[0], ContainsSubstring("flip 1 to green: begun 0.000 ms after"));
}

TEST_CASE("a request that was under way when the answer came may be served by either color") {
  Books books;
  const auto before = books.begin();
  books.pass(1);
  books.log.command(Color::green);
  const auto within = books.begin();
  const auto also_within = books.begin();
  books.pass(1);
  books.answered();
  books.pass(5);
  books.log.end(before, Color::blue);
  books.log.end(within, Color::blue);
  books.log.end(also_within, Color::green);
  CHECK(books.lane().stale == 0);
  const auto flip = books.log.flips()[0];
  CHECK(*flip.last_old_begun - flip.commanded == 0);
  CHECK(*flip.last_old_ended - flip.commanded == 6 * ms);
  CHECK(*flip.first_new - flip.commanded == 6 * ms);
  CHECK(flip.answered - flip.commanded == 1 * ms);
}

TEST_CASE(
    "before a flip is commanded its color is stale, and after the next one the old is right") {
  Books books;
  books.log.end(books.begin(), Color::green);
  CHECK(books.lane().stale == 1);
  books.log.command(Color::green);
  books.answered();
  const auto open = books.begin();
  books.log.command(Color::blue);
  books.log.end(open, Color::blue);  // the flip back was under way before it ended
  CHECK(books.lane().stale == 1);
  books.answered();
  books.log.end(books.begin(), Color::blue);
  CHECK(books.lane().stale == 1);
  books.log.end(books.begin(), Color::green);
  CHECK(books.lane().stale == 2);
}

TEST_CASE("after a flip that was refused, or whose fate is unknown, both colors are right") {
  Books books;
  books.log.command(Color::green);
  books.log.refused();
  books.log.end(books.begin(), Color::blue);
  books.log.end(books.begin(), Color::green);
  CHECK(books.lane().stale == 0);
  CHECK_FALSE(books.log.flips()[0].measured);
  books.log.command(Color::blue, false);
  books.answered();
  books.log.end(books.begin(), Color::green);
  CHECK(books.lane().stale == 1);
}

TEST_CASE(
    "a flip is settled when all begun before its answer has ended and the new color is seen") {
  Books books;
  const auto old = books.begin();
  books.log.command(Color::green);
  books.answered();
  CHECK_FALSE(books.log.settled());
  const auto fresh = books.begin();
  books.log.end(fresh, Color::green);
  CHECK_FALSE(books.log.settled());
  books.log.end(old, Color::blue);
  CHECK(books.log.settled());
  const auto open = books.begin();
  CHECK(books.log.settled());
  books.log.end(open, Color::green);
  CHECK(books.log.open() == 0);
}

TEST_CASE("failures are counted by kind and lane, and name the flip they are near") {
  Books books;
  books.log.fail(books.begin(1), Fault::closed, "");
  books.log.command(Color::green);
  books.pass(2.5);
  books.log.fail(books.begin(1), Fault::status, "502");
  books.log.fail(0, Fault::connect, "refused");
  CHECK(books.lane(1).failed == 2);
  CHECK(books.lane(1).faults[static_cast<std::size_t>(Fault::closed)] == 1);
  CHECK(books.lane(0).faults[static_cast<std::size_t>(Fault::connect)] == 1);
  CHECK(books.log.bad() == 3);
  CHECK(books.log.open() == 0);
  CHECK(books.log.flips()[0].failed == 2);
  const auto complaints = books.log.complaints();
  CHECK(complaints[0] == "failed: closed");
  CHECK(complaints[1] == "failed: status: 502, 2.500 ms after the command of flip 1");
}

TEST_CASE("complaints are bounded, counts are not") {
  Books books;
  for (int i = 0; i < 100; ++i) books.log.fail(0, Fault::timeout, "");
  CHECK(books.log.complaints().size() == complaints_kept);
  CHECK(books.lane().failed == 100);
}

TEST_CASE("latency counts from when a request was meant to begin") {
  Books books;
  const Nanos meant = now_for_tests;
  books.pass(40);  // no connection was free
  const auto ticket = books.log.begin(0, meant);
  books.pass(2);
  books.log.end(ticket, Color::blue);
  CHECK(books.lane().latency.max() == 42 * ms);
}

TEST_CASE("an answer that tells no color is counted as not judged") {
  Books books;
  books.log.end_unjudged(books.begin());
  CHECK(books.lane().unjudged == 1);
  CHECK(books.lane().answered == 0);
  CHECK(books.log.open() == 0);
}

TEST_CASE("the timeline sums what each color answered in each millisecond around the flips") {
  Books books;
  const auto answer = [&](Color color) { books.log.end(books.begin(), color); };
  for (int flip = 0; flip < 2; ++flip) {
    const Color from = flip == 0 ? Color::blue : Color::green;
    for (int i = 0; i < 12; ++i) {
      answer(from);
      books.pass(1);
    }
    books.log.command(other(from));
    books.pass(0.5);
    books.answered();
    answer(from);
    books.pass(1);
    for (int i = 0; i < 12; ++i) {
      answer(other(from));
      books.pass(1);
    }
    books.pass(10);
  }
  const auto sums = books.log.timeline().sums();
  const auto bin = [&](int at) { return sums[static_cast<std::size_t>(at + Timeline::before_ms)]; };
  CHECK(bin(-5).from == 2);
  CHECK(bin(-5).to == 0);
  CHECK(bin(-5).flips == 2);
  CHECK(bin(0).from == 2);
  CHECK(bin(0).to == 0);
  CHECK(bin(1).from == 0);
  CHECK(bin(1).to == 2);
  CHECK(bin(13).to == 0);
}
