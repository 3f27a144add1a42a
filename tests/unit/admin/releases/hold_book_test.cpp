#include "admin/releases/hold_book.hpp"

#include "admin/releases/capacity.hpp"
#include "tests/support/catch.hpp"

using namespace switchback::releases;

namespace {

Hold hold_at(std::int64_t placed, std::int64_t until = 0) {
  Hold hold;
  hold.service = "shop";
  hold.placed_wall_us = placed;
  hold.actor = "dana";
  hold.until_wall_us = until;
  return hold;
}

constexpr switchback::Nanos second = 1'000'000'000;

}  // namespace

TEST_CASE("a hold stands until its time or until it is lifted") {
  HoldBook book;
  CHECK(book.standing("shop", 0) == nullptr);
  book.place(hold_at(10, 20));
  CHECK(book.standing("shop", 19));
  CHECK_FALSE(book.standing("shop", 20));
  CHECK_FALSE(book.standing("other", 19));
  CHECK_FALSE(book.lift("shop", "li", 20));  // over already
  book.place(hold_at(30));
  CHECK(book.standing("shop", 1'000'000));
  const auto lifted = book.lift("shop", "li", 40);
  REQUIRE(lifted);
  CHECK(lifted->lifted_by == "li");
  CHECK_FALSE(book.standing("shop", 41));
  CHECK(book.all("shop").size() == 2);
}

TEST_CASE("a second hold takes the place of the first") {
  HoldBook book;
  book.place(hold_at(10, 1000));
  const auto changed = book.place(hold_at(20, 30));
  REQUIRE(changed.size() == 2);
  CHECK(changed[0].lifted_wall_us == 20);
  CHECK_FALSE(book.standing("shop", 31));  // the first does not come back
  const auto same_moment = book.place(hold_at(20));
  CHECK(same_moment.back().placed_wall_us == 21);
}

TEST_CASE("the end of a hold is told once") {
  HoldBook book;
  book.place(hold_at(10, 20));
  CHECK(book.ended(19).empty());
  CHECK(book.ended(20).size() == 1);
  CHECK(book.ended(21).empty());
  book.place(hold_at(30, 40));
  book.lift("shop", "li", 35);
  CHECK(book.ended(50).empty());
}

TEST_CASE("a hold survives a restart, whichever order rows come in") {
  HoldBook first, next;
  const auto old = first.place(hold_at(10, 15)).back();
  const auto standing = first.place(hold_at(20)).back();
  next.restore(to_row(standing), 100);
  next.restore(to_row(old), 100);
  REQUIRE(next.standing("shop", 100));
  CHECK(next.standing("shop", 100)->placed_wall_us == 20);
  CHECK(next.ended(100).empty());  // the old one's end was told in its own life
  next.place(hold_at(200, 300));
  next.restore(to_row(standing), 250);
  CHECK(next.standing("shop", 250)->until_wall_us == 300);
}

TEST_CASE("capacity is the highest rate over a whole window while active") {
  Capacity capacity(2);
  CHECK_FALSE(capacity.sample(0, 0, 2, true, 1));
  CHECK_FALSE(capacity.sample(second, 100, 2, true, 2));  // half a window proves nothing
  CHECK(capacity.sample(2 * second, 300, 2, true, 3));
  CHECK(capacity.peak_per_server() == 75);
  CHECK(capacity.rate() == 150);
  CHECK_FALSE(capacity.sample(3 * second, 350, 2, true, 4));
  CHECK(capacity.peak_per_server() == 75);
  CHECK(capacity.peak_wall_us() == 3);
}

TEST_CASE("what the standby gets proves nothing, nor does a window over a flip or a reload") {
  Capacity capacity(1);
  capacity.sample(0, 0, 1, false, 1);
  CHECK_FALSE(capacity.sample(second, 1000, 1, false, 2));
  CHECK_FALSE(capacity.sample(2 * second, 2000, 1, true, 3));
  CHECK(capacity.peak_per_server() == 0);
  CHECK(capacity.sample(3 * second, 2010, 1, true, 4));
  CHECK(capacity.peak_per_server() == 10);
  CHECK_FALSE(capacity.sample(4 * second, 5, 1, true, 5));   // counters began anew
  CHECK_FALSE(capacity.sample(5 * second, 10, 0, true, 6));  // by nobody
  capacity.restore(7, 1);
  CHECK(capacity.peak_per_server() == 10);
  capacity.restore(70, 1);
  CHECK(capacity.peak_per_server() == 70);
}
