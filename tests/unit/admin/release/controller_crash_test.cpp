// What survives: the process may die after any step, the disk may fail at any.
#include <fstream>

#include "tests/unit/admin/release/remains.hpp"

using namespace switchback;
using namespace switchback::release;
using namespace switchback::release::test;
namespace fs = std::filesystem;

namespace {

// The disk as if nothing had been written since the last sync: the lane has only just begun.
std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("killed at any step of a promote, the color is the old one or the new one, never none") {
  World w;
  struct Step {
    std::string name;
    Color expected;
    std::unique_ptr<Remains> remains;
  };
  std::vector<Step> steps;
  const auto snapshot = [&](const std::string& name, Color expected) {
    steps.push_back({name, expected, std::make_unique<Remains>(w)});
  };
  snapshot("before the call", Color::blue);
  w.disk->set(true, false);
  w.plane->on_switch = [&] { snapshot("stored, not answered", Color::green); };
  auto pending = w.begin_promote(World::request("green"));
  snapshot("run slot written: the intent is durable", Color::green);
  w.disk->set(false, false);
  w.run_until([&] { return w.plane->records.size() == 1; });
  w.finish(pending);
  snapshot("answered", Color::green);
  w.plane->on_switch = [&] { snapshot("rollback stored", Color::blue); };
  auto rollback = w.begin_rollback(World::request());
  snapshot("rollback in the run slot", Color::blue);
  w.finish(rollback);
  snapshot("rollback answered", Color::blue);
  std::uint64_t epoch = 0;
  for (auto& step : steps) {
    const auto seed = step.remains->seed();
    INFO(step.name);
    CHECK(seed.active == step.expected);
    CHECK(seed.epoch >= epoch);
    epoch = seed.epoch;
  }
  CHECK(steps.size() == 7);
}

TEST_CASE("the loss of power after the answer finds the answered color") {
  World w;
  for (const char* to : {"green", "blue", "green", "blue", "green"}) {
    const auto r = w.promote(to).receipt();
    REQUIRE(r.durable);
    const auto seed = Remains(w, false).seed();
    CHECK(seed.active == r.to);
    CHECK(seed.epoch == r.epoch);
  }
}

TEST_CASE("fifty flips, each killed after its answer, come back as answered") {
  World w;
  Color expected = Color::blue;
  for (int i = 0; i < 50; ++i) {
    const auto to = other(w.active());
    if (i % 3 == 2 && w.controller->rollback_target("shop")) {
      expected = w.rollback().receipt().to;
    } else {
      expected = w.promote(std::string(to_string(to))).receipt().to;
    }
    if (i % 5 == 0) w.restart();
    REQUIRE(w.active() == expected);
  }
}

TEST_CASE("a promote that the disk refuses does not move, and is taken back everywhere") {
  World w;
  w.disk->set(false, true);
  const auto p = w.promote("green").problem();
  CHECK(p.code == "not_durable");
  CHECK(p.status == 503);
  CHECK_FALSE(p.moved);
  CHECK_THAT(p.detail, ContainsSubstring("Input/output error"));
  CHECK(w.active() == Color::blue);
  CHECK(w.plane->records.empty());
  CHECK(w.alarm("state_not_durable"));
  // Killed now: the run slot has the old color under a higher epoch than the attempt.
  CHECK(Remains(w).seed().active == Color::blue);
  CHECK(Remains(w).seed().epoch == 3);
  w.disk->set(false, false);
  w.run_until([&] { return !w.alarm("state_not_durable"); });
  CHECK(Remains(w, false).seed().active == Color::blue);
  // The next one is not confused by the epochs that were used up.
  CHECK(w.promote("green").receipt().epoch == 4);
}

TEST_CASE("a disk that hangs refuses a promote after its time, and the late write is overtaken") {
  ControllerOptions options;
  options.promote_persist = 5ms;
  World w(options);
  w.disk->set(true, false);
  const auto p = w.promote("green").problem();
  CHECK(p.code == "not_durable");
  CHECK_THAT(p.detail, ContainsSubstring("did not answer within 5 ms"));
  CHECK(Remains(w).seed().active == Color::blue);
  w.disk->set(false, false);
  const auto slot = *w.dir / "state/slots/shop.slot";
  // Both writes end: the attempt, and then the old color over it.
  w.run_until([&] {
    w.poll();
    return Remains(w, false).seed().epoch == 3;
  });
  CHECK(Remains(w, false).seed().active == Color::blue);
  CHECK(bytes_of(slot).size() == 1024);
}

TEST_CASE("a rollback goes on without the disk, says so, and is made good") {
  ControllerOptions options;
  options.rollback_persist = 5ms;
  World w(options);
  w.promote("green");
  w.disk->set(true, false);
  const auto r = w.rollback().receipt();
  CHECK(r.moved);
  CHECK_FALSE(r.durable);
  CHECK_FALSE(r.warnings.empty());
  CHECK(w.active() == Color::blue);
  CHECK(w.alarm("state_not_durable"));
  CHECK(Remains(w).seed().active == Color::blue);  // kill -9 keeps it
  w.disk->set(false, false);
  w.run_until([&] { return !w.alarm("state_not_durable"); });
  CHECK(w.controller->flip(r.flip)->durable);
  CHECK(Remains(w, false).seed().active == Color::blue);
  CHECK(w.count_events("alarm.cleared") == 1);
}

TEST_CASE("a rollback goes on over a failing disk at once, and is retried until it is down") {
  ControllerOptions options;
  options.retry_first = options.retry_most = 1ms;
  World w(options);
  w.promote("green");
  w.disk->set(false, true);
  const auto r = w.rollback().receipt();
  CHECK(r.moved);
  CHECK_FALSE(r.durable);
  const auto asked = w.disk->asked;
  w.run_until([&] {
    std::lock_guard lock(w.disk->mutex);
    return w.disk->asked > asked + 2;
  });
  CHECK(w.alarm("state_not_durable"));
  w.disk->set(false, false);
  w.run_until([&] { return w.controller->flip(r.flip)->durable; });
  CHECK_FALSE(w.alarm("state_not_durable"));
}

TEST_CASE("what an earlier life owed the disk is made good at the start") {
  ControllerOptions options;
  options.rollback_persist = 5ms;
  World w(options);
  w.promote("green");
  w.disk->set(true, false);
  CHECK_FALSE(w.rollback().receipt().durable);
  auto remains = std::make_shared<Remains>(w);
  w.disk->set(false, false);
  // The state slot of the remains holds the rollback's bytes or not: make it not.
  fs::copy(*w.dir / "run", remains->dir / "run",
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  {
    std::fstream slot(remains->dir / "state/slots/shop.slot",
                      std::ios::in | std::ios::out | std::ios::binary);
    slot.seekp(512);
    slot << std::string(512, '\0');
  }
  World again(std::shared_ptr<switchback::test::TempDir>(remains, &remains->dir), options);
  CHECK(again.active() == Color::blue);
  again.run_until([&] { return !again.alarm("state_not_durable"); });
  CHECK(Remains(again, false).seed().active == Color::blue);
}

TEST_CASE("a switch that was stored but not recorded is recovered, with whose it was") {
  World w;
  w.promote("green");
  w.stop();
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(*w.dir / "state/ledger.db" + suffix);
  w.start();
  const auto last = w.controller->last_flip("shop");
  REQUIRE(last);
  CHECK(last->actor == World::request().actor.name);
  CHECK(last->tags == std::vector<std::string>{"recovered"});
  w.restart();
  CHECK(w.controller->history("shop", 10).size() == 1);
}

TEST_CASE("a switch whose intent is gone too is recovered from its slot") {
  World w;
  w.promote("green");
  w.stop();
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(*w.dir / "state/ledger.db" + suffix);
  fs::remove_all(*w.dir / "run");
  w.start();
  const auto last = w.controller->last_flip("shop");
  REQUIRE(last);
  CHECK(last->actor == "recovered");
  CHECK(last->kind == FlipKind::promote);
  CHECK(last->epoch == 2);
  CHECK(last->to == Color::green);
  CHECK(last->to_release == "v1.3");
  w.restart();
  CHECK(w.controller->history("shop", 10).size() == 1);
}

TEST_CASE("a ledger that knows more than the slots is an alarm, until somebody decides anew") {
  World w;
  w.promote("green");
  w.stop();
  fs::remove_all(*w.dir / "run");
  fs::remove_all(*w.dir / "state/slots");
  w.start();
  CHECK(w.active() == Color::blue);
  CHECK(w.alarm("active_uncertain"));
  const auto r = w.promote("green").receipt();
  CHECK(r.epoch == 3);  // never an epoch twice
  CHECK_FALSE(w.alarm("active_uncertain"));
}
