#include "admin/api/own_deeds.hpp"

#include <boost/json.hpp>

#include "admin/api/people_json.hpp"

namespace switchback::api {

namespace json = boost::json;

namespace {

// The action's name; "" for what is no deed of ours.
struct ActionOf {
  std::string operator()(const events::FlipStepped& e) const {
    switch (e.step) {
      case events::FlipStep::switched:
        return e.receipt.kind == events::FlipKind::auto_rollback ? "rollback.auto" : "";
      case events::FlipStep::resumed:
      case events::FlipStep::recovered:
      case events::FlipStep::failed_before_switch:
        return "flip.recovered";
      default:
        return "";
    }
  }
  std::string operator()(const events::FlipRefused& e) const {
    return e.automatic ? "rollback.auto" : "";
  }
  // A release that stays in quarantine while something else about it changes is no deed.
  std::string operator()(const events::ReleaseMoved& e) const {
    using events::ReleaseState;
    const auto to = e.release.state;
    if (!e.from || *e.from == to) return "";
    if (to == ReleaseState::rolled_back) return "release.quarantined";
    if (to == ReleaseState::lost) return "release.lost";
    return *e.from == ReleaseState::rolled_back ? "release.requalified" : "";
  }
  std::string operator()(const events::HoldChanged& e) const {
    return e.step == events::HoldStep::ended ? "hold.ended" : "";
  }
  std::string operator()(const events::BakeStepped& e) const {
    if (e.step == events::BakeStep::would_go_back) return "bake.advised";
    return e.step == events::BakeStep::blocked ? "bake.blocked" : "";
  }
  template <class Other>
  std::string operator()(const Other&) const {
    return "";
  }
};

// Whose call it had been, where the actor of the entry is switchback.
std::optional<std::string> whose(const events::Event& event) {
  if (const auto* refused = event.as<events::FlipRefused>()) return refused->actor;
  if (const auto* hold = event.as<events::HoldChanged>()) return hold->hold.actor;
  const auto* flip = event.as<events::FlipStepped>();
  if (!flip || flip->step == events::FlipStep::switched) return std::nullopt;
  return flip->receipt.actor;
}

}  // namespace

std::optional<ledger::AuditEntry> own_deed(const events::Event& event, std::int64_t now_us) {
  const std::string action = std::visit(ActionOf{}, event.body());
  if (action.empty()) return std::nullopt;
  const json::object body = events::event_object(event);
  json::object kept;
  for (const char* name :
       {"service",    "flip",    "kind",   "from",       "to",      "from_release",
        "to_release", "epoch",   "reason", "moved",      "durable", "code",
        "title",      "version", "state",  "from_state", "color",   "why",
        "until",      "release", "text",   "tags"}) {
    if (const auto* member = body.if_contains(name)) kept[name] = *member;
  }
  if (const auto actor = whose(event)) kept["whose"] = *actor;
  if (event.as<events::FlipRefused>()) kept["result"] = "refused";
  return ledger::AuditEntry{now_us, "switchback", "internal", "", action, canonical_json(kept)};
}

}  // namespace switchback::api
