// The order of a rollback: traffic moves first, the disk is written meanwhile.
#include "tests/unit/admin/release/remains.hpp"

using namespace switchback;
using namespace switchback::release;
using namespace switchback::release::test;

TEST_CASE("a rollback moves before the disk has it, and is answered when the disk has it") {
  ControllerOptions options;
  options.rollback_persist = 20s;
  World w(options);
  w.promote("green");
  w.disk->set(true, false);
  auto rollback = w.begin_rollback(World::request());
  CHECK(w.active() == Color::blue);  // at once
  CHECK(Remains(w).seed().active == Color::blue);
  w.poll();  // every worker passes
  CHECK_FALSE(rollback.has());
  const auto live = w.controller->last_flip("shop");
  REQUIRE(live);
  CHECK(live->moved);
  CHECK_FALSE(live->durable);  // until it is
  CHECK_FALSE(live->stages_ms.persisted);
  CHECK(live->stages_ms.switched);
  CHECK_FALSE(w.alarm("state_not_durable"));
  w.disk->set(false, false);
  w.finish(rollback);
  const auto& r = rollback.receipt();
  CHECK(r.durable);
  CHECK(r.warnings.empty());
  REQUIRE(r.stages_ms.persisted);
  CHECK(*r.stages_ms.decided <= *r.stages_ms.switched);
  CHECK(*r.stages_ms.switched <= *r.stages_ms.persisted);
  CHECK(Remains(w, false).seed().active == Color::blue);
  // Drained long before it was answered, and told in order all the same.
  std::vector<std::string> told;
  for (const auto& type : w.event_types())
    if (type.starts_with("flip.")) told.push_back(type);
  const std::vector<std::string> order = {"flip.started", "flip.switched", "flip.last_old",
                                          "flip.drained"};
  REQUIRE(told.size() >= order.size());
  CHECK(std::vector<std::string>(told.end() - 4, told.end()) == order);
}

TEST_CASE("a rollback waits for its last worker too, whichever of the two comes first") {
  World w;
  w.promote("green");
  w.plane->auto_pass = false;
  auto rollback = w.begin_rollback(World::request());
  w.run_until([&] { return w.controller->last_flip("shop")->durable; });
  CHECK_FALSE(rollback.has());
  w.plane->pass(1, 0);
  w.poll();
  CHECK_FALSE(rollback.has());
  w.plane->pass(1, 1);
  CHECK(w.finish(rollback).receipt().durable);
}

TEST_CASE("workers that lag are named after their time, however long the disk has taken") {
  ControllerOptions options;
  options.barrier = options.rollback_persist = 5ms;
  World w(options);
  w.promote("green");
  w.plane->auto_pass = false;
  w.disk->set(true, false);
  const auto r = w.rollback().receipt();
  CHECK(r.state == FlipState::switching);
  CHECK(r.lagging_workers == std::vector<unsigned>{0, 1});
  CHECK_FALSE(r.durable);
  w.plane->pass(1, 0);
  w.plane->pass(1, 1);
  w.run_until([&] { return w.count_events("flip.drained") == 2; });
  w.disk->set(false, false);
  w.run_until([&] { return w.controller->flip(r.flip)->durable; });
  CHECK(w.controller->flip(r.flip)->stages_ms.persisted);
}

TEST_CASE("a rollback that the disk fails after the store stays where it went") {
  World w;
  w.promote("green");
  w.disk->set(true, false);
  auto rollback = w.begin_rollback(World::request());
  CHECK(w.active() == Color::blue);
  w.disk->set(false, true);
  w.finish(rollback);
  CHECK(rollback.receipt().moved);
  CHECK_FALSE(rollback.receipt().durable);
  CHECK_THAT(rollback.receipt().warnings.back(), ContainsSubstring("not on disk when"));
  CHECK(w.active() == Color::blue);
  CHECK(Remains(w).seed().active == Color::blue);
  CHECK(w.alarm("state_not_durable"));
}

TEST_CASE("what comes while a rollback is on its way to the disk waits for it or joins it") {
  ControllerOptions options;
  options.rollback_persist = 20s;
  World w(options);
  w.promote("green");
  w.disk->set(true, false);
  auto first = w.begin_rollback(World::request());
  auto second = w.begin_rollback(World::request());
  auto promote = w.begin_promote(World::request("green"));
  w.poll();
  CHECK(w.active() == Color::blue);
  CHECK(w.plane->records.size() == 2);
  CHECK(w.store->last("shop")->epoch == 3);  // the promote has written nothing yet
  CHECK_FALSE(first.has());
  CHECK_FALSE(second.has());
  w.disk->set(false, false);
  w.finish(first);
  CHECK(second.receipt().flip == first.receipt().flip);
  const auto& r = w.finish(promote).receipt();
  CHECK(r.moved);
  CHECK(r.epoch == 4);
  CHECK(Remains(w, false).seed().epoch == 4);
}

TEST_CASE("the disk's epoch never goes back, whatever is given up waiting for it") {
  ControllerOptions options;
  options.rollback_persist = options.promote_persist = 5ms;
  options.retry_first = options.retry_most = 1ms;
  World w(options);
  std::uint64_t seen = 0;
  const auto look = [&] {
    const auto epoch = Remains(w, false).seed().epoch;
    CHECK(epoch >= seen);
    seen = epoch;
  };
  for (int round = 0; round < 5; ++round) {
    REQUIRE(w.promote("green").receipt().durable);
    look();
    w.disk->set(true, false);
    CHECK_FALSE(w.rollback().receipt().durable);
    look();
    CHECK(w.promote("green").problem().code == "not_durable");  // behind it in the lane
    look();
    CHECK(w.rollback().receipt().already);
    w.disk->set(false, round % 2 == 1);
    look();
    w.disk->set(false, false);
    w.run_until([&] { return !w.alarm("state_not_durable"); });
    look();
    CHECK(w.active() == Color::blue);
    CHECK(Remains(w, false).seed().active == Color::blue);
  }
}

TEST_CASE("a flip back by hand moves at once when a rollback joins it, before the disk answers") {
  ControllerOptions options;
  options.rollback_persist = 20s;
  World w(options);
  w.promote("green");
  w.disk->set(true, false);
  auto by_hand = w.begin_promote(World::request("blue"));
  CHECK(w.active() == Color::green);
  auto rollback = w.begin_rollback(World::request());
  CHECK(w.active() == Color::blue);
  w.disk->set(false, false);
  w.finish(by_hand);
  CHECK(by_hand.receipt().durable);
  CHECK(rollback.receipt().flip == by_hand.receipt().flip);
}

TEST_CASE("power lost before the disk has a rollback undoes only what was not answered") {
  ControllerOptions options;
  options.rollback_persist = 20s;
  World w(options);
  w.promote("green");
  w.run_until([&] { return Remains(w, false).seed().epoch == 2; });
  std::unique_ptr<Remains> at_store;
  bool answered_by_then = true;
  World::Pending rollback;
  w.plane->on_switch = [&] {  // stored; the lane has not been given it yet
    at_store = std::make_unique<Remains>(w, false);
    answered_by_then = rollback.has();
  };
  w.controller->rollback(World::request(), rollback.taker());
  w.finish(rollback);
  CHECK_FALSE(answered_by_then);
  CHECK(at_store->seed().active == Color::green);  // nobody was told that it had moved
  CHECK(rollback.receipt().durable);
  CHECK(Remains(w, false).seed().active == Color::blue);
}

TEST_CASE(
    "a service that a reload takes away under a rollback leaves the old color in both slots") {
  World w;
  w.promote("green");
  w.plane->gone = true;
  CHECK(w.rollback().problem().code == "unknown_service");
  CHECK(w.store->last("shop")->active == Color::green);
  w.run_until([&] { return Remains(w, false).seed().epoch == 4; });
  CHECK(Remains(w, false).seed().active == Color::green);
}
