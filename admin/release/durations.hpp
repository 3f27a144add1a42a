// How long going back really took: percentiles of receipts, by kind of switch, each with how many
// runs stand behind it and how old the newest is (rollback.md §0 rule 4, §2). Rollbacks and drills
// are what an incident looks like; promotes are kept apart, null flips are not receipts at all.
//
// Pure functions; no clock. A stage counts only the receipts that reached it. n = 0: "not
// measured".
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "admin/release/controller.hpp"

namespace switchback::release {

struct StageTimes {
  std::size_t n = 0;
  double median_ms = 0, p95_ms = 0, max_ms = 0;  // nearest rank; 0 where n is 0
};

struct Durations {
  std::size_t n = 0;                // switches of this kind
  std::int64_t newest_wall_us = 0;  // 0: none
  StageTimes decided, persisted, switched, first_new, last_old, drained, verified;
};

struct DurationReport {
  Durations rollbacks;       // rollback and auto_rollback
  Durations auto_rollbacks;  // of them
  Durations drills;
  Durations promotes;
};

// Receipts that did not move traffic, were "already", or outlived their process with their times
// lost (tags resumed, recovered) do not count.
DurationReport durations_of(const std::vector<Receipt>& receipts);

// P(the longest of n runs is at least the true 95th percentile) = 1 − 0.95ⁿ.
double confidence_that_max_covers_p95(std::size_t n);
inline constexpr std::size_t runs_for_95_percent = 59;  // the smallest n that makes it 95 %

// "max of n=6 bounds p95 with 26 % confidence only (59 needed for 95 %)"; "not measured" for 0.
std::string honesty_line(std::size_t n);
// "median 0.31 s, p95 0.88 s, max 0.88 s (n=6, newest 12 d)" of one stage; "not measured" for 0.
std::string words_of(const StageTimes& stage, std::int64_t newest_wall_us,
                     std::int64_t now_wall_us);

std::string ms_words(double ms);  // "0.9 ms", "180 ms", "2.31 s"
// "40 s", "12 min", "21 d", of microseconds.
std::string span_words(std::int64_t us);

// {"n","newest","stages":{"switched":{"n","median_ms","p95_ms","max_ms"},…},"confidence","honesty"}
boost::json::object durations_object(const Durations& durations);
boost::json::object report_object(const DurationReport& report);

}  // namespace switchback::release
