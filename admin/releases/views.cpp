#include "admin/releases/views.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cmath>

#include "admin/events/receipt_json.hpp"

namespace switchback::releases {
namespace json = boost::json;
namespace {

json::value time_or_null(std::int64_t wall_us) {
  return wall_us == 0 ? json::value() : json::value(events::rfc3339(wall_us));
}

double rounded(double value, double steps = 10) {
  return std::round(value * steps) / steps;
}

}  // namespace

json::object fitness_object(const Fitness& fitness, double needed_rps) {
  json::object out{{"fit", fitness.fit()},
                   {"why_not", fitness.why_not()},
                   {"servers", fitness.servers},
                   {"healthy", fitness.healthy},
                   {"rps", rounded(fitness.rps_now)},
                   {"needed_rps", rounded(needed_rps)}};
  const bool measured = fitness.peak_rps_per_server > 0;
  out["peak_rps_per_server"] =
      measured ? json::value(rounded(fitness.peak_rps_per_server)) : json::value();
  out["peak_at"] = time_or_null(fitness.peak_wall_us);
  out["proven_rps"] = measured ? json::value(rounded(fitness.proven_rps())) : json::value();
  if (const auto& found = fitness.verification)
    out["verification"] = json::object{
        {"ok", found->ok}, {"text", found->text}, {"at", events::rfc3339(found->wall_us)}};
  return out;
}

json::object null_flip_object(const NullFlip& flip) {
  json::object stages;
  const auto stage = [&](const char* name, const std::optional<double>& ms) {
    if (ms) stages[name] = rounded(*ms, 1000);
  };
  stage("permitted", flip.stages.permitted);
  stage("decided", flip.stages.decided);
  stage("persisted", flip.stages.persisted);
  stage("switched", flip.stages.switched);
  stage("recorded", flip.stages.recorded);
  json::object out{{"number", flip.number},
                   {"at", events::rfc3339(flip.wall_us)},
                   {"ok", flip.ok},
                   {"ms", flip.ok ? json::value(rounded(flip.ms, 1000)) : json::value()},
                   {"stages_ms", std::move(stages)}};
  if (!flip.fault.empty()) out["fault"] = flip.fault;
  if (flip.dropped) out["dropped"] = true;
  return out;
}

json::object hour_object(const NullFlipHour& hour) {
  json::array counts;
  for (const auto count : hour.counts) counts.emplace_back(count);
  return {{"hour", events::rfc3339(hour.hour_wall_us)},
          {"runs", hour.runs},
          {"failures", hour.failures},
          {"counts", std::move(counts)}};
}

}  // namespace switchback::releases
