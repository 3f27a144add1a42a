// Releases, holds, null flips and durations.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cstdio>
#include <ctime>

#include "admin/api/api.hpp"
#include "admin/api/body.hpp"
#include "admin/events/receipt_json.hpp"
#include "admin/release/durations.hpp"
#include "admin/releases/null_flips.hpp"
#include "admin/releases/releases.hpp"
#include "admin/releases/views.hpp"
#include "config/units.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::api {

namespace json = boost::json;

namespace {

using releases::NewRelease;

constexpr std::size_t most_fact_bytes = 200;
constexpr config::Duration longest_hold{30LL * 24 * 3600 * 1000};

Refusal fault(std::string code, std::string detail) {
  return refusal(422, std::move(code), "The request is not understood", std::move(detail));
}

// RFC 3339, any offset, as `git log -1 --format=%cI` and `date -Is` write it.
std::optional<std::int64_t> parse_time(const std::string& text) {
  std::tm parts{};
  int used = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &used) != 6 ||
      used == 0)
    return std::nullopt;
  std::string rest = text.substr(static_cast<std::size_t>(used));
  if (rest.starts_with('.'))
    rest.erase(0, std::min(rest.find_first_not_of("0123456789", 1), rest.size()));
  int hours = 0, minutes = 0;
  if (rest != "Z" && rest != "z") {
    char sign = 0;
    if (rest.size() != 6 || std::sscanf(rest.c_str(), "%c%2d:%2d", &sign, &hours, &minutes) != 3 ||
        (sign != '+' && sign != '-'))
      return std::nullopt;
    if (sign == '-') {
      hours = -hours;
      minutes = -minutes;
    }
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return (static_cast<std::int64_t>(::timegm(&parts)) - hours * 3600 - minutes * 60) * 1'000'000;
}

std::optional<Refusal> read_time(const json::object& body, std::string_view field,
                                 std::optional<std::int64_t>& out) {
  const auto* value = body.if_contains(field);
  if (value == nullptr) return std::nullopt;
  if (value->is_int64() && value->get_int64() > 0) {  // seconds, as `git log --format=%ct`
    out = value->get_int64() * 1'000'000;
    return std::nullopt;
  }
  const auto* text = value->if_string();
  if (text) out = parse_time(std::string(text->data(), text->size()));
  if (out) return std::nullopt;
  return fault("bad_time", "'" + std::string(field) +
                               "' has to be a time such as \"2026-11-22T15:41:23Z\", or seconds "
                               "since 1970.");
}

std::optional<Refusal> read_count(const json::object& body, std::string_view field,
                                  std::optional<std::int64_t>& out) {
  const auto* value = body.if_contains(field);
  if (value == nullptr) return std::nullopt;
  if (!value->is_int64() || value->get_int64() < 0) return wrong_type(field, "a count", *value);
  out = value->get_int64();
  return std::nullopt;
}

std::optional<Refusal> read_color(const json::object& body, std::optional<Color>& out) {
  std::optional<std::string> text;
  if (auto refused = read_string(body, "color", 16, text)) return refused;
  if (!text) return std::nullopt;
  if (*text == "blue") out = Color::blue;
  if (*text == "green") out = Color::green;
  if (out) return std::nullopt;
  return fault("bad_color", "'color' has to be blue or green.");
}

Parsed<NewRelease> read_release(const web::Request& request) {
  auto parsed = parse_object(
      request.body, {"version", "color", "git_commit", "first_commit_at", "deployed_by", "commits",
                     "lines", "unplanned", "reversible", "migration_id", "contract_sha"});
  if (auto* refused = std::get_if<Refusal>(&parsed)) return std::move(*refused);
  const auto& body = std::get<json::object>(parsed);
  NewRelease out;
  std::optional<std::string> version;
  const std::pair<const char*, std::optional<std::string>*> texts[] = {
      {"version", &version},
      {"git_commit", &out.git_commit},
      {"deployed_by", &out.deployed_by},
      {"reversible", &out.reversible},
      {"migration_id", &out.migration_id},
      {"contract_sha", &out.contract_sha}};
  for (const auto& [name, place] : texts)
    if (auto refused = read_string(body, name, most_fact_bytes, *place)) return *refused;
  for (const auto& [name, place] : {std::pair{"commits", &out.commits}, {"lines", &out.lines}})
    if (auto refused = read_count(body, name, *place)) return *refused;
  if (auto refused = read_time(body, "first_commit_at", out.first_commit_wall_us)) return *refused;
  if (auto refused = read_color(body, out.color)) return *refused;
  if (const auto* value = body.if_contains("unplanned")) {
    if (!value->is_bool()) return wrong_type("unplanned", "true or false", *value);
    out.unplanned = value->get_bool();
  }
  if (out.reversible && *out.reversible != "yes" && *out.reversible != "no" &&
      *out.reversible != "unknown")
    return fault("bad_reversible", "'reversible' has to be yes, no or unknown.");
  if (!version || version->empty())
    return fault("version_missing", "Say which version: {\"version\":\"v1.4\"}.");
  out.version = std::move(*version);
  return out;
}

struct HoldBody {
  std::string reason;
  std::int64_t until_wall_us = 0;
};

Parsed<HoldBody> read_hold(const web::Request& request) {
  auto parsed = parse_object(request.body, {"reason", "for", "until"});
  if (auto* refused = std::get_if<Refusal>(&parsed)) return std::move(*refused);
  const auto& body = std::get<json::object>(parsed);
  HoldBody out;
  std::optional<std::string> reason, length;
  std::optional<std::int64_t> until;
  if (auto refused = read_string(body, "reason", most_reason_bytes, reason)) return *refused;
  if (auto refused = read_string(body, "for", 32, length)) return *refused;
  if (auto refused = read_time(body, "until", until)) return *refused;
  out.reason = reason.value_or("");
  if (length && until) return fault("bad_duration", "Say `for` or `until`, not both.");
  if (length) {
    const auto duration = config::parse_duration(*length);
    const auto* value = std::get_if<config::Duration>(&duration);
    if (value == nullptr || value->count() <= 0 || *value > longest_hold)
      return fault("bad_duration",
                   "'for' has to be a duration such as \"30m\" or \"2h\", at most " +
                       config::format_duration(longest_hold) + ".");
    until = wall_us() + value->count() * 1000;
  }
  if (until && *until <= wall_us()) return fault("bad_time", "'until' is over already.");
  out.until_wall_us = until.value_or(0);
  return out;
}

json::object taken_object(const releases::Taken& taken) {
  auto out = releases::release_object(taken.release);
  json::array warnings;
  for (const auto& warning : taken.warnings) warnings.emplace_back(warning);
  out["warnings"] = std::move(warnings);
  return out;
}

json::value hold_or_null(const std::optional<releases::Hold>& hold) {
  return hold ? json::value(releases::hold_object(*hold)) : json::value();
}

json::object null_flips_object(const releases::NullFlips& flips, const std::string& service) {
  json::object out{{"service", service}, {"period_ms", flips.period(service).count()}};
  const auto one = [](const std::optional<releases::NullFlip>& flip) {
    return flip ? json::value(releases::null_flip_object(*flip)) : json::value();
  };
  out["last"] = one(flips.last(service));
  out["last_good"] = one(flips.last_good(service));
  const auto totals = flips.totals(service);
  out["since_start"] =
      json::object{{"good", totals.good}, {"failed", totals.failed}, {"dropped", totals.dropped}};
  json::array bounds, hours;
  for (std::size_t i = 0; i + 1 < releases::null_flip_buckets; ++i)
    bounds.emplace_back(std::uint64_t{16} << i);
  for (const auto& hour : flips.hours(service)) hours.push_back(releases::hour_object(hour));
  out["bounds_us"] = std::move(bounds);
  out["hours"] = std::move(hours);
  return out;
}

json::object releases_object(const releases::Releases& room, const worker::ServiceView& view,
                             const std::optional<Color>& target) {
  json::array list;
  for (const auto& release : room.list(view.service))
    list.push_back(releases::release_object(release));
  json::object fitness;
  const double needed = room.fitness(view.service, view.active).rps_now;
  for (const Color color : {Color::blue, Color::green})
    fitness[to_string(color)] = releases::fitness_object(room.fitness(view.service, color), needed);
  return {{"service", view.service},
          {"active", to_string(view.active)},
          {"rollback_target", target ? json::value(to_string(*target)) : json::value()},
          {"fitness", std::move(fitness)},
          {"releases", std::move(list)}};
}

bool of_this_room(Operation operation) {
  return operation >= Operation::list_releases && operation <= Operation::durations;
}

Answer problem(const web::Request& request, const release::Problem& said) {
  Refusal refused;
  refused.problem = said;
  return problem_response(refused, request.path);
}

}  // namespace

std::optional<Answer> Api::releasing(const Call& call) {
  if (!of_this_room(call.route.operation)) return std::nullopt;
  if (const auto refused = unknown_service(call.parameter)) return refuse(call.request, *refused);
  if (call.route.operation == Operation::durations) {
    auto out =
        release::report_object(release::durations_of(controller_.history(call.parameter, 1000)));
    out["service"] = call.parameter;
    return json_response(out);
  }
  auto* room = rooms_.releases;
  if (room == nullptr || rooms_.null_flips == nullptr)
    return refuse(call.request, refusal(503, "not_here", "This is not there yet", ""));
  switch (call.route.operation) {
    case Operation::list_releases:
      if (auto view = plane_.view(call.parameter)) {
        controller_.name_releases(*view);
        return json_response(
            releases_object(*room, *view, controller_.rollback_target(call.parameter)));
      }
      return refuse(call.request, *unknown_service(call.parameter));
    case Operation::get_release: {
      if (const auto found = room->find(call.parameter, call.item))
        return json_response(releases::release_object(*found));
      return refuse(call.request,
                    refusal(404, "unknown_release", "There is no such release",
                            "No release '" + call.item.substr(0, 64) + "' was registered.",
                            "switchback release list " + call.parameter));
    }
    case Operation::get_hold: {
      json::array history;
      for (const auto& hold : room->holds(call.parameter))
        history.push_back(releases::hold_object(hold));
      const auto hold = room->held(call.parameter);
      return json_response({{"service", call.parameter},
                            {"held", hold.has_value()},
                            {"hold", hold_or_null(hold)},
                            {"history", std::move(history)}});
    }
    case Operation::null_flips:
      return json_response(null_flips_object(*rooms_.null_flips, call.parameter));
    case Operation::add_release:
      return add_release(call);
    case Operation::place_hold:
      return place_hold(call);
    case Operation::lift_hold:
      return lift_hold(call);
    default:
      return change_release(call);
  }
}

void Api::audit_release(const Call& call, json::object line) {
  line["actor"] = call.actor.name;
  line["auth"] = call.actor.auth;
  line["service"] = call.parameter;
  write_audit(line);
}

Answer Api::add_release(const Call& call) {
  auto parsed = read_release(call.request);
  if (const auto* refused = std::get_if<Refusal>(&parsed)) return refuse(call.request, *refused);
  auto& told = std::get<NewRelease>(parsed);
  told.service = call.parameter;
  if (!told.deployed_by && !rooms_.releases->find(told.service, told.version))
    told.deployed_by = call.actor.name;
  const auto outcome = rooms_.releases->add(told, call.actor);
  const auto* said = std::get_if<release::Problem>(&outcome);
  audit_release(call, {{"action", "release.add"},
                       {"version", told.version},
                       {"result", said ? said->code : "taken"}});
  if (said) return problem(call.request, *said);
  const auto& taken = std::get<releases::Taken>(outcome);
  auto response = json_response(taken_object(taken), taken.created ? 201 : 200);
  response.fields.emplace_back("Location", "/v1/services/" + web::percent_encode(told.service) +
                                               "/releases/" + web::percent_encode(told.version));
  return response;
}

Answer Api::change_release(const Call& call) {
  auto parsed = parse_object(call.request.body, {"reason", "color"});
  if (const auto* refused = std::get_if<Refusal>(&parsed)) return refuse(call.request, *refused);
  const auto& body = std::get<json::object>(parsed);
  std::optional<std::string> reason;
  std::optional<Color> color;
  if (const auto refused = read_string(body, "reason", most_reason_bytes, reason))
    return refuse(call.request, *refused);
  if (const auto refused = read_color(body, color)) return refuse(call.request, *refused);
  const auto operation = call.route.operation;
  if (operation == Operation::requalify_release &&
      reason.value_or("").find_first_not_of(" \t\r\n") == std::string::npos)
    return refuse(call.request,
                  fault("requalify_needs_reason", "Say why it is good now; the reason is kept."));
  auto& room = *rooms_.releases;
  const auto text = reason.value_or("");
  const auto outcome = operation == Operation::stage_release
                           ? room.stage(call.parameter, call.item, color, call.actor)
                       : operation == Operation::requalify_release
                           ? room.requalify(call.parameter, call.item, text, call.actor)
                           : room.retire(call.parameter, call.item, text, call.actor);
  const auto* said = std::get_if<release::Problem>(&outcome);
  audit_release(call, {{"action", operation == Operation::stage_release       ? "release.stage"
                                  : operation == Operation::requalify_release ? "release.requalify"
                                                                              : "release.retire"},
                       {"version", call.item},
                       {"reason", text},
                       {"result", said ? said->code : "taken"}});
  if (said) return problem(call.request, *said);
  return json_response(taken_object(std::get<releases::Taken>(outcome)));
}

Answer Api::place_hold(const Call& call) {
  auto parsed = read_hold(call.request);
  if (const auto* refused = std::get_if<Refusal>(&parsed)) return refuse(call.request, *refused);
  const auto& body = std::get<HoldBody>(parsed);
  const auto hold =
      rooms_.releases->hold(call.parameter, body.reason, body.until_wall_us, call.actor);
  audit_release(call, {{"action", "hold"}, {"reason", body.reason}, {"result", "held"}});
  return json_response(
      {{"service", call.parameter}, {"held", true}, {"hold", releases::hold_object(hold)}});
}

Answer Api::lift_hold(const Call& call) {
  if (const auto refused = refuse_body(call.request.body)) return refuse(call.request, *refused);
  const bool lifted = rooms_.releases->lift(call.parameter, call.actor);
  audit_release(call, {{"action", "hold.lift"}, {"result", lifted ? "lifted" : "already"}});
  return json_response({{"service", call.parameter}, {"held", false}, {"already", !lifted}});
}

// In a service's view: what stands in the way of a promote, and how the way back is.
void Api::show_rooms(const std::string& service, json::object& out) const {
  if (rooms_.releases == nullptr || rooms_.null_flips == nullptr) return;
  out["hold"] = hold_or_null(rooms_.releases->held(service));
  json::object registered;
  for (const Color color : {Color::blue, Color::green})
    if (const auto release = rooms_.releases->on(service, color))
      registered[to_string(color)] = to_string(release->state);
  out["release_states"] = std::move(registered);
  const auto last = rooms_.null_flips->last(service);
  out["null_flip"] = last ? json::value(releases::null_flip_object(*last)) : json::value();
}

}  // namespace switchback::api
