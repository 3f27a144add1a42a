#include "admin/bake/views.hpp"

#include <array>
#include <boost/json.hpp>

#include "admin/events/receipt_json.hpp"

namespace switchback::bake {
namespace {

namespace json = boost::json;

json::value moment(std::int64_t wall_us) {
  if (wall_us == 0) return nullptr;
  return json::value(events::rfc3339(wall_us));
}

json::object record_object(const Record& r) {
  return {{"service", r.service},
          {"flip", r.flip},
          {"release", r.release},
          {"color", to_string(r.color)},
          {"kind", events::to_string(r.kind)},
          {"mode", r.mode == config::BakeMode::automatic ? "auto" : "advise"},
          {"since", moment(r.since_wall_us)},
          {"until", moment(r.until_wall_us)},
          {"ended", moment(r.ended_wall_us)},
          {"outcome", to_string(r.outcome)},
          {"verdict", r.verdict},
          {"warned_at", moment(r.warned_wall_us)},
          {"regressed_at", moment(r.regressed_wall_us)},
          {"would_go_back_at", moment(r.would_wall_us)},
          {"objections", r.objections},
          {"rollback", r.rollback}};
}

std::string_view word(AuditLine::Judgement judgement) {
  constexpr std::array<std::string_view, 5> words = {"quiet", "confirmed", "false_alarm", "missed",
                                                     "open"};
  return words[static_cast<std::size_t>(judgement)];
}

}  // namespace

json::object view_object(const View& view) {
  json::object out = record_object(view.record);
  out["open"] = view.open;
  json::array guards;
  for (const Guard& g : view.guards) {
    guards.push_back(json::object{{"name", g.name}, {"ok", g.ok}, {"text", g.text}});
  }
  out["guards"] = std::move(guards);
  return out;
}

json::object audit_object(const Audit& audit) {
  json::array releases;
  for (const AuditLine& line : audit.lines) {
    json::object one = record_object(line.record);
    one["judgement"] = word(line.judgement);
    one["person_after_ms"] =
        line.person_went_back ? json::value(line.person_after_us / 1000) : json::value();
    releases.push_back(std::move(one));
  }
  return {{"watched", audit.watched},
          {"needed", Audit::releases_needed},
          {"would", audit.would},
          {"confirmed", audit.confirmed},
          {"false_alarms", audit.false_alarms},
          {"missed", audit.missed},
          {"recommend", audit.recommend_automatic ? "auto" : "advise"},
          {"advice", audit.advice},
          {"releases", std::move(releases)}};
}

json::object cost_object(const Cost& cost) {
  return {{"objective", cost.objective},
          {"bad_per_second", cost.bad_per_second},
          {"requests_per_second", cost.requests_per_second},
          {"burn_5m", cost.burn_5m},
          {"burn_1h", cost.burn_1h},
          {"budget_per_hour", cost.budget_per_hour}};
}

}  // namespace switchback::bake
