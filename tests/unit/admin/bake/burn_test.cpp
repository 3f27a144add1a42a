#include "admin/bake/burn.hpp"

#include "tests/support/catch.hpp"

using switchback::bake::BurnRate;
using Page = BurnRate::Page;

namespace {

void feed(BurnRate& burn, int from, int to, std::uint64_t requests, std::uint64_t bad) {
  for (int minute = from; minute < to; ++minute) burn.add(minute, requests, bad);
}

}  // namespace

TEST_CASE("the burn rate is the bad share over what is allowed", "[burn]") {
  BurnRate burn(0.999);
  CHECK(burn.over(0, 5) == 0);
  feed(burn, 0, 60, 1000, 22);
  CHECK(burn.over(59, 60) == Approx(22));
  CHECK(burn.budget_per_hour(59, 60) == Approx(22.0 / 720));
  feed(burn, 60, 65, 1000, 0);
  CHECK(burn.over(64, 5) == 0);
}

TEST_CASE("fast pages need an hour and five minutes, and end when the fault has gone", "[burn]") {
  BurnRate burn(0.999);
  feed(burn, 0, 60, 1000, 15);
  CHECK(burn.page(59) == Page::fast);
  feed(burn, 60, 65, 1000, 0);
  CHECK(burn.page(64) != Page::fast);
  BurnRate mild(0.999);
  feed(mild, 0, 60, 1000, 14);
  CHECK(mild.page(59) == Page::slow);
}

TEST_CASE("slow pages need six hours and thirty minutes", "[burn]") {
  BurnRate burn(0.999);
  feed(burn, 0, 330, 1000, 0);
  feed(burn, 330, 360, 1000, 60);
  CHECK(burn.page(359) == Page::fast);
  BurnRate low(0.999);
  feed(low, 0, 360, 1000, 5);
  CHECK(low.page(359) == Page::none);
  feed(low, 360, 720, 1000, 7);
  CHECK(low.page(719) == Page::slow);
}

TEST_CASE("a handful of errors pages nobody; old minutes are forgotten", "[burn]") {
  BurnRate burn(0.999);
  burn.add(0, 4, 4);
  CHECK(burn.page(0) == Page::none);
  burn.add(0, 1, 1);
  CHECK(burn.page(0) == Page::fast);
  CHECK(burn.page(361) == Page::none);
  burn.add(361, 1000, 0);  // the same place of the ring
  CHECK(burn.over(361, 360) == 0);
}
