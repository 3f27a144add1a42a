// Null flips through the controller, and what the policy has to say about real ones.
#include "admin/release/policy.hpp"
#include "tests/unit/admin/release/controller_world.hpp"

using namespace switchback;
using namespace switchback::release;
using namespace switchback::release::test;

namespace {

using Found = std::shared_ptr<std::optional<Rehearsal>>;

Found rehearse(World& w, const std::string& service = "shop") {
  auto found = std::make_shared<std::optional<Rehearsal>>();
  w.controller->rehearse(service, monotonic_ns(), [found](const Rehearsal& r) {
    REQUIRE_FALSE(found->has_value());  // told once
    *found = r;
  });
  return found;
}

Rehearsal rehearsed(World& w) {
  const auto found = rehearse(w);
  w.run_until([&] { return found->has_value(); });
  return **found;
}

// Says no to what it is asked about, and remembers it.
struct Opponent : Policy, Judge {
  Opponent() { admit(*this); }
  std::string_view name() const override { return "opponent"; }
  void name_releases(worker::ServiceView& view) const override { view.pools[1].release = "v1.4"; }
  Opinion opinion(const Question& question) const override {
    asked.push_back(question.kind);
    Problem problem;
    problem.code = "held";
    return {.stance = Stance::refuse, .problem = problem, .overridden = question.request.requalify};
  }
  std::optional<Problem> explain_target(const worker::ServiceView&,
                                        const std::string& to) const override {
    if (to != "v2") return std::nullopt;
    Problem problem;
    problem.code = "release_not_staged";
    return problem;
  }
  void moved(const Receipt& receipt) override {
    heard.push_back(std::string(to_string(receipt.kind)) + " " + receipt.reason);
  }
  mutable std::vector<FlipKind> asked;
  std::vector<std::string> heard;
};

}  // namespace

TEST_CASE("a rehearsal walks the whole way and changes nothing") {
  World w;
  w.promote("green");
  const auto before = w.controller->history("shop", 10).size();
  const auto found = rehearsed(w);
  CHECK(found.ok);
  CHECK(found.fault.empty());
  REQUIRE(found.decided);
  REQUIRE(found.persisted);
  REQUIRE(found.switched);
  CHECK(*found.decided <= *found.persisted);
  CHECK(*found.decided <= *found.switched);
  CHECK(w.controller->history("shop", 10).size() == before);
  CHECK(w.plane->records.size() == 1);
  CHECK(w.active() == Color::green);
  CHECK(w.rollback().receipt().epoch == 3);  // the rehearsal used none
  w.restart();
  CHECK(w.active() == Color::blue);
}

TEST_CASE("a disk that refuses or hangs is a rehearsal that failed, with the reason") {
  World refused;
  refused.disk->set(false, true);
  CHECK_THAT(rehearsed(refused).fault, ContainsSubstring("Input/output error"));
  ControllerOptions options;
  options.rehearsal = 5ms;
  World w(options);
  w.disk->set(true, false);
  const auto found = rehearsed(w);
  CHECK_FALSE(found.ok);
  CHECK_FALSE(found.dropped);
  CHECK(found.fault == "the disk did not answer within 5 ms");
  CHECK(w.board->alarms.standing().empty());  // nothing is owed to anybody
}

TEST_CASE("a real switch drops the rehearsal and does not wait behind its disk") {
  World w;
  w.disk->set(true, false);
  const auto found = rehearse(w);
  REQUIRE_FALSE(found->has_value());
  auto pending = w.begin_promote(World::request("green"));
  REQUIRE(found->has_value());  // at once
  CHECK((*found)->dropped);
  {
    // Both lanes are in the sync at the same time: the switch has its own.
    std::unique_lock lock(w.disk->mutex);
    CHECK(w.disk->changed.wait_for(lock, 20s, [&] { return w.disk->asked >= 2; }));
  }
  // Beside a real switch there is none.
  const auto beside = rehearse(w);
  REQUIRE(beside->has_value());
  CHECK((*beside)->dropped);
  w.disk->set(false, false);
  CHECK(w.finish(pending).receipt().moved);
}

TEST_CASE("rehearsals of one service do not overlap, and the end of the controller ends them") {
  World w({}, {"shop", "pay"});
  w.disk->set(true, false);
  const auto first = rehearse(w);
  const auto second = rehearse(w);
  REQUIRE(second->has_value());
  CHECK((*second)->dropped);
  const auto other = rehearse(w, "pay");
  CHECK_FALSE(other->has_value());
  CHECK_THAT((*rehearse(w, "nobody"))->fault, ContainsSubstring("no service"));
  w.controller.reset();
  CHECK(first->has_value());
  CHECK(other->has_value());
}

TEST_CASE("the policy is asked about promotes and automatic rollbacks, never about manual ones") {
  World w;
  Opponent policy;
  w.controller->set_policy(&policy);
  CHECK(w.promote("green").problem().code == "held");
  CHECK(w.active() == Color::blue);
  auto request = World::request("green");
  request.requalify = "it was the cache";
  CHECK(w.promote(request).receipt().to_release == "v1.4");  // its name for green
  CHECK(policy.heard == std::vector<std::string>{"promote requalified: it was the cache"});
  policy.asked.clear();
  auto automatic = World::request();
  automatic.automatic = true;
  CHECK(w.rollback(automatic).problem().code == "held");
  CHECK(policy.asked == std::vector<FlipKind>{FlipKind::auto_rollback});
  CHECK(w.active() == Color::green);
  CHECK(w.rollback().receipt().kind == FlipKind::rollback);
  CHECK(policy.asked.size() == 1);
  CHECK(w.active() == Color::blue);
  w.controller->set_policy(nullptr);
}

TEST_CASE("an automatic rollback is recorded as one, and a manual one joins it") {
  World w;
  w.promote("green");
  w.disk->set(true, false);
  auto automatic = World::request();
  automatic.automatic = true;
  auto first = w.begin_rollback(automatic);
  auto second = w.begin_rollback(World::request());
  w.disk->set(false, false);
  CHECK(w.finish(first).receipt().kind == FlipKind::auto_rollback);
  CHECK(w.finish(second).receipt().flip == first.receipt().flip);
  CHECK(w.plane->records.size() == 2);
}

TEST_CASE("a name that only the policy knows is explained by it") {
  World w;
  Opponent policy;
  w.controller->set_policy(&policy);
  CHECK(w.promote("v2").problem().code == "release_not_staged");
  CHECK(w.promote("v9").problem().code == "unknown_target");
  w.controller->set_policy(nullptr);
}
