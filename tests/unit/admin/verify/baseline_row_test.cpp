// Baselines over a restart: whole, of the same plan and release, and not too old.
#include "admin/verify/baseline_row.hpp"

#include "tests/support/catch.hpp"

namespace switchback::verify {
namespace {

constexpr std::int64_t minute = 60'000'000;
constexpr std::int64_t now_us = 1'800'000'000'000'000;
constexpr std::int64_t window = 30 * minute;

SavedBaseline example() {
  Baseline baseline(1800);
  TrafficCounts counts;
  counts.streams = {{100, 1}, {90, 2}};
  counts.latencies[3] = 99;
  counts.latencies[40] = 1;
  for (int i = 0; i < 10; ++i) baseline.add(counts, 60, now_us - (10 - i) * minute);
  SavedBaseline out{"shop", Color::green, "plan", "v1.3", {}, now_us};
  out.slices = {baseline.slices().begin(), baseline.slices().end()};
  return out;
}

std::uint64_t requests(std::vector<Baseline::Slice> slices) {
  Baseline restored(1800);
  restored.put_before(std::move(slices));
  const auto total = restored.total();
  return total.streams.empty() ? 0 : total.streams[0].requests;
}

TEST_CASE("a row brings back what was counted") {
  const auto row = to_row(example());
  const auto saved = baseline_from_row(row);
  REQUIRE(saved);
  CHECK(saved->service == "shop");
  CHECK(saved->color == Color::green);
  CHECK(saved->release == "v1.3");
  CHECK(saved->at_wall_us == now_us);
  Baseline restored(1800);
  restored.put_before(usable_slices(*saved, "plan", "v1.3", true, window, now_us));
  const auto total = restored.total();
  REQUIRE(total.streams.size() == 2);
  CHECK(total.streams[0].requests == 1000);
  CHECK(total.streams[0].bad == 10);
  CHECK(total.streams[1].bad == 20);
  CHECK(total.latencies[3] == 990);
  CHECK(Baseline::p99_bucket(total.latencies) == 3);
}

TEST_CASE("another plan or release takes nothing over; one that nobody named does") {
  CHECK(requests(usable_slices(example(), "other", "v1.3", true, window, now_us)) == 0);
  CHECK(requests(usable_slices(example(), "plan", "v1.4", true, window, now_us)) == 0);
  CHECK(requests(usable_slices(example(), "plan", "", true, window, now_us)) == 1000);
}

TEST_CASE("age is honoured: by the wall clock for the active color, a day for the other") {
  const auto later = now_us + 25 * minute;
  CHECK(requests(usable_slices(example(), "plan", "v1.3", true, window, later)) == 500);
  CHECK(requests(usable_slices(example(), "plan", "v1.3", true, window, now_us + 60 * minute)) ==
        0);
  CHECK(requests(usable_slices(example(), "plan", "v1.3", false, window, now_us + 60 * minute)) ==
        1000);
  CHECK(requests(usable_slices(example(), "plan", "v1.3", false, window,
                               now_us + 25 * 60 * minute)) == 0);
  // A clock that was set back: what is of the future is not believed.
  CHECK(requests(usable_slices(example(), "plan", "v1.3", true, window, now_us - 60 * minute)) ==
        0);
}

TEST_CASE("what was counted since the start stays, behind what is brought back; the window holds") {
  Baseline fresh(120);
  TrafficCounts counts;
  counts.streams = {{7, 0}};
  fresh.add(counts, 1, now_us);
  fresh.put_before(usable_slices(example(), "plan", "v1.3", true, window, now_us));
  CHECK(fresh.total().streams[0].requests >= 7 + 200);
  CHECK(fresh.total().streams[0].requests <= 7 + 300);
  CHECK(fresh.total(now_us - minute / 2).streams[0].requests % 100 == 0);
}

TEST_CASE("a row that was damaged is none") {
  const auto with = [](const std::string& slices) {
    auto row = to_row(example());
    row.values[4] = slices;
    return baseline_from_row(row);
  };
  CHECK(with("[]"));
  for (const char* text : {"", "{}", "[1]", R"([{"seconds":1}])",
                           R"([{"seconds":1,"end":1,"streams":[[1,2]],"latencies":[]}])",
                           R"([{"seconds":1,"end":1,"streams":[[2,1]],"latencies":[[99999,1]]}])",
                           R"([{"seconds":-1,"end":1,"streams":[],"latencies":[]}])"}) {
    INFO(text);
    CHECK_FALSE(with(text));
  }
}

}  // namespace
}  // namespace switchback::verify
