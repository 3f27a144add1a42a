// The name of each event and its members on the wire (docs/admin-api.md).
#include <boost/json.hpp>

#include "admin/events/event.hpp"
#include "admin/events/receipt_json.hpp"

namespace switchback::events {

namespace json = boost::json;

namespace {

constexpr std::string_view flip_steps[] = {
    "started",    "first_new", "last_old",   "switched", "drained",   "verified",
    "unverified", "regressed", "superseded", "resumed",  "recovered", "failed_before_switch"};
constexpr std::string_view hold_steps[] = {"placed", "lifted", "ended"};
constexpr std::string_view bake_steps[] = {"begun",   "warned",     "would_go_back", "goes_back",
                                           "blocked", "target_bad", "over"};

std::string joined(const char* room, std::string_view step) {
  return room + std::string(step);
}

struct TypeOf {
  std::string operator()(const FlipStepped& e) const { return joined("flip.", to_string(e.step)); }
  std::string operator()(const FlipRefused&) const { return "flip.refused"; }
  std::string operator()(const Paused&) const { return "paused"; }
  std::string operator()(const Resumed&) const { return "resumed"; }
  std::string operator()(const Reloaded&) const { return "reload"; }
  std::string operator()(const AlarmRaised&) const { return "alarm"; }
  std::string operator()(const AlarmCleared&) const { return "alarm.cleared"; }
  std::string operator()(const HealthChanged&) const { return "health"; }
  std::string operator()(const PanicChanged&) const { return "panic"; }
  std::string operator()(const ServerEjected&) const { return "ejection"; }
  std::string operator()(const ReleaseMoved& e) const {
    return joined("release.", e.from ? to_string(e.release.state) : "registered");
  }
  std::string operator()(const ReleaseAsked&) const { return "release.change"; }
  std::string operator()(const HoldChanged& e) const { return joined("hold.", to_string(e.step)); }
  std::string operator()(const BakeStepped& e) const { return joined("bake.", to_string(e.step)); }
  std::string operator()(const VerdictReached&) const { return "verdict"; }
  std::string operator()(const ReadinessChanged&) const { return "readiness"; }
  std::string operator()(const RehearsalFailed&) const { return "null_flip.failed"; }
  std::string operator()(const AuditAnchored&) const { return "audit.anchor"; }
};

// Members in the order of the wire, without the "at" that most of them end with.
struct ObjectOf {
  json::object operator()(const FlipStepped& e) const { return receipt_object(e.receipt); }
  json::object operator()(const FlipRefused& e) const {
    return {{"service", e.service}, {"kind", to_string(e.kind)}, {"code", e.code},
            {"title", e.title},     {"detail", e.detail},        {"moved", e.moved},
            {"actor", e.actor}};
  }
  json::object operator()(const Paused& e) const {
    return {{"service", e.service}, {"max_ms", e.max_ms}, {"actor", e.actor}, {"auth", e.auth}};
  }
  json::object operator()(const Resumed& e) const {
    return {{"service", e.service}, {"actor", e.actor}, {"auth", e.auth}, {"waited", e.waited}};
  }
  json::object operator()(const Reloaded& e) const {
    return {{"adopted", e.adopted}, {"text", e.text}};
  }
  json::object operator()(const AlarmRaised& e) const {
    return {{"code", e.code}, {"text", e.text}};
  }
  json::object operator()(const AlarmCleared& e) const { return {{"code", e.code}}; }
  json::object operator()(const HealthChanged& e) const {
    return {{"service", e.service}, {"color", switchback::to_string(e.color)},
            {"server", e.server},   {"from", e.from},
            {"to", e.to},           {"reason", e.reason}};
  }
  json::object operator()(const PanicChanged& e) const {
    return {{"service", e.service}, {"color", switchback::to_string(e.color)},
            {"panic", e.panic},     {"usable", e.usable},
            {"failing", e.failing}, {"servers", e.servers}};
  }
  json::object operator()(const ServerEjected& e) const {
    return {{"service", e.service}, {"color", switchback::to_string(e.color)},
            {"server", e.server},   {"failures", e.failures},
            {"last", e.last},       {"for_ms", e.for_ms}};
  }
  json::object operator()(const ReleaseMoved& e) const {
    auto out = release_object(e.release);
    out["from_state"] = e.from ? json::value(to_string(*e.from)) : json::value();
    out["why"] = e.why;
    return out;
  }
  json::object operator()(const ReleaseAsked& e) const {
    json::array warnings;
    for (const auto& warning : e.warnings) warnings.emplace_back(warning);
    return {{"service", e.service}, {"version", e.version}, {"action", e.action},
            {"actor", e.actor},     {"auth", e.auth},       {"warnings", std::move(warnings)}};
  }
  json::object operator()(const HoldChanged& e) const { return hold_object(e.hold); }
  json::object operator()(const BakeStepped& e) const {
    return {{"service", e.service},
            {"flip", e.flip},
            {"release", e.release},
            {"color", switchback::to_string(e.color)},
            {"text", e.text}};
  }
  json::object operator()(const VerdictReached& e) const {
    auto out = e.evidence;
    out["service"] = e.service;
    return out;
  }
  json::object operator()(const ReadinessChanged& e) const {
    return {{"service", e.service},
            {"overall", e.overall},
            {"question", e.question},
            {"reason", e.reason}};
  }
  json::object operator()(const RehearsalFailed& e) const {
    return {{"service", e.service}, {"fault", e.fault}};
  }
  json::object operator()(const AuditAnchored& e) const {
    return {{"seq", e.seq}, {"hash", e.hash}};
  }
};

}  // namespace

std::string_view to_string(FlipStep step) {
  return flip_steps[static_cast<std::size_t>(step)];
}
std::string_view to_string(HoldStep step) {
  return hold_steps[static_cast<std::size_t>(step)];
}
std::string_view to_string(BakeStep step) {
  return bake_steps[static_cast<std::size_t>(step)];
}

std::optional<FlipStep> flip_step_from(std::string_view text) {
  for (std::size_t i = 0; i < std::size(flip_steps); ++i)
    if (flip_steps[i] == text) return static_cast<FlipStep>(i);
  return std::nullopt;
}

std::string Event::type() const {
  return std::visit(TypeOf{}, body());
}

const std::string& Event::json() const {
  if (shared_->json.empty()) shared_->json = json::serialize(event_object(*this));
  return shared_->json;
}

std::string service_of(const Event& event) {
  return std::visit(
      []<class T>(const T& e) -> std::string {
        if constexpr (requires { e.receipt.service; }) {
          return e.receipt.service;
        } else if constexpr (requires { e.release.service; }) {
          return e.release.service;
        } else if constexpr (requires { e.hold.service; }) {
          return e.hold.service;
        } else if constexpr (requires { e.service; }) {
          return e.service;
        } else {
          return "";
        }
      },
      event.body());
}

// A refusal has none: it never had one on the wire.
std::string time_of(const Event& event) {
  if (const auto* flip = event.as<FlipStepped>()) return rfc3339(flip->receipt.wall_us);
  if (event.as<FlipRefused>()) return "";
  if (const auto* alarm = event.as<AlarmRaised>()) return rfc3339(alarm->since_wall_us);
  return rfc3339(event.wall_us());
}

json::object event_object(const Event& event) {
  auto out = std::visit(ObjectOf{}, event.body());
  const bool has_own = event.as<FlipStepped>() || event.as<FlipRefused>();
  if (!has_own) out["at"] = time_of(event);
  return out;
}

}  // namespace switchback::events
