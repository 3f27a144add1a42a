#include "admin/release/durations.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::release;

namespace {

Receipt receipt(FlipKind kind, double switched_ms, std::int64_t wall_us = 1) {
  Receipt r;
  r.kind = kind;
  r.moved = true;
  r.stages_ms.switched = switched_ms;
  r.wall_us = wall_us;
  return r;
}

}  // namespace

TEST_CASE("rollbacks, drills and promotes are counted apart") {
  const auto report =
      durations_of({receipt(FlipKind::rollback, 1), receipt(FlipKind::auto_rollback, 3),
                    receipt(FlipKind::drill, 100), receipt(FlipKind::promote, 1000)});
  CHECK(report.rollbacks.n == 2);
  CHECK(report.rollbacks.switched.max_ms == 3);
  CHECK(report.auto_rollbacks.n == 1);
  CHECK(report.drills.switched.max_ms == 100);
  CHECK(report.promotes.switched.max_ms == 1000);
}

TEST_CASE("percentiles are values that were seen") {
  std::vector<Receipt> receipts;
  for (int i = 100; i >= 1; --i) receipts.push_back(receipt(FlipKind::rollback, i, i));
  const auto times = durations_of(receipts).rollbacks;
  CHECK(times.newest_wall_us == 100);
  CHECK(times.switched.median_ms == 50);
  CHECK(times.switched.p95_ms == 95);
  CHECK(times.switched.max_ms == 100);
  const auto one = durations_of({receipt(FlipKind::rollback, 7)}).rollbacks.switched;
  CHECK(one.median_ms == 7);
  CHECK(one.p95_ms == 7);
}

TEST_CASE("a stage counts only those that reached it; what did not move or lost its times is out") {
  auto verified = receipt(FlipKind::rollback, 1);
  verified.stages_ms.verified = 300;
  auto already = receipt(FlipKind::rollback, 1);
  already.already = true;
  auto resumed = receipt(FlipKind::rollback, 1);
  resumed.tags = {"resumed"};
  Receipt failed;
  failed.kind = FlipKind::rollback;
  const auto times =
      durations_of({verified, receipt(FlipKind::rollback, 2), already, resumed, failed}).rollbacks;
  CHECK(times.n == 2);
  CHECK(times.switched.n == 2);
  CHECK(times.verified.n == 1);
  CHECK(times.drained.n == 0);
}

TEST_CASE("the longest of few says how little it says") {
  CHECK(honesty_line(0) == "not measured");
  CHECK(honesty_line(6) == "max of n=6 bounds p95 with 26 % confidence only (59 needed for 95 %)");
  CHECK(confidence_that_max_covers_p95(runs_for_95_percent) >= 0.95);
  CHECK(confidence_that_max_covers_p95(runs_for_95_percent - 1) < 0.95);
  CHECK(honesty_line(59) == "max of n=59 bounds p95 with 95 % confidence");
}

TEST_CASE("nothing measured is said, not shown as zero") {
  CHECK(words_of({}, 0, 0) == "not measured");
  const auto object = durations_object({});
  CHECK(object.at("honesty") == "not measured");
  CHECK(object.at("newest").is_null());
  CHECK(object.at("stages").as_object().empty());
  const auto day = 86'400'000'000;
  CHECK(words_of({6, 310, 880, 880}, 0, 12 * day) ==
        "median 310 ms, p95 880 ms, max 880 ms (n=6, newest 12 d)");
}
