#include "admin/events/release.hpp"

#include <boost/json/value.hpp>

#include "admin/events/receipt_json.hpp"

namespace switchback::events {

namespace json = boost::json;

namespace {

constexpr std::string_view names[] = {"registered", "staged",      "fit",           "active_baking",
                                      "active",     "standby_fit", "standby_unfit", "retired",
                                      "rejected",   "rolled_back", "lost"};

json::value time_or_null(std::int64_t wall_us) {
  return wall_us == 0 ? json::value() : json::value(rfc3339(wall_us));
}

}  // namespace

std::string_view to_string(ReleaseState state) {
  return names[static_cast<std::size_t>(state)];
}

std::optional<ReleaseState> release_state_from(std::string_view text) {
  for (std::size_t i = 0; i < std::size(names); ++i)
    if (names[i] == text) return static_cast<ReleaseState>(i);
  return std::nullopt;
}

json::object release_object(const Release& r) {
  json::object out{{"service", r.service},
                   {"version", r.version},
                   {"state", to_string(r.state)},
                   {"color", r.color ? json::value(to_string(*r.color)) : json::value()},
                   {"registered", rfc3339(r.registered_wall_us)},
                   {"changed", rfc3339(r.changed_wall_us)}};
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  text("reason", r.reason);
  text("git_commit", r.git_commit);
  text("deployed_by", r.deployed_by);
  text("reversible", r.reversible);
  text("migration_id", r.migration_id);
  text("contract_sha", r.contract_sha);
  if (r.first_commit_wall_us) out["first_commit_at"] = rfc3339(r.first_commit_wall_us);
  if (r.commits) out["commits"] = *r.commits;
  if (r.lines) out["lines"] = *r.lines;
  if (r.unplanned) out["unplanned"] = true;
  return out;
}

json::object hold_object(const Hold& hold) {
  return {{"service", hold.service},
          {"placed", rfc3339(hold.placed_wall_us)},
          {"actor", hold.actor},
          {"reason", hold.reason},
          {"until", time_or_null(hold.until_wall_us)},
          {"lifted", time_or_null(hold.lifted_wall_us)},
          {"lifted_by", hold.lifted_by}};
}

}  // namespace switchback::events
