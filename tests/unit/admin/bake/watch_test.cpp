#include "admin/bake/watch.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/admin/bake/situations.hpp"

using namespace switchback;
using namespace switchback::bake;
using test::bad_release;
using Steps = std::vector<Step>;

namespace {

Watch watch_over(const Situation& now, release::FlipKind kind = release::FlipKind::promote) {
  return Watch({"shop", now.verdict.flip, "v1.3", Color::green, kind, now.now_wall_us - 5'000'000,
                now.now_wall_us + 600'000'000});
}

Situation calm() {
  auto now = bad_release();
  now.verdict.value = verify::Value::inconclusive;
  now.verdict.warned = false;
  return now;
}

}  // namespace

TEST_CASE("a window without an alarm ends clean", "[bake]") {
  auto now = calm();
  Watch watch = watch_over(now);
  CHECK(watch.second(now).empty());
  now.verdict.value = verify::Value::healthy;
  CHECK(watch.second(now).empty());
  now.window_open = false;
  CHECK(watch.second(now) == Steps{Step::over});
  CHECK(watch.outcome() == Outcome::clean);
  CHECK(watch.second(bad_release()).empty());
}

TEST_CASE("warned, then regressed: goes back once, and is over when traffic has moved", "[bake]") {
  auto now = calm();
  Watch watch = watch_over(now);
  now.verdict.warned = true;
  CHECK(watch.second(now) == Steps{Step::warn});
  CHECK(watch.second(now).empty());
  CHECK(watch.second(bad_release()) == Steps{Step::go_back});
  CHECK(watch.second(bad_release()).empty());  // under way
  CHECK(watch.went_back(true, "") == Steps{Step::over});
  CHECK(watch.outcome() == Outcome::fired);
  CHECK(watch.would_wall_us() != 0);
}

TEST_CASE("a refused way back is said and tried again, three times at most", "[bake]") {
  const auto now = bad_release();
  Watch watch = watch_over(now);
  CHECK(watch.second(now) == Steps{Step::warn, Step::go_back});
  for (int i = 0; i < 2; ++i) {
    CHECK(watch.went_back(false, "no server accepts a connection") == Steps{Step::blocked});
    CHECK(watch.second(now) == Steps{Step::go_back});
  }
  CHECK(watch.went_back(false, "no server accepts a connection") == Steps{Step::blocked});
  CHECK(watch.second(now).empty());
  CHECK(watch.objection() == "no server accepts a connection");
}

TEST_CASE("advise says once when it would have gone back", "[bake]") {
  auto now = bad_release();
  now.mode = config::BakeMode::advise;
  Watch watch = watch_over(now);
  CHECK(watch.second(now) == Steps{Step::warn, Step::advise});
  CHECK(watch.second(now).empty());
  CHECK(watch.would_wall_us() == now.now_wall_us);
  now.subject_has_traffic = false;  // a person went back
  CHECK(watch.second(now) == Steps{Step::over});
  CHECK(watch.outcome() == Outcome::advised);
}

TEST_CASE("a guard that is not met is told once for each reason; when it is met, it goes back",
          "[bake]") {
  auto now = bad_release();
  now.hold = "dana";
  Watch watch = watch_over(now);
  CHECK(watch.second(now) == Steps{Step::warn, Step::blocked});
  CHECK(watch.objection() == "hold: held: dana");
  CHECK(watch.second(now).empty());
  now.standby_fault = "no healthy server";
  CHECK(watch.second(now) == Steps{Step::blocked});
  CHECK(watch.would_wall_us() == 0);
  CHECK(watch.second(bad_release()) == Steps{Step::go_back});
}

TEST_CASE("what was gone back to pages when it is bad as well, and goes nowhere", "[bake]") {
  auto now = bad_release();
  now.verdict.kind = release::FlipKind::auto_rollback;
  Watch watch = watch_over(now, release::FlipKind::auto_rollback);
  CHECK(watch.second(now) == Steps{Step::warn, Step::page});
  CHECK(watch.second(now).empty());
}

TEST_CASE("somebody's switch interrupts the watch", "[bake]") {
  auto now = calm();
  Watch watch = watch_over(now);
  now.subject_has_traffic = false;
  CHECK(watch.second(now) == Steps{Step::over});
  CHECK(watch.outcome() == Outcome::interrupted);
}

TEST_CASE("proved bad and held back by a guard: a person's matter, not a clean window", "[bake]") {
  auto now = bad_release();
  now.verdict.warned = false;  // paired probes alone prove it
  now.standby_fault = "no healthy server";
  Watch watch = watch_over(now);
  CHECK(watch.second(now) == Steps{Step::blocked});
  now.window_open = false;
  CHECK(watch.second(now) == Steps{Step::over});
  CHECK(watch.outcome() == Outcome::advised);
}

TEST_CASE("a window in which nothing judged the release is not clean", "[bake]") {
  auto now = calm();
  now.verdict.planned = false;  // the plan was taken away by a reload
  Watch watch = watch_over(now);
  CHECK(watch.second(now).empty());
  now.window_open = false;
  CHECK(watch.second(now) == Steps{Step::over});
  CHECK(watch.outcome() == Outcome::interrupted);
}

TEST_CASE("a restart keeps the moment when it would have gone back, and tells it again", "[bake]") {
  auto now = bad_release();
  now.mode = config::BakeMode::advise;
  Watch watch = watch_over(now);
  watch.remember(100, 200, 300);
  CHECK(watch.would_wall_us() == 300);
  CHECK(watch.second(now) == Steps{Step::advise});
  CHECK(watch.second(now).empty());
  CHECK(watch.would_wall_us() == 300);
  CHECK(watch.warned_wall_us() == 100);
}

TEST_CASE("a person who is faster than the way back ends the watch, and is told as such",
          "[bake]") {
  auto now = bad_release();
  Watch watch = watch_over(now);
  CHECK(watch.second(now) == Steps{Step::warn, Step::go_back});
  watch.overtaken();
  now.subject_has_traffic = false;
  CHECK(watch.second(now) == Steps{Step::over});
  CHECK(watch.outcome() == Outcome::advised);
}
