// What stands is told once, repeated when it lasts, and flapping is two messages a minute at most.
#include "admin/notify/book.hpp"

#include "tests/support/catch.hpp"

namespace switchback::notify {
namespace {

constexpr Nanos second = 1'000'000'000;

Message thing(bool firing, const std::string& key = "ledger_unwritable") {
  Message out;
  out.key = key;
  out.id = "7";
  out.standing = firing ? Standing::firing : Standing::resolved;
  return out;
}

TEST_CASE("events that do not stand pass through, every time") {
  Book book(0, true);
  for (int i = 0; i < 3; ++i) CHECK(book.take(Message{}, 0));
}

TEST_CASE("an alarm is told at once, once; its end too") {
  Book book(0, true);
  CHECK_FALSE(book.take(thing(false), 0));  // nobody was told of it
  CHECK(book.take(thing(true), 0));
  CHECK_FALSE(book.take(thing(true), 10 * second));
  CHECK(book.due(100 * second).empty());
  const auto end = book.take(thing(false), 200 * second);
  REQUIRE(end);
  CHECK(end->standing == Standing::resolved);
  book.due(300 * second);
  CHECK(book.take(thing(true), 300 * second));  // the next time is news again
  CHECK(book.take(thing(true, "another"), 300 * second));
}

TEST_CASE("what flaps is told twice a minute at most, and the last word is how it is") {
  Book book(0, true);
  int told = 0;
  bool last = false;
  for (int i = 0; i < 600; ++i) {  // ten minutes, a change every second
    const bool firing = i % 2 == 0;
    if (const auto message = book.take(thing(firing), i * second)) {
      ++told;
      last = message->standing == Standing::firing;
    }
    for (const auto& message : book.due(i * second)) {
      ++told;
      last = message.standing == Standing::firing;
    }
  }
  CHECK(told >= 2);
  CHECK(told <= 20);
  unsigned changes = 0;
  for (const auto& message : book.due(700 * second)) {
    last = message.standing == Standing::firing;
    changes = message.changes;
  }
  CHECK_FALSE(last);
  CHECK(changes <= 60);
  CHECK(book.kept_back() > 500);
}

TEST_CASE("a short trouble is told with its end, not with silence") {
  Book book(0, true);
  CHECK(book.take(thing(true), 0));
  CHECK_FALSE(book.take(thing(false), 5 * second));  // not yet
  CHECK(book.due(30 * second).empty());
  const auto due = book.due(60 * second);
  REQUIRE(due.size() == 1);
  CHECK(due[0].standing == Standing::resolved);
  CHECK(book.due(61 * second).empty());
}

TEST_CASE("what still stands is told again, under an id of its own") {
  Book book(3600 * second, true);
  CHECK(book.take(thing(true), 0));
  CHECK(book.due(3599 * second).empty());
  const auto due = book.due(3600 * second);
  REQUIRE(due.size() == 1);
  CHECK(due[0].again);
  CHECK(due[0].id != "7");
  CHECK(book.due(3601 * second).empty());
  CHECK(book.due(7200 * second).size() == 1);
  Book never(0, true);
  CHECK(never.take(thing(true), 0));
  CHECK(never.due(1'000'000 * second).empty());
}

TEST_CASE("a target that wants no ends gets none, and hears of the next time") {
  Book book(0, false);
  CHECK(book.take(thing(true), 0));
  CHECK_FALSE(book.take(thing(false), 100 * second));
  CHECK(book.due(200 * second).empty());
  CHECK(book.take(thing(true), 300 * second));
}

}  // namespace
}  // namespace switchback::notify
