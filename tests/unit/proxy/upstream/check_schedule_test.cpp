#include "proxy/upstream/check_schedule.hpp"

#include <vector>

#include "tests/support/catch.hpp"

using namespace switchback::upstream;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST_CASE("a server of its own is checked within 50 ms, whatever the interval") {
  for (const nanoseconds interval : {nanoseconds(10ms), nanoseconds(1s), nanoseconds(1h)}) {
    CHECK(first_check_delay(0, 1, interval, 0) == 0ns);
    CHECK(first_check_delay(0, 1, interval, 0.999) <= 50ms);
  }
}

TEST_CASE("first checks of many services on one address are spread over the interval") {
  std::vector<unsigned> in_second(5);
  for (std::size_t i = 0; i < 300; ++i) {
    const auto delay = first_check_delay(i, 300, 5s, 0.5);
    REQUIRE(delay < 5s);
    ++in_second[static_cast<std::size_t>(delay / 1s)];
  }
  for (const unsigned checks : in_second) CHECK((checks >= 59 && checks <= 61));
}

TEST_CASE("a few services on one address do not wait for a long interval's end") {
  CHECK(first_check_delay(1, 2, 1h, 0) == 250ms);
  CHECK(first_check_delay(3, 4, 1h, 0.999) <= 800ms);
}

TEST_CASE("who has not passed yet is looked at soon, again and again, until it does") {
  nanoseconds sum{};
  std::vector<nanoseconds> pauses;
  for (unsigned checks = 1; checks <= 8; ++checks) {
    pauses.push_back(next_check_delay(CheckPhase::arriving, checks, 1, 30s, 0.5));
    sum += pauses.back();
  }
  CHECK(pauses[0] == 100ms);
  CHECK(pauses[1] == 200ms);
  CHECK(pauses[2] == 400ms);
  CHECK(pauses[7] == 500ms);
  CHECK(next_check_delay(CheckPhase::arriving, 1000, 1, 30s, 0.999) <= 550ms);
  CHECK(next_check_delay(CheckPhase::arriving, 8, 1, 20ms, 0.5) == 20ms);  // no later than usual
  CHECK(next_check_delay(CheckPhase::arriving, 8, 300, 30s, 0.5) == 1500ms);
}

TEST_CASE("doubt is settled soon, and steady checks follow the interval with jitter") {
  CHECK(next_check_delay(CheckPhase::in_doubt, 9, 1, 30s, 0.5) == 1s);
  CHECK(next_check_delay(CheckPhase::in_doubt, 9, 1, 200ms, 0.5) == 200ms);
  CHECK(next_check_delay(CheckPhase::steady, 9, 1, 30s, 0) == 27s);
  CHECK(next_check_delay(CheckPhase::steady, 9, 1, 30s, 0.5) == 30s);
  CHECK(next_check_delay(CheckPhase::steady, 9, 1, 30s, 0.999) <= 33s);
}
