#include "admin/readiness/views.hpp"

#include <boost/json.hpp>

#include "admin/bake/views.hpp"
#include "admin/events/receipt_json.hpp"

namespace switchback::readiness {
namespace {

namespace json = boost::json;

json::value moment(std::int64_t wall_us) {
  if (wall_us == 0) return nullptr;
  return json::value(events::rfc3339(wall_us));
}

json::array texts(const std::vector<std::string>& all) {
  json::array out;
  for (const auto& one : all) out.emplace_back(one);
  return out;
}

json::object answer_object(const Answer& answer, std::int64_t now_wall_us) {
  json::array facts;
  for (const Fact& fact : answer.facts) {
    const std::int64_t at = fact.at_wall_us == 0 ? now_wall_us : fact.at_wall_us;
    facts.push_back(json::object{{"name", fact.name},
                                 {"value", fact.value},
                                 {"at", moment(at)},
                                 {"age_ms", (now_wall_us - at) / 1000},
                                 {"source", fact.source}});
  }
  return {{"grade", to_string(answer.grade)},
          {"lines", texts(answer.lines)},
          {"trouble", texts(answer.trouble)},
          {"facts", std::move(facts)}};
}

json::object share_object(const Gaps::Summary& summary) {
  json::object questions;
  for (const auto& [question, count] : summary.by_question) questions[question] = count;
  return {{"share", summary.share},
          {"watched_ms", summary.watched_us / 1000},
          {"gaps", summary.gaps},
          {"by_question", std::move(questions)}};
}

}  // namespace

json::object view_object(const View& view) {
  const Facts& facts = view.facts;
  json::object questions;
  for (const Answer& answer : view.readiness.answers)
    questions[to_string(answer.question)] = answer_object(answer, facts.now_wall_us);
  json::value gap = nullptr;
  if (view.gap) {
    gap = json::object{{"from", moment(view.gap->from_wall_us)},
                       {"question", view.gap->question},
                       {"reason", view.gap->reason}};
  }
  return {{"service", facts.service},
          {"overall", to_string(view.readiness.overall)},
          {"at", moment(facts.now_wall_us)},
          {"active", to_string(facts.active)},
          {"release", facts.active_release},
          {"since", moment(facts.active_since_wall_us)},
          {"baking_until", moment(facts.baking_until_wall_us)},
          {"target", facts.target ? json::value(to_string(*facts.target)) : json::value()},
          {"target_release", facts.target_release},
          {"target_state", facts.target_state},
          {"questions", std::move(questions)},
          {"cost_of_waiting", view.readiness.cost},
          {"cost", bake::cost_object(facts.cost)},
          {"verdict", facts.verdict},
          {"ready_30d", share_object(view.summary)},
          {"gap", std::move(gap)},
          {"command", "switchback rollback " + facts.service}};
}

}  // namespace switchback::readiness
