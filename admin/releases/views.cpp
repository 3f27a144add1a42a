#include "admin/releases/views.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cmath>

#include "admin/release/receipt_json.hpp"

namespace switchback::releases {
namespace json = boost::json;
namespace {

json::value time_or_null(std::int64_t wall_us) {
  return wall_us == 0 ? json::value() : json::value(release::rfc3339(wall_us));
}

double rounded(double value, double steps = 10) {
  return std::round(value * steps) / steps;
}

}  // namespace

json::object release_object(const Release& r) {
  json::object out{{"service", r.service},
                   {"version", r.version},
                   {"state", to_string(r.state)},
                   {"color", r.color ? json::value(to_string(*r.color)) : json::value()},
                   {"registered", release::rfc3339(r.registered_wall_us)},
                   {"changed", release::rfc3339(r.changed_wall_us)}};
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  text("reason", r.reason);
  text("git_commit", r.git_commit);
  text("deployed_by", r.deployed_by);
  text("reversible", r.reversible);
  text("migration_id", r.migration_id);
  text("contract_sha", r.contract_sha);
  if (r.first_commit_wall_us) out["first_commit_at"] = release::rfc3339(r.first_commit_wall_us);
  if (r.commits) out["commits"] = *r.commits;
  if (r.lines) out["lines"] = *r.lines;
  if (r.unplanned) out["unplanned"] = true;
  return out;
}

json::object hold_object(const Hold& hold) {
  return {{"service", hold.service},
          {"placed", release::rfc3339(hold.placed_wall_us)},
          {"actor", hold.actor},
          {"reason", hold.reason},
          {"until", time_or_null(hold.until_wall_us)},
          {"lifted", time_or_null(hold.lifted_wall_us)},
          {"lifted_by", hold.lifted_by}};
}

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
        {"ok", found->ok}, {"text", found->text}, {"at", release::rfc3339(found->wall_us)}};
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
                   {"at", release::rfc3339(flip.wall_us)},
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
  return {{"hour", release::rfc3339(hour.hour_wall_us)},
          {"runs", hour.runs},
          {"failures", hour.failures},
          {"counts", std::move(counts)}};
}

}  // namespace switchback::releases
