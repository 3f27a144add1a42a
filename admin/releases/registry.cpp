#include "admin/releases/registry.hpp"

#include <algorithm>

#include "admin/releases/problems.hpp"

namespace switchback::releases {
namespace {

template <class T>
void take(const std::optional<T>& told, T& known) {
  if (told) known = *told;
}

void take_facts(const NewRelease& told, Release& release) {
  take(told.git_commit, release.git_commit);
  take(told.deployed_by, release.deployed_by);
  take(told.contract_sha, release.contract_sha);
  take(told.migration_id, release.migration_id);
  take(told.reversible, release.reversible);
  take(told.first_commit_wall_us, release.first_commit_wall_us);
  take(told.unplanned, release.unplanned);
  if (told.commits) release.commits = told.commits;
  if (told.lines) release.lines = told.lines;
}

bool was_active(State state) {
  return state == State::active || state == State::active_baking || state == State::standby_fit ||
         state == State::standby_unfit || state == State::rolled_back || state == State::retired ||
         state == State::lost;
}

std::string name_of(Color color) {
  return std::string(to_string(color));
}

}  // namespace

std::string version_fault(std::string_view version) {
  if (version.empty()) return "a version has a name";
  if (version.size() > 100) return "a version's name has at most 100 characters";
  if (version == "blue" || version == "green") return "a version cannot be named like a color";
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '+' || c == '~' || c == ':' || c == '@';
  };
  if (!std::all_of(version.begin(), version.end(), allowed))
    return "a version's name is made of letters, digits and . _ - + ~ : @";
  return "";
}

const Release* Registry::find(const std::string& service, const std::string& version) const {
  const auto at = releases_.find({service, version});
  return at == releases_.end() ? nullptr : &at->second;
}

Release* Registry::mutable_on(const std::string& service, Color color) {
  for (auto at = releases_.lower_bound({service, ""});
       at != releases_.end() && at->first.first == service; ++at)
    if (at->second.color == color) return &at->second;
  return nullptr;
}

const Release* Registry::on(const std::string& service, Color color) const {
  return const_cast<Registry*>(this)->mutable_on(service, color);
}

std::vector<Release> Registry::list(const std::string& service) const {
  std::vector<Release> out;
  for (auto at = releases_.lower_bound({service, ""});
       at != releases_.end() && at->first.first == service; ++at)
    out.push_back(at->second);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    if (a.registered_wall_us != b.registered_wall_us)
      return a.registered_wall_us > b.registered_wall_us;
    return a.version > b.version;
  });
  return out;
}

void Registry::put(Release& release, State state, const std::string& why, std::int64_t wall_us,
                   bool created) {
  const State from = release.state;
  release.state = state;
  release.changed_wall_us = wall_us;
  if (on_change_) on_change_({release, from, created, why});
}

// What stands on the color has to make room. Says what that costs, "" for nothing.
std::string Registry::clear_color(Color color, const std::string& service, const std::string& by,
                                  const Situation& now, std::int64_t wall_us) {
  Release* before = mutable_on(service, color);
  const bool was_target = now.rollback_target == color;
  const std::string overwritten = by + " was staged over it on " + name_of(color);
  if (before == nullptr) {
    const auto& named = now.configured[index_of(color)];
    if (!was_target || named == by) return "";
    return name_of(color) + (named.empty() ? "" : " ran " + named + ",") +
           " was what a rollback would go back to; from now on a rollback goes to " + by;
  }
  const std::string version = before->version;
  before->color.reset();
  switch (before->state) {
    case State::rolled_back:
    case State::lost:
      put(*before, before->state, overwritten, wall_us);
      return "";
    case State::standby_fit:
    case State::standby_unfit:
      if (!was_target) {
        put(*before, State::retired, overwritten, wall_us);
        return "";
      }
      before->reason = overwritten;
      put(*before, State::lost, overwritten, wall_us);
      return version +
             " was what a rollback would go back to, and is lost: from now on a rollback "
             "goes to " +
             by + ". To keep a way back, promote " + by + " soon, or put " + version + " back on " +
             name_of(color);
    default:
      before->reason = overwritten;
      put(*before, State::rejected, overwritten, wall_us);
      return version + " was on " + name_of(color) + " and was never promoted; it is rejected";
  }
}

std::optional<release::Problem> Registry::place(Release& release, Color color, const Situation& now,
                                                std::int64_t wall_us,
                                                std::vector<std::string>& warnings) {
  if (release.color == color) return std::nullopt;
  const auto& named = now.configured[index_of(color)];
  const Release* there = on(release.service, color);
  const bool to_active = color == now.active;
  // Only what runs there already can be registered for the side that has the traffic.
  if (to_active && (there != nullptr || (!named.empty() && named != release.version)))
    return problems::color_is_active(release, color, there ? there->version : named);
  if (release.color == now.active) return problems::release_is_active(release);
  const auto cost = clear_color(color, release.service, release.version, now, wall_us);
  if (!cost.empty()) warnings.push_back(cost);
  release.color = color;
  release.configured = named;
  if (release.state == State::rolled_back) {
    warnings.push_back(release.version + " stays in quarantine (" + release.reason +
                       "); a promote of it needs a reason");
    put(release, State::rolled_back, "on " + name_of(color), wall_us);
    return std::nullopt;
  }
  release.reason.clear();
  const bool back =
      to_active ? false
                : now.rollback_target == color && named == release.version && there == nullptr;
  put(release,
      to_active ? State::active
      : back    ? State::standby_unfit
                : State::staged,
      "on " + name_of(color), wall_us);
  return std::nullopt;
}

Outcome Registry::add(const NewRelease& told, const Situation& now, std::int64_t wall_us) {
  if (const auto fault = version_fault(told.version); !fault.empty())
    return problems::bad_version(told.version, fault);
  const auto [at, created] = releases_.try_emplace({told.service, told.version});
  Release& release = at->second;
  const Release before = release;
  Taken taken;
  taken.created = created;
  if (created) {
    release.service = told.service;
    release.version = told.version;
    release.registered_wall_us = wall_us;
  }
  take_facts(told, release);
  if (told.color) {
    if (auto problem = place(release, *told.color, now, wall_us, taken.warnings)) {
      if (created) {
        releases_.erase(at);
      } else {
        release = before;
      }
      return *problem;
    }
  }
  put(release, release.state, created ? "registered" : "told again", wall_us, created);
  taken.release = release;
  forget_oldest(told.service);
  return taken;
}

Outcome Registry::stage(const std::string& service, const std::string& version, Color color,
                        const Situation& now, std::int64_t wall_us) {
  const auto at = releases_.find({service, version});
  if (at == releases_.end()) return problems::unknown_release(service, version, list(service));
  Taken taken;
  if (auto problem = place(at->second, color, now, wall_us, taken.warnings)) return *problem;
  taken.release = at->second;
  return taken;
}

Outcome Registry::requalify(const std::string& service, const std::string& version,
                            const std::string& reason, const Situation& now, std::int64_t wall_us) {
  const auto at = releases_.find({service, version});
  if (at == releases_.end()) return problems::unknown_release(service, version, list(service));
  Release& release = at->second;
  if (release.state != State::rolled_back) return problems::not_quarantined(release);
  release.reason.clear();
  const State next = !release.color                ? State::registered
                     : release.color == now.active ? State::active
                                                   : State::staged;
  put(release, next, "requalified: " + reason, wall_us);
  return Taken{release, false, {}};
}

Outcome Registry::retire(const std::string& service, const std::string& version,
                         const std::string& reason, const Situation& now, std::int64_t wall_us) {
  const auto at = releases_.find({service, version});
  if (at == releases_.end()) return problems::unknown_release(service, version, list(service));
  Release& release = at->second;
  if (release.color == now.active) return problems::release_is_active(release);
  Taken taken;
  if (release.state == State::retired || release.state == State::rejected) {
    taken.release = release;
    return taken;
  }
  if (release.color && now.rollback_target == release.color)
    taken.warnings.push_back(version + " was what a rollback would go back to. " +
                             name_of(*release.color) +
                             " stays where a rollback goes, whatever runs there");
  const bool served = was_active(release.state);
  release.color.reset();
  release.reason = reason;
  put(release, served ? State::retired : State::rejected,
      reason.empty() ? "given up" : "given up: " + reason, wall_us);
  taken.release = release;
  return taken;
}

void Registry::moved(const std::string& service, Color to, release::FlipKind kind,
                     const std::string& reason, bool baking, std::int64_t wall_us) {
  using release::FlipKind;
  const bool rollback = kind == FlipKind::rollback || kind == FlipKind::auto_rollback;
  if (Release* left = mutable_on(service, other(to))) {
    if (rollback) {
      left->reason =
          std::string(kind == FlipKind::rollback ? "rolled back" : "rolled back automatically") +
          (reason.empty() ? "" : ": " + reason);
      put(*left, State::rolled_back, left->reason, wall_us);
    } else {
      put(*left, State::standby_fit, "left by a promotion", wall_us);
    }
  }
  if (Release* reached = mutable_on(service, to)) {
    reached->reason.clear();
    put(*reached, !rollback && baking ? State::active_baking : State::active,
        rollback ? "gone back to" : "promoted", wall_us);
  }
}

void Registry::bake_ended(const std::string& service, Color active, std::int64_t wall_us) {
  Release* release = mutable_on(service, active);
  if (release && release->state == State::active_baking)
    put(*release, State::active, "its bake window is over", wall_us);
}

void Registry::observed(const std::string& service, Color standby, bool fit, const std::string& why,
                        std::int64_t wall_us) {
  Release* release = mutable_on(service, standby);
  if (!release) return;
  switch (release->state) {
    case State::staged:
      if (fit) put(*release, State::fit, "it could take the traffic", wall_us);
      return;
    case State::fit:
      if (!fit) put(*release, State::staged, why, wall_us);
      return;
    case State::standby_fit:
      if (!fit) put(*release, State::standby_unfit, why, wall_us);
      return;
    case State::standby_unfit:
      if (fit) put(*release, State::standby_fit, "it could take the traffic again", wall_us);
      return;
    default:
      return;
  }
}

void Registry::lose(const std::string& service, Color color, const std::string& text,
                    std::int64_t wall_us) {
  Release* release = mutable_on(service, color);
  if (!release) return;
  if (release->state != State::standby_fit && release->state != State::standby_unfit) return;
  release->reason = text;
  put(*release, State::lost, text, wall_us);
}

// A name that the configuration gave before this release was staged is older than the staging.
void Registry::configured(const std::string& service, Color color, const std::string& version,
                          const Situation& now, std::int64_t wall_us) {
  Release* there = mutable_on(service, color);
  if (!there || there->version == version || there->configured == version || version.empty())
    return;
  there->configured = version;
  if (color == now.active) {
    there->color.reset();
    put(*there, State::retired, "the configuration names " + version + " for its side", wall_us);
  } else {
    clear_color(color, service, version, now, wall_us);
  }
  const auto at = releases_.find({service, version});
  if (at == releases_.end() || at->second.color) return;
  at->second.color = color;
  at->second.configured = version;
  if (at->second.state == State::rolled_back)
    return put(at->second, State::rolled_back, "named by the configuration", wall_us);
  put(at->second, color == now.active ? State::active : State::staged, "named by the configuration",
      wall_us);
}

// After a start: a life that ended in the middle of a flip wrote slots, and perhaps no rows.
void Registry::settle(const std::string& service, const Situation& now, bool quarantine,
                      std::int64_t wall_us) {
  const auto has_traffic = [](State state) {
    return state == State::active || state == State::active_baking;
  };
  if (Release* there = mutable_on(service, now.active); there && !has_traffic(there->state)) {
    there->reason.clear();
    put(*there, State::active, "found with the traffic at the start", wall_us);
  }
  Release* left = mutable_on(service, other(now.active));
  if (!left || !has_traffic(left->state)) return;
  if (quarantine) left->reason = "rolled back";
  put(*left, quarantine ? State::rolled_back : State::standby_fit,
      "found without the traffic at the start", wall_us);
}

// What is on no color goes first, the oldest before the others; what was rolled back lasts longest.
void Registry::forget_oldest(const std::string& service) {
  auto all = list(service);
  if (all.size() <= kept_) return;
  std::stable_partition(all.begin(), all.end(),
                        [](const auto& r) { return r.state == State::rolled_back; });
  for (auto at = all.rbegin(); at != all.rend(); ++at) {
    if (at->live()) continue;
    releases_.erase({service, at->version});
    return;
  }
}

void Registry::restore(const ledger::Row& row) {
  auto release = release_from_row(row);
  if (!release) return;
  // Two that claim one color: the newer word stands, and this life's above all.
  if (release->color)
    if (const Release* there = on(release->service, *release->color)) {
      if (there->changed_wall_us >= release->changed_wall_us)
        release->color.reset();
      else
        mutable_on(release->service, *release->color)->color.reset();
    }
  const Key key{release->service, release->version};
  releases_.try_emplace(key, std::move(*release));
}

}  // namespace switchback::releases
