#include "admin/verify/report_json.hpp"

#include <boost/json.hpp>
#include <cmath>
#include <limits>

#include "admin/events/receipt_json.hpp"

namespace switchback::verify {
namespace json = boost::json;
namespace {

json::value when(const std::optional<std::int64_t>& wall) {
  return wall ? json::value(events::rfc3339(*wall)) : json::value();
}

json::object counts_object(const Counts& counts) {
  return {{"requests", counts.requests}, {"bad", counts.bad}};
}

json::object check_object(const CheckReport& check) {
  json::object out{{"name", check.name},         {"ok", check.ok},
                   {"observed", check.observed}, {"latency_us", check.latency_us},
                   {"passes", check.passes},     {"runs", check.runs}};
  if (!check.server.empty()) out["server"] = check.server;
  if (!check.expected.empty()) out["expected"] = check.expected;
  return out;
}

json::object stream_object(const StreamVerdict& stream) {
  json::object out{{"name", stream.name},
                   {"value", to_string(stream.value)},
                   {"warned", stream.warned},
                   {"now", counts_object(stream.now)},
                   {"baseline", counts_object(stream.baseline)},
                   {"baseline_share", stream.baseline_share},
                   {"null_share", stream.null_share},
                   {"log10_e", stream.log10_e},
                   {"log10_threshold", stream.log10_threshold},
                   {"bad_per_second", stream.bad_per_second},
                   {"onset", when(stream.onset_wall_us)}};
  if (stream.requests_needed == std::numeric_limits<std::uint64_t>::max()) {
    out["requests_needed"] = nullptr;
  } else {
    out["requests_needed"] = stream.requests_needed;
  }
  if (!stream.why.empty()) out["why"] = stream.why;
  return out;
}

}  // namespace

json::object standing_object(const Standing& standing) {
  json::array checks;
  for (const auto& check : standing.checks) checks.push_back(check_object(check));
  json::object out{{"color", to_string(standing.color)},
                   {"release", standing.release},
                   {"passed", standing.passed},
                   {"total", standing.total},
                   {"fit", standing.fit()},
                   {"identity", to_string(standing.identity)},
                   {"checks", std::move(checks)}};
  out["at"] =
      standing.at_ns == 0 ? json::value() : json::value(events::rfc3339(standing.at_wall_us));
  out["age_ms"] = standing.at_ns == 0 ? json::value()
                                      : json::value((monotonic_ns() - standing.at_ns) / 1'000'000);
  return out;
}

json::object verdict_object(const ServiceVerdict& verdict) {
  json::array streams;
  for (const auto& stream : verdict.streams) streams.push_back(stream_object(stream));
  json::object out{{"value", to_string(verdict.value)},
                   {"text", verdict.text},
                   {"watching", verdict.watching},
                   {"flip", verdict.flip},
                   {"subject", to_string(verdict.subject)},
                   {"release", verdict.subject_release},
                   {"warned", verdict.warned},
                   {"onset", when(verdict.onset_wall_us)},
                   {"warned_at", when(verdict.warned_wall_us)},
                   {"regressed_at", when(verdict.regressed_wall_us)},
                   {"bad_per_second", verdict.bad_per_second},
                   {"requests_per_second", verdict.requests_per_second},
                   {"baseline_share", verdict.baseline_share},
                   {"streams", std::move(streams)}};
  if (verdict.paired.planned) {
    const auto& p = verdict.paired;
    out["paired"] =
        json::object{{"value", to_string(p.value)},    {"pairs", p.pairs},
                     {"both_good", p.both_good},       {"both_bad", p.both_bad},
                     {"only_new_bad", p.only_new_bad}, {"only_old_bad", p.only_old_bad}};
  }
  return out;
}

}  // namespace switchback::verify
