#include "admin/bake/guards.hpp"

#include <algorithm>
#include <cstdio>

namespace switchback::bake {
namespace {

Guard guard(std::string name, bool ok, std::string text) {
  return {std::move(name), ok, std::move(text)};
}

// A person reads "v1.3 (green)"; a service without named releases has its colors.
std::string named(const std::string& release, Color color) {
  const std::string word(to_string(color));
  return release.empty() ? word : release + " (" + word + ")";
}

Guard cause_of(const verify::PairedReport& paired) {
  switch (paired.value) {
    case verify::PairedVerdict::shared:
      return guard("cause", false, "both colors fail: going back would not help");
    case verify::PairedVerdict::old_only:
      return guard("cause", false, "the standby fails where the active color does not");
    case verify::PairedVerdict::new_only:
      return guard("cause", true, "only the active color fails");
    default:
      return guard("cause", true,
                   paired.planned
                       ? "no sign that the standby fails as well"
                       : "no paired probes: nothing says that the standby fails as well");
  }
}

Guard capacity_of(const Situation& now) {
  char text[128];
  if (now.proven_rps <= 0) {
    return guard("capacity", false, "what the standby can carry was never measured");
  }
  std::snprintf(text, sizeof text, "the standby has carried %.0f requests/s, now there are %.0f",
                now.proven_rps, now.rps_now);
  return guard("capacity", now.proven_rps >= proven_share_needed * now.rps_now, text);
}

bool in_last_day(const release::Receipt& receipt, std::int64_t now_wall_us) {
  return now_wall_us - receipt.wall_us < FlapBudget::day_us;
}

// The switch that is watched is the newest that moved; what counts is the one before it.
const release::Receipt* switch_before(const Situation& now) {
  bool watched_seen = false;
  for (const auto& receipt : now.history) {
    if (!receipt.moved) continue;
    if (watched_seen) return &receipt;
    watched_seen = receipt.flip == now.verdict.flip;
  }
  return nullptr;
}

Guard flapping(const Situation& now) {
  unsigned today = 0, of_release = 0;
  for (const auto& receipt : now.history) {
    if (!receipt.moved || receipt.kind != release::FlipKind::auto_rollback) continue;
    if (in_last_day(receipt, now.now_wall_us)) ++today;
    const auto& subject = now.verdict.subject_release;
    if (!subject.empty() && receipt.from_release == subject) ++of_release;
  }
  if (of_release >= FlapBudget::per_release) {
    return guard("flapping", false,
                 now.verdict.subject_release + " was already rolled back automatically once");
  }
  if (today >= FlapBudget::per_day) {
    return guard("flapping", false,
                 "two automatic rollbacks of this service in 24 h: a person has to look");
  }
  const release::Receipt* before = switch_before(now);
  if (before && now.now_wall_us - before->wall_us < FlapBudget::apart_us) {
    return guard("flapping", false, "the switch before this one was less than 60 s ago");
  }
  return guard("flapping", true,
               std::to_string(FlapBudget::per_day - today) + " automatic rollbacks left today");
}

}  // namespace

std::vector<Guard> judge(const Situation& now) {
  std::vector<Guard> all;
  const auto& verdict = now.verdict;
  all.push_back(guard("window", now.window_open && now.subject_has_traffic,
                      !now.subject_has_traffic ? "somebody has switched since"
                      : now.window_open        ? "inside the bake window"
                                               : "the bake window is over"));
  // Whoever comes back to a bad release has nowhere left to go by himself.
  all.push_back(guard("direction", verdict.kind == release::FlipKind::promote,
                      verdict.kind == release::FlipKind::promote
                          ? "the watched switch was a promote"
                          : "the watched switch was itself a way back"));
  all.push_back(guard("regressed", verdict.value == verify::Value::regressed,
                      "verdict " + std::string(verify::to_string(verdict.value))));
  all.push_back(cause_of(verdict.paired));
  all.push_back(guard("target", now.target.has_value(),
                      now.target ? "back to " + named(now.target_release, *now.target)
                                 : "there is nothing to go back to"));
  all.push_back(guard("standby", now.standby_fault.empty(),
                      now.standby_fault.empty() ? "the standby is fit" : now.standby_fault));
  all.push_back(capacity_of(now));
  all.push_back(
      guard("hold", now.hold.empty(), now.hold.empty() ? "nobody holds it" : "held: " + now.hold));
  all.push_back(flapping(now));
  all.push_back(guard("database", true, "no database is configured"));
  const bool automatic = now.mode == config::BakeMode::automatic;
  all.push_back(
      guard("mode", automatic, automatic ? "mode auto" : "mode advise: a person decides"));
  return all;
}

bool goes_back(const std::vector<Guard>& guards) {
  return std::all_of(guards.begin(), guards.end(), [](const Guard& g) { return g.ok; });
}

bool would_go_back(const std::vector<Guard>& guards) {
  return std::all_of(guards.begin(), guards.end(),
                     [](const Guard& g) { return g.ok || g.name == "mode"; });
}

std::string objections(const std::vector<Guard>& guards) {
  std::string text;
  for (const Guard& g : guards) {
    if (!g.ok) text += (text.empty() ? "" : "; ") + g.name + ": " + g.text;
  }
  return text;
}

}  // namespace switchback::bake
