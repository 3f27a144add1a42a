#include "admin/api/people_json.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "admin/people/roles.hpp"
#include "config/dates.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::api {

namespace json = boost::json;

namespace {

json::array names_array(const std::vector<std::string>& names) {
  json::array out;
  for (const auto& name : names) out.emplace_back(name);
  return out;
}

bool secret(std::string_view name) {
  constexpr std::string_view names[] = {"token", "secret", "password", "authorization", "key"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

json::value canonical(const json::value& value) {
  if (const auto* list = value.if_array()) {
    json::array out;
    for (const auto& item : *list) out.push_back(canonical(item));
    return out;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return value;
  std::vector<std::string_view> names;
  for (const auto& member : *object) names.push_back(member.key());
  std::sort(names.begin(), names.end());
  json::object out;
  for (const auto& name : names)
    out[name] = secret(name) ? json::value("(not kept)") : canonical(object->at(name));
  return out;
}

}  // namespace

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

json::value time_or_null(std::int64_t wall_us) {
  return wall_us == 0 ? json::value() : json::value(config::format_instant(wall_us));
}

json::value services_or_null(const std::vector<std::string>& services) {
  return services.empty() ? json::value() : json::value(names_array(services));
}

json::object person_object(const people::PersonView& person) {
  return {{"name", person.name},
          {"auth", names_array(person.auth)},
          {"role", people::role_text(person.role)},
          {"services", services_or_null(person.services)},
          {"last_used_at", time_or_null(person.last_used_us)},
          {"last_operated_at", time_or_null(person.last_operated_us)},
          {"token_expires_at", time_or_null(person.token_expires_us)},
          {"on_call", person.on_call}};
}

json::object token_object(const people::TokenEntry& token, std::int64_t now_us) {
  json::object out{{"id", token.id},
                   {"name", token.name},
                   {"role", people::role_text(token.role)},
                   {"services", services_or_null(token.services)},
                   {"from", token.configured ? "configuration" : "ledger"},
                   {"state", people::to_string(token.state(now_us))},
                   {"created_at", time_or_null(token.created_us)},
                   {"created_by", token.created_by},
                   {"expires_at", time_or_null(token.expires_us)},
                   {"last_used_at", time_or_null(token.last_used_us)}};
  if (token.revoked_us != 0) {
    out["revoked_at"] = time_or_null(token.revoked_us);
    out["revoked_by"] = token.revoked_by;
  }
  return out;
}

json::object audit_object(const ledger::AuditRow& row) {
  return {{"seq", row.seq},   {"at_us", row.wall_us},       {"actor", row.actor},
          {"auth", row.auth}, {"source", row.source},       {"action", row.action},
          {"text", row.text}, {"prev_hash", row.prev_hash}, {"hash", row.hash}};
}

json::object anchor_object(const people::Anchor& anchor) {
  json::object out{{"at", config::format_instant(anchor.at_us)}};
  if (!anchor.begun_anew.empty()) {
    out["begun_anew"] = anchor.begun_anew;
  } else {
    out["seq"] = anchor.seq;
    out["hash"] = anchor.hash;
  }
  return out;
}

metrics::PeopleCounts people_counts(const people::People& people) {
  metrics::PeopleCounts out;
  const auto now = wall_us();
  for (const auto& token : people.tokens().all()) {
    const auto state = token.state(now);
    out.tokens_valid += state == people::TokenState::valid ? 1 : 0;
    out.tokens_expiring += state == people::TokenState::expiring ? 1 : 0;
    out.tokens_expired += state == people::TokenState::expired ? 1 : 0;
    if (token.expires_us == 0 || !token.usable(now)) continue;
    // Of two tokens of a name, one is in its grace: the later end is what matters.
    const double days = static_cast<double>(token.expires_us - now) / people::day_us;
    const auto same = std::find_if(out.token_days.begin(), out.token_days.end(),
                                   [&](const auto& other) { return other.first == token.name; });
    if (same == out.token_days.end()) {
      out.token_days.emplace_back(token.name, days);
    } else {
      same->second = std::max(same->second, days);
    }
  }
  const auto hands = people.hands();
  out.able_hands = hands.able;
  out.proven_hands = hands.proven;
  const auto audit = people.audit().stats();
  out.audit_queued = audit.queued;
  out.audit_noted = audit.noted;
  out.audit_lost = audit.lost;
  out.audit_summed = audit.summed;
  out.audit_seq = people.audit().mark().seq;
  return out;
}

std::string canonical_json(const json::value& value) {
  return json::serialize(canonical(value));
}

}  // namespace switchback::api
