#include "proxy/exchange/door.hpp"

#include <memory>
#include <vector>

#include "tests/support/catch.hpp"

using switchback::exchange::Door;
using switchback::exchange::DoorWaiter;

namespace {
struct Waiter final : DoorWaiter {
  Waiter(int n, std::vector<int>& list) : number(n), out(list) {}
  void on_door_open() override {
    out.push_back(number);
    if (comes_back) comes_back->wait(*this);
  }
  int number;
  std::vector<int>& out;
  Door* comes_back = nullptr;
};
}  // namespace

TEST_CASE("who waits is let out in order, a batch a turn") {
  Door door;
  std::vector<int> out;
  std::vector<std::unique_ptr<Waiter>> waiters;
  const int count = static_cast<int>(Door::batch) * 2 + 3;
  for (int i = 0; i < count; ++i) {
    waiters.push_back(std::make_unique<Waiter>(i, out));
    door.wait(*waiters.back());
  }
  CHECK(door.open_some());
  CHECK(out.size() == Door::batch);
  CHECK(door.open_some());
  CHECK_FALSE(door.open_some());
  REQUIRE(out.size() == static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) CHECK(out[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("one may leave from the middle, and come back behind the rest") {
  Door door;
  door.set_limit(3);
  std::vector<int> out;
  Waiter a(0, out), b(1, out), c(2, out);
  door.wait(a);
  door.wait(b);
  CHECK_FALSE(door.full());
  door.wait(c);
  CHECK(door.full());
  door.leave(b);
  door.leave(b);  // twice is once
  CHECK(door.size() == 2);
  a.comes_back = &door;
  CHECK(door.open_some());  // a is behind c again: it is let out once a turn, not for ever
  CHECK(out == std::vector<int>{0, 2});
  a.comes_back = nullptr;
  CHECK_FALSE(door.open_some());
  CHECK(out == std::vector<int>{0, 2, 0});
}
