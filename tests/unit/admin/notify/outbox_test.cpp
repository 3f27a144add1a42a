// What waits for a target: order, room, pace, attempts. No clock but the numbers here.
#include "admin/notify/outbox.hpp"

#include "tests/support/catch.hpp"

namespace switchback::notify {
namespace {

constexpr Nanos second = 1'000'000'000;

Message named(const std::string& title) {
  Message out;
  out.title = title;
  return out;
}
Delivery good() {
  return {.good = true};
}
Delivery bad(bool hopeless = false, Nanos wish = 0) {
  return {.good = false, .hopeless = hopeless, .retry_after_ns = wish};
}

TEST_CASE("messages go out in order, and the oldest goes when there is no room") {
  Outbox box({.queue = 3, .per_minute = 600}, 0);
  CHECK_FALSE(box.wait_ns(0));
  for (const char* title : {"a", "b", "c", "d", "e"}) box.put(named(title));
  CHECK(box.stats().queued == 3);
  CHECK(box.stats().dropped == 2);
  REQUIRE(box.wait_ns(0) == 0);
  const auto first = box.begin(0);
  CHECK(first.message.title == "c");
  CHECK(first.left_out == 2);
  CHECK_FALSE(box.wait_ns(0));  // one at a time
  CHECK(box.done(good(), 0, 0.5));
  CHECK(box.begin(0).left_out == 0);
  CHECK(box.done(good(), 0, 0.5));
  CHECK(box.begin(0).message.title == "e");
  CHECK(box.done(good(), 0, 0.5));
  CHECK(box.idle());
  CHECK(box.stats().sent == 3);
}

TEST_CASE("a failed message stays in front, with longer and longer pauses, and is given up") {
  Outbox box({.queue = 10, .per_minute = 600, .retries = 3}, 0);
  box.put(named("a"));
  box.put(named("b"));
  Nanos now = 0;
  const Nanos pauses[] = {1 * second, 2 * second, 4 * second};
  for (const Nanos pause : pauses) {
    REQUIRE(box.wait_ns(now) == 0);
    CHECK(box.begin(now).message.title == "a");
    CHECK_FALSE(box.done(bad(), now, 0.5));
    CHECK(box.wait_ns(now) == pause);
    now += pause;
  }
  CHECK(box.begin(now).attempts == 4);
  CHECK(box.done(bad(), now, 0.5));
  CHECK(box.stats().failed == 1);
  CHECK(box.stats().failed_in_a_row == 1);
  // The next one leaves a target that is down in peace as well, and tells of the one before.
  CHECK(box.wait_ns(now) == 8 * second);
  now += 8 * second;
  const auto next = box.begin(now);
  CHECK(next.message.title == "b");
  CHECK(next.left_out == 1);
  CHECK(box.done(good(), now, 0.5));
  CHECK(box.stats().failed_in_a_row == 0);
  box.put(named("c"));
  CHECK(box.wait_ns(now) == 0);
}

TEST_CASE("a refusal is not repeated, and a server's wish is kept within bounds") {
  Outbox box({.queue = 10, .per_minute = 600, .retries = 3}, 0);
  box.put(named("a"));
  box.put(named("b"));
  box.begin(0);
  CHECK(box.done(bad(true), 0, 0.5));
  CHECK(box.stats().failed == 1);
  CHECK(box.wait_ns(0) == 0);  // another message may be to its liking
  box.begin(0);
  CHECK_FALSE(box.done(bad(false, 30 * second), 0, 0.5));
  CHECK(box.wait_ns(0) == 30 * second);
  box.begin(30 * second);
  CHECK_FALSE(box.done(bad(false, 100'000 * second), 30 * second, 0.5));
  CHECK(box.wait_ns(30 * second) == 600 * second);
}

TEST_CASE("pauses end at a minute, a fifth more or less") {
  Outbox box({.queue = 10, .per_minute = 600, .retries = 20}, 0);
  box.put(named("a"));
  Nanos now = 0;
  for (int i = 0; i < 12; ++i) {
    box.begin(now);
    box.done(bad(), now, 0);
    now += *box.wait_ns(now);
  }
  box.begin(now);
  box.done(bad(), now, 0);
  CHECK(box.wait_ns(now) == 48 * second);
  now += 48 * second;
  box.begin(now);
  box.done(bad(), now, 1);
  CHECK(box.wait_ns(now) == 72 * second);
}

TEST_CASE("only so many go out a minute; the rest wait, and tests go first") {
  Outbox box({.queue = 100, .per_minute = 30}, 0);
  for (int i = 0; i < 10; ++i) box.put(named(std::to_string(i)));
  int sent = 0;
  while (box.wait_ns(0) == 0) {
    box.begin(0);
    box.done(good(), 0, 0.5);
    REQUIRE(++sent < 10);
  }
  CHECK(sent == 3);
  const Nanos wait = *box.wait_ns(0);
  CHECK(wait > second);
  CHECK(wait < 3 * second);
  box.put_test(named("test"), 7);
  REQUIRE(box.wait_ns(0) == 0);
  CHECK(box.begin(0).test == 7);
  CHECK(box.done(bad(), 0, 0.5));  // a test is not repeated
  CHECK(box.stats().failed == 0);
  CHECK(box.wait_ns(0) == wait);
  CHECK(box.wait_ns(wait) == 0);
}

TEST_CASE("a successor gets what waits, the message under way too") {
  Outbox box({.queue = 10, .per_minute = 600}, 0);
  box.put(named("a"));
  box.put(named("b"));
  box.begin(0);
  const auto rest = box.take_all();
  REQUIRE(rest.size() == 2);
  CHECK(rest[0].title == "a");
  CHECK(rest[1].title == "b");
}

}  // namespace
}  // namespace switchback::notify
