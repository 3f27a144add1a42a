#include "admin/api/openapi_releases.hpp"

#include <boost/json.hpp>

#include "admin/api/problem.hpp"
#include "admin/api/routes.hpp"

namespace switchback::api {

namespace json = boost::json;

namespace {

struct Member {
  const char* name;
  const char* type;
  const char* text;
};

struct Described {
  Operation operation;
  const char* id;
  const char* summary;
  const char* success;
  std::vector<Member> body;
};

std::vector<Member> release_members() {
  return {{"version", "string", "Required."},
          {"color", "string", "blue or green: it runs there, stage it."},
          {"git_commit", "string", ""},
          {"first_commit_at", "string", "RFC 3339; or a number, seconds since 1970."},
          {"deployed_by", "string", "Else who calls."},
          {"commits", "integer", ""},
          {"lines", "integer", ""},
          {"unplanned", "boolean", "A hot fix."},
          {"reversible", "string", "yes, no or unknown."},
          {"migration_id", "string", ""},
          {"contract_sha", "string", ""}};
}

std::vector<Described> of_releases() {
  return {
      {Operation::list_releases,
       "listReleases",
       "Releases, newest first, and how fit both sides are",
       "releases, fitness by color, active, rollback_target.",
       {}},
      {Operation::add_release, "addRelease",
       "Registers a release; a known version is told more about (200 instead of 201)",
       "The release, and warnings: staging over the rollback target loses it.", release_members()},
      {Operation::get_release, "getRelease", "One release", "The release.", {}},
      {Operation::stage_release,
       "stageRelease",
       "A release runs on a color now",
       "The release, and warnings.",
       {{"color", "string", "Else the side without the traffic."}, {"reason", "string", ""}}},
      {Operation::requalify_release,
       "requalifyRelease",
       "Takes a release that was rolled back out of quarantine",
       "The release.",
       {{"reason", "string", "Required; kept."}, {"color", "string", "Not used."}}},
      {Operation::retire_release,
       "retireRelease",
       "A release is given up",
       "The release, and warnings.",
       {{"reason", "string", ""}, {"color", "string", "Not used."}}},
  };
}

std::vector<Described> of_the_way_back() {
  return {
      {Operation::get_hold,
       "getHold",
       "Whether promotes are held back, and by whom",
       "held, hold, history.",
       {}},
      {Operation::place_hold,
       "placeHold",
       "Holds promotes and automatic rollbacks back; never a rollback by hand",
       "held, hold.",
       {{"reason", "string", "Shown to whoever is stopped by it."},
        {"for", "string", "A duration, 30 days at most; else until it is lifted."},
        {"until", "string", "A time, in its place."}}},
      {Operation::lift_hold, "liftHold", "Lifts the hold", "held, already.", {}},
      {Operation::null_flips,
       "nullFlips",
       "Rehearsals of the way back",
       "last, last_good, since_start, and a histogram for each hour; bounds_us are its bounds.",
       {}},
      {Operation::durations,
       "durations",
       "How long rollbacks, drills and promotes have really taken",
       "By kind: n, newest, stages (n, median_ms, p95_ms, max_ms), confidence, honesty.",
       {}},
      {Operation::get_bake,
       "bake",
       "How the newest release is watched, and what speaks against going back by itself",
       "window (outcome, verdict, guards) or null, and cost.",
       {}},
      {Operation::get_bake_audit,
       "bakeAudit",
       "Alarms of watched releases, held against what people did",
       "watched, would, confirmed, false_alarms, missed, recommend, advice, releases.",
       {}},
      {Operation::get_readiness,
       "readiness",
       "Could we go back right now? The five questions, with what was measured",
       "overall, questions (grade, lines, trouble, facts), cost_of_waiting, ready_30d, gap.",
       {}},
  };
}

std::vector<Described> of_notify() {
  return {
      {Operation::list_notify,
       "listNotify",
       "Who is told of what happens, and whether messages arrive",
       "targets, each with sent, failed, dropped, queued, last_error.",
       {}},
      {Operation::test_notify,
       "testNotify",
       "Sends one message to a target now",
       "delivered, status, took_ms, error.",
       {}},
  };
}

std::vector<Described> all() {
  auto calls = of_releases();
  for (auto part : {of_the_way_back, of_notify})
    for (auto& call : part()) calls.push_back(std::move(call));
  return calls;
}

json::object body_of(const std::vector<Member>& members) {
  json::object properties;
  for (const auto& member : members) {
    json::object property{{"type", member.type}};
    if (*member.text) property["description"] = member.text;
    properties[member.name] = std::move(property);
  }
  return {{"required", false},
          {"content",
           {{"application/json",
             {{"schema", {{"type", "object"}, {"properties", std::move(properties)}}}}}}}};
}

json::object operation_of(const Described& call, const Route& route) {
  const json::object refusal{{"$ref", "#/components/responses/Problem"}};
  const json::object success{
      {"description", call.success},
      {"content", {{"application/json", {{"schema", {{"type", "object"}}}}}}}};
  json::object responses{{"200", success}};
  if (call.operation == Operation::add_release) responses["201"] = success;
  for (const char* status : {"400", "401", "403", "404", "409", "422", "503"})
    responses[status] = refusal;
  json::object out{{"operationId", call.id},
                   {"summary", call.summary},
                   {"x-role", role_name(route.role)},
                   {"responses", std::move(responses)}};
  if (!call.body.empty()) out["requestBody"] = body_of(call.body);
  return out;
}

}  // namespace

std::string with_releases(std::string_view document) {
  auto whole = json::parse({document.data(), document.size()}).as_object();
  auto& paths = whole["paths"].as_object();
  for (const Described& call : all()) {
    for (const auto& route : routes()) {
      if (route.operation != call.operation) continue;
      auto& path = paths[route.pattern];
      if (path.is_null()) {
        json::array parameters;
        if (route.pattern.find("{s}") != std::string_view::npos)
          parameters.push_back(json::object{{"$ref", "#/components/parameters/service"}});
        if (route.pattern.find("{id}") != std::string_view::npos)
          parameters.push_back({{"name", "id"},
                                {"in", "path"},
                                {"required", true},
                                {"schema", {{"type", "string"}}},
                                {"description", "The target's name."}});
        if (route.pattern.find("{v}") != std::string_view::npos)
          parameters.push_back({{"name", "v"},
                                {"in", "path"},
                                {"required", true},
                                {"schema", {{"type", "string"}}},
                                {"description", "The release's version."}});
        path = json::object{{"parameters", std::move(parameters)}};
      }
      std::string method(route.method);
      for (char& c : method) c = static_cast<char>(c | 0x20);
      path.as_object()[method] = operation_of(call, route);
    }
  }
  return json::serialize(whole);
}

}  // namespace switchback::api
