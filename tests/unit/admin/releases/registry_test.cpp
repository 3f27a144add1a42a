#include "admin/releases/registry.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::releases;
using release::FlipKind;

namespace {

// A service with blue active, and time that passes with every call.
struct Bench {
  std::vector<Change> changes;
  Registry registry{[this](const Change& change) { changes.push_back(change); }};
  Situation now;
  std::int64_t us = 1'000'000;

  Outcome add(const std::string& version, std::optional<Color> color = std::nullopt) {
    NewRelease told;
    told.service = "shop";
    told.version = version;
    told.color = color;
    return registry.add(told, now, ++us);
  }
  Taken taken(const Outcome& outcome) {
    if (const auto* problem = std::get_if<release::Problem>(&outcome)) FAIL(problem->code);
    return std::get<Taken>(outcome);
  }
  std::string refused(const Outcome& outcome) {
    const auto* problem = std::get_if<release::Problem>(&outcome);
    return problem ? problem->code : "taken";
  }
  void flip(Color to, FlipKind kind = FlipKind::promote, const std::string& reason = "",
            bool baking = false) {
    registry.moved("shop", to, kind, reason, baking, ++us);
    now.active = to;
    now.rollback_target = kind == FlipKind::promote ? std::optional(other(to)) : std::nullopt;
  }
  void observe(bool fit) {
    registry.observed("shop", other(now.active), fit, "no server of it is healthy", ++us);
  }
  std::string state(const std::string& version) const {
    const auto* found = registry.find("shop", version);
    return found ? std::string(to_string(found->state)) : "unknown";
  }
};

}  // namespace

TEST_CASE("a release goes its way from registered to retired") {
  Bench b;
  b.taken(b.add("v1.2", Color::blue));
  CHECK(b.state("v1.2") == "active");
  CHECK(b.taken(b.add("v1.3")).created);
  CHECK(b.state("v1.3") == "registered");
  b.taken(b.registry.stage("shop", "v1.3", Color::green, b.now, ++b.us));
  CHECK(b.state("v1.3") == "staged");
  b.observe(true);
  CHECK(b.state("v1.3") == "fit");
  b.observe(false);
  CHECK(b.state("v1.3") == "staged");
  b.observe(true);
  b.flip(Color::green, FlipKind::promote, "", true);
  CHECK(b.state("v1.3") == "active_baking");
  CHECK(b.state("v1.2") == "standby_fit");
  b.registry.bake_ended("shop", Color::green, ++b.us);
  CHECK(b.state("v1.3") == "active");
  b.observe(false);
  CHECK(b.state("v1.2") == "standby_unfit");
  b.observe(true);
  CHECK(b.state("v1.2") == "standby_fit");
  const auto retired = b.taken(b.registry.retire("shop", "v1.2", "", b.now, ++b.us));
  CHECK(retired.warnings.size() == 1);  // it was where a rollback would go
  CHECK(b.state("v1.2") == "retired");
}

TEST_CASE("staging over the rollback target loses it, and says so") {
  Bench b;
  b.taken(b.add("v1.2", Color::blue));
  b.taken(b.add("v1.3", Color::green));
  b.flip(Color::green);
  const auto taken = b.taken(b.add("v1.4", Color::blue));
  REQUIRE(taken.warnings.size() == 1);
  CHECK_THAT(taken.warnings[0], ContainsSubstring("v1.2 was what a rollback would go back to"));
  CHECK(b.state("v1.2") == "lost");
  CHECK_FALSE(b.registry.find("shop", "v1.2")->color);
  CHECK(b.registry.on("shop", Color::blue)->version == "v1.4");
  // Going back reaches what runs there, and quarantines what it left.
  b.flip(Color::blue, FlipKind::rollback, "errors");
  CHECK(b.state("v1.4") == "active");
  CHECK(b.state("v1.3") == "rolled_back");
}

TEST_CASE("a loss is told also where only the configuration named the target") {
  Bench b;
  b.now.configured = {"v1.2", "v1.3"};
  b.flip(Color::green);
  const auto taken = b.taken(b.add("v1.4", Color::blue));
  REQUIRE(taken.warnings.size() == 1);
  CHECK_THAT(taken.warnings[0], ContainsSubstring("blue ran v1.2"));
}

TEST_CASE("what was rolled back stays in quarantine until somebody says why not") {
  Bench b;
  b.taken(b.add("v1.2", Color::blue));
  b.taken(b.add("v1.3", Color::green));
  b.flip(Color::green);
  b.flip(Color::blue, FlipKind::auto_rollback, "5xx");
  CHECK(b.registry.find("shop", "v1.3")->reason == "rolled back automatically: 5xx");
  b.observe(true);
  CHECK(b.state("v1.3") == "rolled_back");  // being healthy is no excuse
  CHECK(b.taken(b.add("v1.3", Color::green)).warnings.empty());
  CHECK(b.state("v1.3") == "rolled_back");
  // Another release takes its place; staged again it is in quarantine still, with a warning.
  b.taken(b.add("v1.4", Color::green));
  CHECK(b.state("v1.3") == "rolled_back");
  CHECK(b.taken(b.add("v1.3", Color::green)).warnings.size() == 2);
  CHECK(b.state("v1.4") == "rejected");
  CHECK(b.refused(b.registry.requalify("shop", "v1.2", "why", b.now, ++b.us)) == "not_quarantined");
  b.taken(b.registry.requalify("shop", "v1.3", "cache was cold", b.now, ++b.us));
  CHECK(b.state("v1.3") == "staged");
  CHECK(b.registry.find("shop", "v1.3")->reason.empty());
}

TEST_CASE("a drill quarantines nothing") {
  Bench b;
  b.taken(b.add("v1.2", Color::blue));
  b.taken(b.add("v1.3", Color::green));
  b.flip(Color::green);
  b.flip(Color::blue, FlipKind::drill);
  CHECK(b.state("v1.2") == "active");
  CHECK(b.state("v1.3") == "standby_fit");
}

TEST_CASE("the side with the traffic is not staged over") {
  Bench b;
  b.now.configured = {"v1.2", ""};
  CHECK(b.refused(b.add("v1.3", Color::blue)) == "color_is_active");
  CHECK(b.registry.find("shop", "v1.3") == nullptr);  // and nothing of it stays
  b.taken(b.add("v1.2", Color::blue));
  CHECK(b.state("v1.2") == "active");
  CHECK(b.refused(b.add("v1.3", Color::blue)) == "color_is_active");
  CHECK(b.refused(b.registry.stage("shop", "v1.2", Color::green, b.now, ++b.us)) ==
        "release_is_active");
  CHECK(b.refused(b.registry.retire("shop", "v1.2", "", b.now, ++b.us)) == "release_is_active");
}

TEST_CASE("telling again changes facts and nothing else") {
  Bench b;
  NewRelease told;
  told.service = "shop";
  told.version = "v1.3";
  told.color = Color::green;
  told.commits = 3;
  CHECK(b.taken(b.registry.add(told, b.now, ++b.us)).created);
  b.observe(true);
  NewRelease more;
  more.service = "shop";
  more.version = "v1.3";
  more.git_commit = "8f31c07";
  const auto again = b.taken(b.registry.add(more, b.now, ++b.us));
  CHECK_FALSE(again.created);
  CHECK(again.release.state == State::fit);
  CHECK(again.release.commits == 3);
  CHECK(again.release.git_commit == "8f31c07");
  CHECK(b.registry.list("shop").size() == 1);
}

TEST_CASE("names that cannot be told apart from colors or paths are refused") {
  Bench b;
  for (const char* bad : {"", "blue", "green", "a/b", "a b", "v1\n", "\"v1\""})
    CHECK(b.refused(b.add(bad)) == "bad_version");
  CHECK(b.refused(b.add(std::string(101, 'a'))) == "bad_version");
  b.taken(b.add("2026.11.22-8f31c07+build.5~rc1"));
}

TEST_CASE("another version on the standby is a loss") {
  Bench b;
  b.taken(b.add("v1.2", Color::blue));
  b.taken(b.add("v1.3", Color::green));
  b.flip(Color::green);
  b.registry.lose("shop", Color::blue, "/version says v1.1", ++b.us);
  CHECK(b.state("v1.2") == "lost");
  b.observe(true);
  CHECK(b.state("v1.2") == "lost");  // healthy, but not what it was
}

TEST_CASE("a configuration that names another release is the newer word, the old one is not") {
  Bench b;
  b.now.configured = {"v1.2", "v1.3"};
  b.taken(b.add("v1.4", Color::green));
  b.registry.configured("shop", Color::green, "v1.3", b.now, ++b.us);  // a restart: nothing new
  CHECK(b.registry.on("shop", Color::green)->version == "v1.4");
  b.now.configured[1] = "v1.5";
  b.registry.configured("shop", Color::green, "v1.5", b.now, ++b.us);
  CHECK(b.registry.on("shop", Color::green) == nullptr);  // the name of the configuration counts
  CHECK(b.state("v1.4") == "rejected");
}

TEST_CASE("rows bring back what was known") {
  Bench b;
  b.now.configured = {"v1.2", "v1.3"};
  NewRelease told;
  told.service = "shop";
  told.version = "v1.4";
  told.color = Color::green;
  told.git_commit = "8f31c07";
  told.deployed_by = "ci";
  told.reversible = "yes";
  told.migration_id = "42";
  told.contract_sha = "abc";
  told.commits = 3;
  told.lines = 120;
  told.unplanned = true;
  told.first_commit_wall_us = 17;
  const auto release = b.taken(b.registry.add(told, b.now, ++b.us)).release;
  Registry next([](const Change&) { FAIL("restoring is no change"); });
  next.restore(to_row(release));
  const auto* found = next.find("shop", "v1.4");
  REQUIRE(found);
  CHECK(to_row(*found).values == to_row(release).values);
  CHECK(next.on("shop", Color::green) == found);
}

TEST_CASE("a life that began without its ledger keeps its own word") {
  Bench b;
  const auto old = b.taken(b.add("v1.3", Color::green)).release;
  Bench later;
  later.us = 9'000'000;
  later.taken(later.add("v1.4", Color::green));
  later.registry.restore(to_row(old));
  CHECK(later.registry.on("shop", Color::green)->version == "v1.4");
  CHECK(later.registry.find("shop", "v1.3") != nullptr);
}

TEST_CASE("the oldest on no color are forgotten first") {
  std::vector<Change> changes;
  Registry registry([&](const Change& change) { changes.push_back(change); }, 3);
  Situation now;
  std::int64_t us = 0;
  NewRelease told;
  told.service = "shop";
  told.version = "v0";
  told.color = Color::blue;
  registry.add(told, now, ++us);
  told.color.reset();
  for (int i = 1; i < 6; ++i) {
    told.version = "v" + std::to_string(i);
    registry.add(told, now, ++us);
  }
  CHECK(registry.list("shop").size() == 3);
  CHECK(registry.find("shop", "v0") != nullptr);  // it has the traffic
  CHECK(registry.find("shop", "v5") != nullptr);
  CHECK(registry.find("shop", "v1") == nullptr);
}

TEST_CASE("every change of state is told with where it came from") {
  Bench b;
  b.taken(b.add("v1.3", Color::green));
  REQUIRE(b.changes.size() == 2);
  CHECK(b.changes[0].release.state == State::staged);
  CHECK(b.changes[1].created);
  b.observe(true);
  REQUIRE(b.changes.size() == 3);
  CHECK(b.changes[2].from == State::staged);
  CHECK(b.changes[2].release.state == State::fit);
  b.observe(true);
  CHECK(b.changes.size() == 3);  // nothing new
}

TEST_CASE("states that a killed process could not write follow the side with the traffic") {
  Bench b;
  b.taken(b.add("v1.2", Color::blue));
  b.taken(b.add("v1.3", Color::green));
  b.now.active = Color::green;  // the slot knew, the rows did not
  b.now.rollback_target = Color::blue;
  b.registry.settle("shop", b.now, false, ++b.us);
  CHECK(b.state("v1.3") == "active");
  CHECK(b.state("v1.2") == "standby_fit");
  const auto told = b.changes.size();
  b.registry.settle("shop", b.now, false, ++b.us);
  CHECK(b.changes.size() == told);
  b.now.active = Color::blue;
  b.now.rollback_target.reset();
  b.registry.settle("shop", b.now, true, ++b.us);
  CHECK(b.state("v1.2") == "active");
  CHECK(b.state("v1.3") == "rolled_back");
}
