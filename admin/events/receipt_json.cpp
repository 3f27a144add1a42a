#include "admin/events/receipt_json.hpp"

#include <boost/json.hpp>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace switchback::events {
namespace json = boost::json;
namespace {

constexpr std::string_view kinds[] = {"promote", "rollback", "auto_rollback", "drill"};
constexpr std::string_view states[] = {
    "switching", "switched",   "draining",  "drained",
    "verified",  "unverified", "regressed", "failed_before_switch"};

struct NamedStage {
  const char* name;
  std::optional<double> Stages::*member;
};
constexpr NamedStage named_stages[] = {
    {"decided", &Stages::decided},   {"persisted", &Stages::persisted},
    {"switched", &Stages::switched}, {"first_new", &Stages::first_new},
    {"last_old", &Stages::last_old}, {"drained", &Stages::drained},
    {"verified", &Stages::verified},
};

// The clock is no better than a microsecond; more digits would only look precise.
double in_micros(double ms) {
  return std::round(ms * 1000) / 1000;
}

json::object stages_object(const Stages& stages) {
  json::object out;
  for (const auto& stage : named_stages)
    if (const auto& value = stages.*stage.member) out[stage.name] = in_micros(*value);
  return out;
}

json::object counts_object(const drain::Counts& counts) {
  json::object out;
  for (std::size_t c = 0; c < drain::class_count; ++c) {
    json::object row;
    row["accepted"] = counts[c].accepted;
    for (std::size_t o = 0; o < drain::outcome_count; ++o)
      row[drain::to_string(static_cast<drain::Outcome>(o))] = counts[c].ended[o];
    row["in_flight"] = counts[c].in_flight();
    row["retried"] = counts[c].retried;
    out[drain::to_string(static_cast<drain::TrafficClass>(c))] = std::move(row);
  }
  return out;
}

// Reading, for what this program wrote itself: a member of another type counts as missing.
class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}
  void text(const char* name, std::string& out) const {
    if (const auto* v = object_.if_contains(name); v && v->is_string())
      out.assign(v->get_string().data(), v->get_string().size());
  }
  void flag(const char* name, bool& out) const {
    if (const auto* v = object_.if_contains(name); v && v->is_bool()) out = v->get_bool();
  }
  void number(std::string_view name, std::uint64_t& out) const {
    const auto* v = object_.if_contains(name);
    boost::system::error_code ec;
    const auto value = v ? v->to_number<std::uint64_t>(ec) : 0;
    if (v && !ec) out = value;
  }
  const json::object* object(std::string_view name) const {
    const auto* v = object_.if_contains(name);
    return v ? v->if_object() : nullptr;
  }
  const json::array* array(const char* name) const {
    const auto* v = object_.if_contains(name);
    return v ? v->if_array() : nullptr;
  }

 private:
  const json::object& object_;
};

template <class Enum, std::size_t N>
void read_enum(const Reader& reader, const char* name, const std::string_view (&names)[N],
               Enum& out) {
  std::string text;
  reader.text(name, text);
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == text) out = static_cast<Enum>(i);
}

void read_color(const Reader& reader, const char* name, Color& out) {
  constexpr std::string_view colors[] = {"blue", "green"};
  read_enum(reader, name, colors, out);
}

void read_stages(const json::object& object, Stages& out) {
  for (const auto& stage : named_stages) {
    const auto* v = object.if_contains(stage.name);
    if (v && v->is_number()) out.*stage.member = v->to_number<double>();
  }
}

void read_counts(const Reader& reader, drain::Counts& out) {
  for (std::size_t c = 0; c < drain::class_count; ++c) {
    const auto* object = reader.object(drain::to_string(static_cast<drain::TrafficClass>(c)));
    if (!object) continue;
    const Reader row(*object);
    row.number("accepted", out[c].accepted);
    row.number("retried", out[c].retried);
    for (std::size_t o = 0; o < drain::outcome_count; ++o)
      row.number(drain::to_string(static_cast<drain::Outcome>(o)), out[c].ended[o]);
  }
}

std::int64_t parse_rfc3339(const std::string& text) {
  std::tm parts{};
  int ms = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &ms) != 7)
    return 0;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return static_cast<std::int64_t>(::timegm(&parts)) * 1'000'000 + ms * 1000;
}

}  // namespace

std::string_view to_string(FlipKind k) {
  return kinds[static_cast<std::size_t>(k)];
}
std::string_view to_string(FlipState s) {
  return states[static_cast<std::size_t>(s)];
}

std::string rfc3339(std::int64_t wall_us) {
  const std::time_t seconds = static_cast<std::time_t>(wall_us / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char date[32], out[48];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(out, sizeof out, "%s.%03dZ", date, static_cast<int>(wall_us / 1000 % 1000));
  return out;
}

json::object verification_object(const Verification& v) {
  json::array checks;
  for (const auto& check : v.checks) {
    json::object line{{"name", check.name},         {"ok", check.ok},
                      {"observed", check.observed}, {"latency_us", check.latency_us},
                      {"passes", check.passes},     {"runs", check.runs}};
    if (!check.server.empty()) line["server"] = check.server;
    if (!check.expected.empty()) line["expected"] = check.expected;
    checks.push_back(std::move(line));
  }
  return {{"state", v.state}, {"settled", v.settled},         {"verdict", v.verdict},
          {"label", v.label}, {"deadline_ms", v.deadline_ms}, {"checks", std::move(checks)}};
}

Verification read_verification(const Reader& reader) {
  Verification v;
  reader.text("state", v.state);
  reader.flag("settled", v.settled);
  reader.text("verdict", v.verdict);
  reader.text("label", v.label);
  std::uint64_t deadline = 0;
  reader.number("deadline_ms", deadline);
  v.deadline_ms = static_cast<std::int64_t>(deadline);
  if (const auto* checks = reader.array("checks")) {
    for (const auto& value : *checks) {
      if (!value.is_object()) continue;
      const Reader line(value.get_object());
      CheckLine check;
      line.text("name", check.name);
      line.flag("ok", check.ok);
      line.text("server", check.server);
      line.text("observed", check.observed);
      line.text("expected", check.expected);
      line.number("latency_us", check.latency_us);
      std::uint64_t passes = 0, runs = 0;
      line.number("passes", passes);
      line.number("runs", runs);
      check.passes = static_cast<unsigned>(passes);
      check.runs = static_cast<unsigned>(runs);
      v.checks.push_back(std::move(check));
    }
  }
  return v;
}

json::object receipt_object(const Receipt& r) {
  json::object out;
  out["flip"] = r.flip;
  out["kind"] = to_string(r.kind);
  out["service"] = r.service;
  out["from"] = to_string(r.from);
  out["to"] = to_string(r.to);
  out["from_release"] = r.from_release;
  out["to_release"] = r.to_release;
  out["epoch"] = r.epoch;
  out["actor"] = r.actor;
  out["auth"] = r.auth;
  out["reason"] = r.reason;
  out["state"] = to_string(r.state);
  out["moved"] = r.moved;
  out["already"] = r.already;
  out["durable"] = r.durable;
  if (r.forced) out["forced"] = true;
  if (r.superseded) out["superseded"] = true;
  out["at"] = rfc3339(r.wall_us);
  out["stages_ms"] = stages_object(r.stages_ms);
  out["counts"] = counts_object(r.counts);
  if (r.verification) out["verification"] = verification_object(*r.verification);
  json::array warnings;
  for (const auto& warning : r.warnings) warnings.emplace_back(warning);
  out["warnings"] = std::move(warnings);
  if (!r.tags.empty()) {
    json::array tags;
    for (const auto& tag : r.tags) tags.emplace_back(tag);
    out["tags"] = std::move(tags);
  }
  if (!r.lagging_workers.empty()) {
    json::array lagging;
    for (unsigned worker : r.lagging_workers) lagging.emplace_back(worker);
    out["lagging_workers"] = std::move(lagging);
  }
  return out;
}

std::string receipt_json(const Receipt& receipt) {
  return json::serialize(receipt_object(receipt));
}

std::optional<Receipt> receipt_from_json(std::string_view text) {
  boost::system::error_code ec;
  const auto value = json::parse(json::string_view(text.data(), text.size()), ec);
  const auto* object = ec ? nullptr : value.if_object();
  if (!object || !object->contains("flip") || !object->contains("service")) return std::nullopt;
  const Reader reader(*object);
  Receipt r;
  reader.text("flip", r.flip);
  reader.text("service", r.service);
  read_enum(reader, "kind", kinds, r.kind);
  read_enum(reader, "state", states, r.state);
  read_color(reader, "from", r.from);
  read_color(reader, "to", r.to);
  reader.text("from_release", r.from_release);
  reader.text("to_release", r.to_release);
  reader.number("epoch", r.epoch);
  reader.text("actor", r.actor);
  reader.text("auth", r.auth);
  reader.text("reason", r.reason);
  for (auto [name, member] : {std::pair{"moved", &r.moved},
                              {"already", &r.already},
                              {"durable", &r.durable},
                              {"forced", &r.forced},
                              {"superseded", &r.superseded}})
    reader.flag(name, *member);
  std::string at;
  reader.text("at", at);
  r.wall_us = parse_rfc3339(at);
  if (const auto* stages = reader.object("stages_ms")) read_stages(*stages, r.stages_ms);
  if (const auto* counts = reader.object("counts")) read_counts(Reader(*counts), r.counts);
  if (const auto* shown = reader.object("verification"))
    r.verification = read_verification(Reader(*shown));
  if (const auto* warnings = reader.array("warnings"))
    for (const auto& w : *warnings)
      if (w.is_string()) r.warnings.emplace_back(w.get_string().c_str());
  if (const auto* tags = reader.array("tags"))
    for (const auto& tag : *tags)
      if (tag.is_string()) r.tags.emplace_back(tag.get_string().c_str());
  if (const auto* lagging = reader.array("lagging_workers"))
    for (const auto& w : *lagging)
      if (w.is_number()) r.lagging_workers.push_back(w.to_number<unsigned>());
  return r;
}

}  // namespace switchback::events
