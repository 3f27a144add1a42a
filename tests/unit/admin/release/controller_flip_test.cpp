// One switch at a time: what moves, what is refused, what is answered.
#include <fstream>

#include "tests/unit/admin/release/controller_world.hpp"

using namespace switchback;
using namespace switchback::release;
using namespace switchback::release::test;
using upstream::Health;

TEST_CASE("a promote is persisted, moves, and answers when every worker has passed") {
  World w;
  w.plane->auto_pass = false;
  auto request = World::request("green");
  request.reason = "v1.3 is ready";
  auto pending = w.begin_promote(request);
  CHECK(w.active() == Color::blue);  // the disk has not answered yet
  w.run_until([&] { return !w.plane->records.empty(); });
  CHECK(w.active() == Color::green);
  CHECK(w.store->last("shop")->epoch == 2);
  w.plane->pass(0, 0);
  w.poll();
  CHECK_FALSE(pending.has());
  w.plane->pass(0, 1);
  w.finish(pending);
  const auto& r = pending.receipt();
  CHECK(r.flip.size() == 26);
  CHECK(r.kind == FlipKind::promote);
  CHECK(r.from == Color::blue);
  CHECK(r.to == Color::green);
  CHECK(r.from_release == "v1.2");
  CHECK(r.to_release == "v1.3");
  CHECK(r.epoch == 2);
  CHECK(r.actor == "uid 0 (root)");
  CHECK(r.auth == "peer");
  CHECK(r.reason == "v1.3 is ready");
  CHECK(r.moved);
  CHECK(r.durable);
  CHECK_FALSE(r.already);
  CHECK(r.lagging_workers.empty());
  const auto& s = r.stages_ms;
  REQUIRE((s.decided && s.persisted && s.switched));
  CHECK((0 <= *s.decided && *s.decided <= *s.persisted && *s.persisted <= *s.switched));
}

TEST_CASE("the run slot is written before the state slot, and both before the switch") {
  World w;
  std::vector<std::string> trace;
  std::atomic<std::uint64_t> run_epoch_at_sync{0};
  w.disk->before = [&] { run_epoch_at_sync = w.store->last("shop")->epoch; };
  w.plane->on_switch = [&] {
    std::lock_guard lock(w.disk->mutex);
    trace.push_back("switch after " + std::to_string(w.disk->asked) + " syncs");
  };
  const auto asked = w.disk->asked;
  w.promote("green");
  CHECK(run_epoch_at_sync == 2);
  CHECK(trace == std::vector<std::string>{"switch after " + std::to_string(asked + 1) + " syncs"});
}

TEST_CASE("a worker that does not pass is named, and the answer says switching") {
  ControllerOptions options;
  options.barrier = 5ms;
  World w(options);
  w.plane->auto_pass = false;
  auto pending = w.begin_promote(World::request("green"));
  w.run_until([&] { return !w.plane->records.empty(); });
  w.plane->pass(0, 0);
  w.finish(pending);
  const auto& r = pending.receipt();
  CHECK(r.state == FlipState::switching);
  CHECK(r.moved);
  CHECK(r.lagging_workers == std::vector<unsigned>{1});
  CHECK_FALSE(r.stages_ms.switched);
  CHECK(w.count_events("flip.switched") == 0);
  w.plane->pass(0, 1);
  w.run_until([&] { return w.count_events("flip.switched") == 1; });
  const auto live = w.controller->flip(r.flip);
  REQUIRE(live);
  CHECK(live->state == FlipState::drained);
  CHECK(live->lagging_workers.empty());
  CHECK(live->stages_ms.switched);
}

TEST_CASE("refusals move nothing and write nothing") {
  World w;
  const auto refused = [&](FlipRequest request, const std::string& code, int exit_code) {
    const auto p = w.promote(std::move(request)).problem();
    CHECK(p.code == code);
    CHECK(p.exit_code == exit_code);
    CHECK_FALSE(p.moved);
    CHECK(w.active() == Color::blue);
    CHECK_FALSE(w.store->last("shop"));
  };
  refused(World::request(), "missing_to", 2);
  refused(World::request("v7"), "unknown_target", 2);
  auto stale = World::request("green");
  stale.if_match = 7;
  refused(stale, "stale_epoch", 10);
  w.plane->views["shop"].pools[1].servers.clear();
  refused(World::request("green"), "standby_unfit", 21);
  auto nobody = World::request("green");
  nobody.service = "nobody";
  refused(nobody, "unknown_service", 2);
  CHECK(w.plane->records.empty());
  CHECK(w.controller->history("", 10).empty());
  CHECK(w.count_events("flip.refused") == 4);
}

TEST_CASE("a promote to the active side is already done") {
  World w;
  const auto first = w.promote("green").receipt();
  const auto r = w.promote("v1.3").receipt();
  CHECK(r.already);
  CHECK_FALSE(r.moved);
  CHECK(r.flip == first.flip);
  CHECK(r.to == Color::green);
  CHECK(r.epoch == 2);
  CHECK(w.plane->records.size() == 1);
  CHECK(w.controller->history("shop", 10).size() == 1);
}

TEST_CASE("an unfit standby is taken by force, and that is recorded") {
  World w;
  w.plane->set_health("shop", Color::green, Health::failing);
  auto request = World::request("green");
  request.force = true;
  const auto r = w.promote(request).receipt();
  CHECK(r.forced);
  CHECK_THAT(r.warnings.at(0), ContainsSubstring("forced: no server of green is healthy"));
  CHECK(w.active() == Color::green);
}

TEST_CASE("a standby nobody has checked yet is looked at") {
  World w;
  w.plane->set_health("shop", Color::green, Health::unknown);
  CHECK(w.promote("green").problem().code == "standby_unfit");
  w.plane->probe_accepts = 1;
  CHECK(w.promote("green").receipt().moved);
  CHECK(w.plane->probes == 2);
}

TEST_CASE("a probe that never comes back is an unfit standby") {
  ControllerOptions options;
  options.probe = 2ms;
  World w(options);
  w.plane->set_health("shop", Color::green, Health::unknown);
  w.plane->probe_answers = false;
  CHECK(w.promote("green").problem().code == "standby_unfit");
}

TEST_CASE("rollback goes back once; pressed again it is already there") {
  World w;
  CHECK(w.rollback().problem().code == "nothing_to_roll_back_to");
  w.promote("green");
  CHECK(w.controller->rollback_target("shop") == Color::blue);
  const auto r = w.rollback().receipt();
  CHECK(r.kind == FlipKind::rollback);
  CHECK(r.moved);
  CHECK(w.active() == Color::blue);
  CHECK_FALSE(w.controller->rollback_target("shop"));
  for (int press = 0; press < 3; ++press) {
    const auto again = w.rollback().receipt();
    CHECK(again.already);
    CHECK_FALSE(again.moved);
    CHECK(again.kind == FlipKind::rollback);
    CHECK(w.active() == Color::blue);
  }
  CHECK(w.plane->records.size() == 2);
}

TEST_CASE("what follows what: promotes, flips back by hand, rollbacks") {
  World w;
  using K = FlipKind;
  CHECK(w.promote("green").receipt().kind == K::promote);
  CHECK(w.promote("blue").receipt().kind == K::rollback);  // by hand, and a rollback all the same
  CHECK(w.rollback().receipt().already);
  CHECK(w.promote("green").receipt().kind == K::promote);
  // The next release is deployed to blue: going there is a promotion now.
  w.plane->views["shop"].pools[0].release = "v1.4";
  CHECK(w.promote("blue").receipt().kind == K::promote);
  const auto back = w.rollback().receipt();
  CHECK(back.to == Color::green);
  CHECK(back.warnings.empty());
  // Undone once; the promotion before it is not undone too, or the second press would bring v1.4
  // back.
  CHECK(w.rollback().receipt().already);
  CHECK(w.active() == Color::green);
}

TEST_CASE("what a rollback would do survives a restart without a ledger") {
  World w;
  w.promote("green");
  w.stop();
  w.ledger_path = *w.dir / "missing/ledger.db";
  w.start();
  CHECK(w.active() == Color::green);
  CHECK(w.controller->rollback_target("shop") == Color::blue);
  CHECK(w.rollback().receipt().moved);
  w.restart();
  CHECK(w.active() == Color::blue);
  CHECK(w.rollback().receipt().already);
}

TEST_CASE("failing checks warn a rollback, only a dead standby refuses it") {
  World w;
  w.promote("green");
  w.plane->set_health("shop", Color::blue, Health::unreachable);
  const auto dead = w.rollback().problem();
  CHECK(dead.code == "standby_unfit");
  CHECK(dead.exit_code == 21);
  CHECK(w.plane->probes == 1);
  CHECK(w.active() == Color::green);
  w.plane->probe_accepts = 1;  // the cache was wrong
  const auto r = w.rollback().receipt();
  CHECK(r.moved);
  CHECK_FALSE(r.warnings.empty());
  w.promote("green");
  w.plane->set_health("shop", Color::blue, Health::failing);
  CHECK(w.rollback().receipt().moved);
  CHECK(w.plane->probes == 2);
}

TEST_CASE("concurrent promotes are judged one after the other") {
  World w;
  auto first = World::request("green"), second = World::request("green");
  first.if_match = second.if_match = 1;
  auto a = w.begin_promote(first);
  auto b = w.begin_promote(second);
  auto c = w.begin_promote(World::request("green"));
  w.finish(a);
  w.finish(b);
  w.finish(c);
  CHECK(a.receipt().moved);
  CHECK(b.problem().code == "stale_epoch");
  CHECK(c.receipt().already);
  CHECK(w.plane->records.size() == 1);
}

TEST_CASE("the queue of promotes is bounded") {
  ControllerOptions options;
  options.waiting_per_service = 2;
  World w(options);
  w.disk->set(true, false);
  std::vector<World::Pending> calls;
  for (int i = 0; i < 4; ++i) calls.push_back(w.begin_promote(World::request("green")));
  CHECK(calls[3].problem().code == "busy");
  w.disk->set(false, false);
  for (int i = 0; i < 3; ++i) w.finish(calls[static_cast<std::size_t>(i)]);
  CHECK(calls[0].receipt().moved);
  CHECK(calls[2].receipt().already);
}

TEST_CASE("two rollbacks are one") {
  World w;
  w.promote("green");
  w.disk->set(true, false);
  auto a = w.begin_rollback(World::request());
  auto b = w.begin_rollback(World::request("", "key-b"));
  w.disk->set(false, false);
  w.finish(a);
  w.finish(b);
  CHECK(a.receipt().flip == b.receipt().flip);
  CHECK(a.receipt().moved);
  CHECK(b.receipt().moved);
  CHECK(w.plane->records.size() == 2);
  // The one that joined has its answer under its own key.
  CHECK(w.rollback(World::request("", "key-b")).receipt().flip == a.receipt().flip);
}

TEST_CASE("a rollback stops a promote that has not moved, and those behind it") {
  World w;
  w.disk->set(true, false);
  auto promote = w.begin_promote(World::request("green"));
  auto queued = w.begin_promote(World::request("green"));
  CHECK(w.store->last("shop")->active == Color::green);  // intent, in the run slot
  auto rollback = w.begin_rollback(World::request());
  REQUIRE(promote.has());
  CHECK(promote.problem().code == "preempted");
  CHECK(queued.problem().code == "preempted");
  CHECK_FALSE(promote.problem().moved);
  CHECK(w.store->last("shop")->active == Color::blue);  // taken back at once
  w.disk->set(false, false);
  w.finish(rollback);
  CHECK(rollback.receipt().already);
  CHECK_FALSE(rollback.receipt().moved);
  CHECK(w.active() == Color::blue);
  CHECK(w.plane->records.empty());
  w.restart();
  CHECK(w.active() == Color::blue);
  CHECK(w.promote("green").receipt().moved);
}

TEST_CASE("a rollback joins a flip to its own target and makes it hurry") {
  ControllerOptions options;
  options.rollback_persist = 5ms;
  World w(options);
  w.promote("green");
  w.disk->set(true, false);
  auto by_hand = w.begin_promote(World::request("blue"));
  auto rollback = w.begin_rollback(World::request());
  w.finish(rollback);  // though the disk still hangs
  w.finish(by_hand);
  CHECK(rollback.receipt().moved);
  CHECK_FALSE(rollback.receipt().durable);
  CHECK(by_hand.receipt().flip == rollback.receipt().flip);
  CHECK(w.active() == Color::blue);
}

TEST_CASE("a rollback does not wait for a promote's last workers") {
  World w;
  w.plane->auto_pass = false;
  auto promote = w.begin_promote(World::request("green"));
  w.run_until([&] { return w.plane->records.size() == 1; });
  auto rollback = w.begin_rollback(World::request());
  w.run_until([&] { return w.plane->records.size() == 2; });
  CHECK(w.active() == Color::blue);
  for (std::size_t record : {std::size_t{0}, std::size_t{1}})
    for (unsigned worker : {0u, 1u}) w.plane->pass(record, worker);
  w.finish(promote);
  w.finish(rollback);
  CHECK(promote.receipt().superseded);
  CHECK(promote.receipt().moved);
  CHECK(rollback.receipt().moved);
}

TEST_CASE("a service that a reload takes away in mid-flip is said to be gone") {
  World w;
  w.disk->set(true, false);
  auto pending = w.begin_promote(World::request("green"));
  w.plane->gone = true;
  w.disk->set(false, false);
  w.finish(pending);
  CHECK(pending.problem().code == "unknown_service");
  CHECK(w.store->last("shop")->active == Color::blue);
}

TEST_CASE("a broken ledger neither stops nor delays a flip") {
  World w;
  w.stop();
  w.ledger_path = *w.dir / "missing/ledger.db";
  w.start();
  w.run_until([&] { return w.alarm("ledger_unwritable"); });
  CHECK(w.promote("green").receipt().moved);
  CHECK(w.rollback().receipt().moved);
  CHECK(w.controller->history("shop", 10).size() == 2);
  std::filesystem::create_directory(*w.dir / "missing");
  w.run_until([&] { return !w.alarm("ledger_unwritable"); });
  REQUIRE(w.book->flush(20s));
  w.restart();
  CHECK(w.controller->history("shop", 10).size() == 2);
}

TEST_CASE("a controller may go while calls are under way") {
  World w;
  w.plane->auto_pass = false;
  w.disk->set(true, false);
  auto a = w.begin_promote(World::request("green"));
  auto b = w.begin_promote(World::request("green"));
  w.controller->pause("shop", 1ms, {});
  w.controller.reset();
  w.disk->set(false, false);
  w.store.reset();
  w.poll();
  CHECK_FALSE(a.has());
  CHECK_FALSE(b.has());
}
