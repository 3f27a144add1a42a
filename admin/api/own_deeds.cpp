#include "admin/api/own_deeds.hpp"

#include <boost/json.hpp>

#include "admin/api/people_json.hpp"

namespace switchback::api {

namespace json = boost::json;

namespace {

std::string text_of(const json::object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string(text->data(), text->size()) : std::string();
}

// The action's name; "" for what is no deed of ours.
std::string action_of(const std::string& type, const json::object& body) {
  const auto actor = text_of(body, "actor");
  const bool ours = actor.starts_with("switchback (");  // a person may be called switchback
  if (type == "flip.switched")
    return text_of(body, "kind") == "auto_rollback" ? "rollback.auto" : "";
  if (type == "flip.refused") return ours ? "rollback.auto" : "";
  if (type == "flip.resumed" || type == "flip.recovered" || type == "flip.failed_before_switch")
    return "flip.recovered";
  if (type == "release.rolled_back")
    // A release that stays in quarantine while something else about it changes is no deed.
    return text_of(body, "from_state") == "rolled_back" ? "" : "release.quarantined";
  if (type == "release.lost") return text_of(body, "from_state") == "lost" ? "" : "release.lost";
  if (type.starts_with("release.") && text_of(body, "from_state") == "rolled_back")
    return "release.requalified";
  if (type == "hold.ended") return "hold.ended";
  if (type == "bake.would_go_back") return "bake.advised";
  return type == "bake.blocked" ? "bake.blocked" : "";
}

}  // namespace

std::optional<ledger::AuditEntry> own_deed(const release::Event& event, std::int64_t now_us) {
  const auto dot = event.type.find('.');
  const auto room = std::string_view(event.type).substr(0, dot);
  if (room != "flip" && room != "release" && room != "hold" && room != "bake") return std::nullopt;
  boost::system::error_code error;
  const auto value = json::parse(event.json, error);
  if (error || !value.is_object()) return std::nullopt;
  const json::object& body = value.get_object();
  const std::string action = action_of(event.type, body);
  if (action.empty()) return std::nullopt;
  json::object kept;
  for (const char* name :
       {"service",    "flip",    "kind",   "from",       "to",      "from_release",
        "to_release", "epoch",   "reason", "moved",      "durable", "code",
        "title",      "version", "state",  "from_state", "color",   "why",
        "until",      "release", "text",   "tags"}) {
    if (const auto* member = body.if_contains(name)) kept[name] = *member;
  }
  if (event.type == "hold.ended" || event.type.starts_with("flip.re") ||
      event.type == "flip.failed_before_switch")
    kept["whose"] = text_of(body, "actor");
  if (event.type == "flip.refused") kept["result"] = "refused";
  return ledger::AuditEntry{now_us, "switchback", "internal", "", action, canonical_json(kept)};
}

}  // namespace switchback::api
