// Decides what a call may do, from what is known in memory: pure functions, no clock, no I/O.
// The rules, and what follows from them for sequences of calls: docs/rollback-semantics.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/release/controller.hpp"
#include "admin/state/slot.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::release {

enum class Verdict : std::uint8_t { go, probe, refuse, already };

struct Judgement {
  Verdict verdict = Verdict::refuse;
  Color to = Color::blue;
  FlipKind kind = FlipKind::promote;
  bool forced = false;
  std::vector<std::string> warnings;
  Problem problem;  // refuse; and probe, when the probe finds nobody
};

// `current`: the newest switch that took effect; nullopt: none ever did.
Judgement judge_promote(const FlipRequest& request, const worker::ServiceView& view,
                        const std::optional<state::SlotValue>& current);
Judgement judge_rollback(const FlipRequest& request, const worker::ServiceView& view,
                         const std::optional<state::SlotValue>& current);

// Where a rollback would go now: the other color while the newest switch is a promotion.
std::optional<Color> rollback_target_of(const std::optional<state::SlotValue>& current,
                                        Color active);

}  // namespace switchback::release
