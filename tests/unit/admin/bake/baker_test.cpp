// The bake windows with everything around them: what a reload, a restart, a faster person and the
// order of two events do to them.
#include "admin/bake/baker.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <set>

#include "proxy/base/clock.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/admin/api/fakes.hpp"

namespace switchback {
namespace {

class Counted : public test::FakePlane {
 public:
  worker::StatsView stats() const override {
    ++looks;
    return FakePlane::stats();
  }
  mutable unsigned looks = 0;
};

class FakeVerifier : public verify::Verifier {
 public:
  verify::Standing standing(const std::string&) const override { return {}; }
  verify::ServiceVerdict verdict(const std::string&) const override { return now; }
  std::uint64_t subscribe(OnVerdict on_verdict) override {
    listener = std::move(on_verdict);
    return 1;
  }
  void unsubscribe(std::uint64_t) override { listener = {}; }
  void run_now(const std::string&, Color, OnStanding) override {}
  void set_release_facts(std::function<verify::ReleaseFacts(const std::string&, Color)>) override {}
  void configure(const config::Config&) override {}
  void say() { listener("shop", now); }
  verify::ServiceVerdict now;
  OnVerdict listener;
};

config::Config watched_config() {
  config::Config config;
  config.services.emplace_back();
  auto& shop = config.services.back();
  shop.name = "shop";
  shop.verify.emplace();
  shop.verify->traffic.emplace();
  shop.bake.mode = config::BakeMode::automatic;
  return config;
}

struct World {
  World() {
    plane.stats_view.services = {{"shop", {&counters}}};
    plane.views[0].pools[1].servers[0].health = upstream::Health::healthy;
    begin();
  }
  void end() {
    baker.reset();
    releases.reset();
    ledger.reset();
  }
  void begin() {
    ledger = ledger::Ledger::open({.path = dir / "ledger.db"});
    releases = std::make_unique<releases::Releases>(
        io, plane, controller, events.stream, *ledger,
        releases::ReleasesOptions{.tick = config::Duration(5), .ticks_per_window = 1});
    baker = std::make_unique<bake::Baker>(io, plane, controller, events, *releases, verifier,
                                          *ledger, config);
  }
  bool run_until(const std::function<bool()>& there) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!there() && std::chrono::steady_clock::now() < end)
      io.run_one_for(std::chrono::milliseconds(100));
    return there();
  }
  void ticks(unsigned n) {
    const unsigned until = plane.looks + 4 * n + 4;  // the releases look as well, far more often
    const Nanos end = monotonic_ns() + Nanos{n} * 1'100'000'000;
    REQUIRE(run_until([&] { return plane.looks >= until && monotonic_ns() > end; }));
  }
  // Blue has carried something; then green got the traffic, and it fails.
  void promote_bad() {
    REQUIRE(run_until([&] {
      counters.color[0].requests.add(10);
      return releases->fitness("shop", Color::blue).proven_rps() > 0;
    }));
    plane.views[0].active = Color::green;
    controller.target = Color::blue;
    switched("01A", release::FlipKind::promote, Color::green);
    verifier.now.planned = true;
    verifier.now.flip = "01A";
    verifier.now.value = verify::Value::regressed;
    verifier.now.text = "REGRESSED";
  }
  void switched(const std::string& flip, release::FlipKind kind, Color to) {
    auto receipt = test::example_receipt();
    receipt.flip = flip;
    receipt.kind = kind;
    receipt.to = to;
    receipt.from = other(to);
    receipt.wall_us = wall_us();
    controller.receipts.insert(controller.receipts.begin(), receipt);
  }
  std::set<std::string> standing() const {
    std::set<std::string> codes;
    for (const auto& alarm : events.alarms.standing()) codes.insert(alarm.code);
    return codes;
  }
  const bake::Record record() {
    for (const auto& line : baker->audit("shop").lines)
      if (line.record.flip == "01A") return line.record;
    FAIL("no record");
    return {};
  }

  test::TempDir dir;
  boost::asio::io_context io;
  stats::ServiceStats counters;
  events::Events events;
  test::FakeController controller;
  Counted plane;
  FakeVerifier verifier;
  config::Config config = watched_config();
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<releases::Releases> releases;
  std::unique_ptr<bake::Baker> baker;
};

TEST_CASE("a way back of its own that is seen before its answer comes is its own", "[bake]") {
  World w;
  w.promote_bad();
  w.controller.answer.reset();  // the answer waits for the barrier
  w.verifier.say();
  REQUIRE(w.controller.rollbacks.size() == 1);
  CHECK(w.controller.rollbacks[0].automatic);
  w.switched("01B", release::FlipKind::auto_rollback, Color::blue);
  w.verifier.say();
  CHECK(w.record().outcome == bake::Outcome::fired);
  CHECK(w.record().rollback == "01B");
  w.controller.waiting.at(0)(w.controller.receipts.front());
  CHECK(w.record().outcome == bake::Outcome::fired);
  CHECK(w.standing().empty());
}

TEST_CASE("a person who was faster is not taken for the watch", "[bake]") {
  World w;
  w.promote_bad();
  w.controller.answer.reset();
  w.verifier.say();
  w.switched("01B", release::FlipKind::rollback, Color::blue);
  w.controller.waiting.at(0)(w.controller.receipts.front());
  w.verifier.say();
  CHECK(w.record().outcome == bake::Outcome::advised);
  CHECK(w.record().rollback.empty());
}

TEST_CASE("the alarm stands when time is up, until somebody switches", "[bake]") {
  World w;
  w.config.services[0].bake.mode = config::BakeMode::advise;
  w.config.services[0].bake.length = config::Duration(1500);
  w.baker->configure(w.config);
  w.promote_bad();
  w.verifier.say();
  CHECK(w.standing().contains("regressed:shop"));
  REQUIRE(w.run_until([&] { return !w.baker->view("shop")->open; }));
  CHECK(w.record().outcome == bake::Outcome::advised);
  CHECK(w.standing().contains("regressed:shop"));
  w.switched("01B", release::FlipKind::rollback, Color::blue);
  w.verifier.say();
  CHECK(w.standing().empty());
}

TEST_CASE("a restart keeps what the window had shown", "[bake]") {
  World w;
  w.config.services[0].bake.mode = config::BakeMode::advise;
  w.baker->configure(w.config);
  w.promote_bad();
  w.verifier.say();
  const auto would = w.record().would_wall_us;
  REQUIRE(would != 0);
  REQUIRE(w.ledger->flush(std::chrono::seconds(10)));
  w.end();
  w.events.alarms.clear("regressed:shop");
  w.begin();
  w.verifier.say();
  CHECK(w.standing().contains("regressed:shop"));  // told again
  REQUIRE(w.run_until([&] { return w.record().would_wall_us == would; }));
}

TEST_CASE("a reload forgets no errors; a service that went away pages nobody", "[bake]") {
  World w;
  REQUIRE(w.run_until([&] {
    w.counters.color[0].by_status_class[5].add(10);
    return w.standing().contains("budget_burns:shop");
  }));
  w.baker->configure(w.config);
  w.ticks(2);
  CHECK(w.standing().contains("budget_burns:shop"));
  CHECK(w.baker->cost("shop").burn_5m > 14);
  w.baker->configure({});
  CHECK(w.standing().empty());
}

}  // namespace
}  // namespace switchback
