#include "admin/bake/guards.hpp"

#include <algorithm>

#include "tests/support/catch.hpp"
#include "tests/unit/admin/bake/situations.hpp"

using namespace switchback;
using namespace switchback::bake;
using test::bad_release;
using test::receipt;

namespace {

const Guard& named(const std::vector<Guard>& guards, const std::string& name) {
  const auto found =
      std::find_if(guards.begin(), guards.end(), [&](const Guard& g) { return g.name == name; });
  REQUIRE(found != guards.end());
  return *found;
}

// The one guard that is not met.
std::string refused_by(const Situation& now) {
  std::string names;
  for (const Guard& g : judge(now)) {
    if (!g.ok) names += (names.empty() ? "" : " ") + g.name;
  }
  return names;
}

}  // namespace

TEST_CASE("a bad release with a fit standby goes back", "[bake]") {
  const auto guards = judge(bad_release());
  CHECK(objections(guards).empty());
  CHECK(goes_back(guards));
  CHECK(would_go_back(guards));
}

TEST_CASE("each guard alone holds it back", "[bake]") {
  auto now = bad_release();
  SECTION("mode advise: only the mode, so that it would have gone back") {
    now.mode = config::BakeMode::advise;
    CHECK(refused_by(now) == "mode");
    CHECK(would_go_back(judge(now)));
    return;
  }
  SECTION("window") {
    now.window_open = false;
    CHECK(refused_by(now) == "window");
  }
  SECTION("somebody switched") {
    now.subject_has_traffic = false;
    CHECK(refused_by(now) == "window");
  }
  SECTION("degraded is no regression") {
    now.verdict.value = verify::Value::degraded;
    CHECK(refused_by(now) == "regressed");
  }
  SECTION("an outage of both colors") {
    now.verdict.paired.value = verify::PairedVerdict::shared;
    CHECK(refused_by(now) == "cause");
  }
  SECTION("only the standby fails") {
    now.verdict.paired.value = verify::PairedVerdict::old_only;
    CHECK(refused_by(now) == "cause");
  }
  SECTION("nothing to go back to") {
    now.target.reset();
    CHECK(refused_by(now) == "target");
  }
  SECTION("standby unfit") {
    now.standby_fault = "no healthy server";
    CHECK(refused_by(now) == "standby");
    CHECK(named(judge(now), "standby").text == "no healthy server");
  }
  SECTION("capacity never measured") {
    now.proven_rps = 0;
    CHECK(refused_by(now) == "capacity");
  }
  SECTION("capacity too small") {
    now.proven_rps = 0.79 * now.rps_now;
    CHECK(refused_by(now) == "capacity");
    now.proven_rps = 0.81 * now.rps_now;
    CHECK(refused_by(now).empty());
    return;
  }
  SECTION("hold") {
    now.hold = "dana, market day";
    CHECK(refused_by(now) == "hold");
  }
  SECTION("a way back is not watched to go forward again") {
    now.verdict.kind = release::FlipKind::auto_rollback;
    CHECK(refused_by(now) == "direction");
  }
  CHECK_FALSE(would_go_back(judge(now)));
}

TEST_CASE("the flap budget", "[bake]") {
  auto now = bad_release();
  const std::int64_t minute = 60LL * 1'000'000, hour = 60 * minute;
  SECTION("one automatic rollback for a release") {
    now.history.push_back(receipt("b", release::FlipKind::auto_rollback, "v1.3", "v1.2",
                                  now.now_wall_us - 40 * hour));
    CHECK(refused_by(now) == "flapping");
  }
  SECTION("two a day for a service, whatever their releases") {
    for (const char* release : {"v0.8", "v0.9"}) {
      now.history.push_back(receipt(release, release::FlipKind::auto_rollback, release, "v0.7",
                                    now.now_wall_us - 3 * hour));
    }
    CHECK(refused_by(now) == "flapping");
    now.history.back().wall_us = now.now_wall_us - 25 * hour;
    CHECK(refused_by(now).empty());
  }
  SECTION("sixty seconds from the switch before the watched one") {
    now.history.push_back(
        receipt("b", release::FlipKind::rollback, "v1.3", "v1.2", now.now_wall_us - minute / 2));
    CHECK(refused_by(now) == "flapping");
    now.history.back().wall_us = now.now_wall_us - 2 * minute;
    CHECK(refused_by(now).empty());
  }
  SECTION("rollbacks that moved nothing do not count") {
    now.history.push_back(
        receipt("b", release::FlipKind::auto_rollback, "v1.3", "v1.2", now.now_wall_us - hour));
    now.history.back().moved = false;
    CHECK(refused_by(now).empty());
  }
}
