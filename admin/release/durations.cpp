#include "admin/release/durations.hpp"

#include <algorithm>
#include <boost/json/value.hpp>
#include <cmath>
#include <cstdio>

#include "admin/events/receipt_json.hpp"

namespace switchback::release {
namespace {

using Stage = std::optional<double> Stages::*;
using Times = StageTimes Durations::*;

struct Named {
  const char* name;
  Stage stage;
  Times times;
};
constexpr Named stages[] = {
    {"decided", &Stages::decided, &Durations::decided},
    {"persisted", &Stages::persisted, &Durations::persisted},
    {"switched", &Stages::switched, &Durations::switched},
    {"first_new", &Stages::first_new, &Durations::first_new},
    {"last_old", &Stages::last_old, &Durations::last_old},
    {"drained", &Stages::drained, &Durations::drained},
    {"verified", &Stages::verified, &Durations::verified},
};

bool measured(const Receipt& receipt) {
  if (!receipt.moved || receipt.already) return false;
  return receipt.tags.empty();
}

// The nearest rank: a value that was really seen, never one between two.
double rank(const std::vector<double>& sorted, double share) {
  const auto place =
      static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size()) - 1e-9));
  return sorted[std::clamp<std::size_t>(place, 1, sorted.size()) - 1];
}

StageTimes times_of(std::vector<double> values) {
  StageTimes out;
  out.n = values.size();
  if (values.empty()) return out;
  std::sort(values.begin(), values.end());
  out.median_ms = rank(values, 0.5);
  out.p95_ms = rank(values, 0.95);
  out.max_ms = values.back();
  return out;
}

template <class Wanted>
Durations of(const std::vector<Receipt>& receipts, Wanted wanted) {
  Durations out;
  for (const auto& [name, stage, times] : stages) {
    std::vector<double> values;
    for (const auto& receipt : receipts) {
      if (!measured(receipt) || !wanted(receipt.kind)) continue;
      if (const auto& value = receipt.stages_ms.*stage) values.push_back(*value);
    }
    out.*times = times_of(std::move(values));
  }
  for (const auto& receipt : receipts) {
    if (!measured(receipt) || !wanted(receipt.kind)) continue;
    ++out.n;
    out.newest_wall_us = std::max(out.newest_wall_us, receipt.wall_us);
  }
  return out;
}

}  // namespace

std::string ms_words(double ms) {
  char text[32];
  std::snprintf(text, sizeof text,
                ms < 10     ? "%.2g ms"
                : ms < 1000 ? "%.0f ms"
                            : "%.2f s",
                ms < 1000 ? ms : ms / 1000);
  return text;
}

std::string span_words(std::int64_t us) {
  const auto seconds = std::max<std::int64_t>(0, us / 1'000'000);
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min";
  if (seconds < 2 * 86400) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86400) + " d";
}

DurationReport durations_of(const std::vector<Receipt>& receipts) {
  DurationReport out;
  out.rollbacks = of(receipts, [](FlipKind kind) {
    return kind == FlipKind::rollback || kind == FlipKind::auto_rollback;
  });
  out.auto_rollbacks = of(receipts, [](FlipKind kind) { return kind == FlipKind::auto_rollback; });
  out.drills = of(receipts, [](FlipKind kind) { return kind == FlipKind::drill; });
  out.promotes = of(receipts, [](FlipKind kind) { return kind == FlipKind::promote; });
  return out;
}

double confidence_that_max_covers_p95(std::size_t n) {
  return 1 - std::pow(0.95, static_cast<double>(n));
}

std::string honesty_line(std::size_t n) {
  if (n == 0) return "not measured";
  const auto percent = static_cast<int>(std::floor(100 * confidence_that_max_covers_p95(n)));
  std::string out = "max of n=" + std::to_string(n) + " bounds p95 with " +
                    std::to_string(percent) + " % confidence";
  if (n < runs_for_95_percent)
    out += " only (" + std::to_string(runs_for_95_percent) + " needed for 95 %)";
  return out;
}

std::string words_of(const StageTimes& stage, std::int64_t newest_wall_us,
                     std::int64_t now_wall_us) {
  if (stage.n == 0) return "not measured";
  return "median " + ms_words(stage.median_ms) + ", p95 " + ms_words(stage.p95_ms) + ", max " +
         ms_words(stage.max_ms) + " (n=" + std::to_string(stage.n) + ", newest " +
         span_words(now_wall_us - newest_wall_us) + ")";
}

boost::json::object durations_object(const Durations& durations) {
  boost::json::object out{
      {"n", durations.n},
      {"newest", durations.n ? boost::json::value(events::rfc3339(durations.newest_wall_us))
                             : boost::json::value()}};
  boost::json::object by_stage;
  for (const auto& [name, stage, times] : stages) {
    const auto& t = durations.*times;
    if (t.n == 0) continue;
    by_stage[name] = boost::json::object{
        {"n", t.n}, {"median_ms", t.median_ms}, {"p95_ms", t.p95_ms}, {"max_ms", t.max_ms}};
  }
  out["stages"] = std::move(by_stage);
  out["confidence"] = confidence_that_max_covers_p95(durations.n);
  out["honesty"] = honesty_line(durations.n);
  return out;
}

boost::json::object report_object(const DurationReport& report) {
  return {{"rollback", durations_object(report.rollbacks)},
          {"auto_rollback", durations_object(report.auto_rollbacks)},
          {"drill", durations_object(report.drills)},
          {"promote", durations_object(report.promotes)}};
}

}  // namespace switchback::release
