#include "admin/release/judge.hpp"

#include "admin/release/problems.hpp"

namespace switchback::release {
namespace {

using upstream::Health;

struct Fitness {
  unsigned servers = 0, healthy = 0, unknown = 0, failing = 0, unreachable = 0;
  std::string example;  // one server that is not healthy, and why
};

Fitness look_at(const worker::PoolView& pool) {
  Fitness fitness;
  for (const auto& server : pool.servers) {
    if (server.weight == 0) continue;  // takes no new requests, whatever its health
    ++fitness.servers;
    // Not settled yet, but what was seen speaks against it.
    const bool doubtful = server.health == Health::unknown && !server.reason.empty();
    switch (doubtful ? Health::failing : server.health) {
      case Health::healthy:
        ++fitness.healthy;
        continue;
      case Health::unknown:
        ++fitness.unknown;
        break;
      case Health::failing:
        ++fitness.failing;
        break;
      case Health::unreachable:
        ++fitness.unreachable;
        break;
    }
    if (fitness.example.empty())
      fitness.example =
          server.address + ": " +
          (server.reason.empty() ? std::string(upstream::to_string(server.health)) : server.reason);
  }
  return fitness;
}

std::string of(unsigned some, unsigned all) {
  return std::to_string(some) + " of " + std::to_string(all);
}

std::string color_name(Color color) {
  return std::string(to_string(color));
}

std::string why_unfit(const Fitness& fitness, Color to) {
  if (fitness.servers == 0) return color_name(to) + " has no server that takes requests";
  return "no server of " + color_name(to) + " is healthy (" + fitness.example + ")";
}

void warn_if_partial(const Fitness& fitness, Judgement& judgement) {
  if (fitness.healthy == 0 || fitness.healthy == fitness.servers) return;
  judgement.warnings.push_back(of(fitness.servers - fitness.healthy, fitness.servers) +
                               " servers of " + color_name(judgement.to) + " are not healthy (" +
                               fitness.example + ")");
}

void refuse_unless_forced(const FlipRequest& request, const worker::ServiceView& view,
                          const std::string& why, bool rollback, Judgement& judgement) {
  if (request.force) {
    judgement.verdict = Verdict::go;
    judgement.forced = true;
    judgement.warnings.push_back("forced: " + why);
    return;
  }
  judgement.verdict = Verdict::refuse;
  judgement.problem = problems::standby_unfit(view, judgement.to, why, rollback);
}

// An empty or unhealthy standby is not promoted. One that nobody has looked at yet is looked at.
void judge_promote_fitness(const FlipRequest& request, const worker::ServiceView& view,
                           Judgement& judgement) {
  const auto fitness = look_at(view.pools[index_of(judgement.to)]);
  judgement.verdict = Verdict::go;
  if (fitness.healthy > 0) return warn_if_partial(fitness, judgement);
  if (fitness.unknown > 0 && !request.force) {
    judgement.verdict = Verdict::probe;
    judgement.warnings.push_back("the health of " + color_name(judgement.to) +
                                 " is not known yet; it accepts connections");
    judgement.problem = problems::standby_unfit(
        view, judgement.to, "no server of " + color_name(judgement.to) + " accepts a connection",
        false);
    return;
  }
  refuse_unless_forced(request, view, why_unfit(fitness, judgement.to), false, judgement);
}

// A broken checker never blocks a rollback: failing checks warn, only a proof of absence refuses.
void judge_rollback_fitness(const FlipRequest& request, const worker::ServiceView& view,
                            Judgement& judgement) {
  const auto fitness = look_at(view.pools[index_of(judgement.to)]);
  judgement.verdict = Verdict::go;
  if (fitness.servers == 0)
    return refuse_unless_forced(request, view, why_unfit(fitness, judgement.to), true, judgement);
  if (fitness.healthy > 0) return warn_if_partial(fitness, judgement);
  judgement.warnings.push_back(why_unfit(fitness, judgement.to) +
                               "; a rollback goes there all the same");
  if (fitness.unreachable < fitness.servers) return;
  const std::string dead = "no server of " + color_name(judgement.to) + " accepts a connection (" +
                           fitness.example + ")";
  if (request.force) return refuse_unless_forced(request, view, dead, true, judgement);
  judgement.verdict = Verdict::probe;
  judgement.problem = problems::standby_unfit(view, judgement.to, dead, true);
}

std::optional<Color> resolve(const std::string& to, const worker::ServiceView& view) {
  if (to == "blue") return Color::blue;
  if (to == "green") return Color::green;
  const bool blue = view.pools[index_of(Color::blue)].release == to;
  const bool green = view.pools[index_of(Color::green)].release == to;
  // A release on both sides names neither.
  if (blue == green) return std::nullopt;
  return blue ? Color::blue : Color::green;
}

// Releases that were not declared might be the same one.
bool may_be_same(const std::string& a, const std::string& b) {
  return a.empty() || b.empty() || a == b;
}

Judgement refused(Problem problem) {
  Judgement judgement;
  judgement.problem = std::move(problem);
  return judgement;
}

}  // namespace

std::optional<Color> rollback_target_of(const std::optional<state::SlotValue>& current,
                                        Color active) {
  if (!current || current->last != state::LastSwitch::promotion) return std::nullopt;
  return other(active);
}

Judgement judge_promote(const FlipRequest& request, const worker::ServiceView& view,
                        const std::optional<state::SlotValue>& current) {
  if (!request.to || request.to->empty()) return refused(problems::missing_to(view));
  const auto to = resolve(*request.to, view);
  if (!to) return refused(problems::unknown_target(view, *request.to));
  if (request.if_match && *request.if_match != view.epoch)
    return refused(problems::stale_epoch(view, *request.if_match));
  Judgement judgement;
  judgement.to = *to;
  if (*to == view.active) {
    judgement.verdict = Verdict::already;
    return judgement;
  }
  // Going back to what was there before the newest promotion is a rollback by another name; but
  // when that side declares another release by now, it is a promotion of that one.
  const auto& release = view.pools[index_of(*to)].release;
  if (rollback_target_of(current, view.active) && may_be_same(release, current->from_release))
    judgement.kind = FlipKind::rollback;
  judge_promote_fitness(request, view, judgement);
  return judgement;
}

Judgement judge_rollback(const FlipRequest& request, const worker::ServiceView& view,
                         const std::optional<state::SlotValue>& current) {
  if (!current || current->last == state::LastSwitch::none)
    return refused(problems::nothing_to_roll_back_to(view));
  Judgement judgement;
  judgement.kind = request.automatic ? FlipKind::auto_rollback : FlipKind::rollback;
  if (current->last == state::LastSwitch::rollback) {
    judgement.verdict = Verdict::already;
    judgement.to = view.active;
    return judgement;
  }
  if (request.if_match && *request.if_match != view.epoch)
    return refused(problems::stale_epoch(view, *request.if_match));
  judgement.to = other(view.active);
  judge_rollback_fitness(request, view, judgement);
  const auto& release = view.pools[index_of(judgement.to)].release;
  if (!may_be_same(release, current->from_release))
    judgement.warnings.push_back(color_name(judgement.to) + " declares " + release +
                                 " now; before the promotion it was " + current->from_release);
  return judgement;
}

}  // namespace switchback::release
