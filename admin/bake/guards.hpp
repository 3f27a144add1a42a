// May the watch go back by itself, now? Everything that speaks against it, each reason with its
// words, judged from what is in memory: pure functions, no clock, no I/O (docs/bake.md).
//
// A person's rollback asks none of this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "admin/release/controller.hpp"
#include "admin/verify/verifier.hpp"
#include "config/model.hpp"

namespace switchback::bake {

// An automatic rollback is worth little if it can be the start of a see-saw.
struct FlapBudget {
  static constexpr unsigned per_release = 1;
  static constexpr unsigned per_day = 2;                      // of one service, 24 h
  static constexpr std::int64_t apart_us = 60LL * 1'000'000;  // from the switch before
  static constexpr std::int64_t day_us = 24LL * 3600 * 1'000'000;
};

// The share of the present traffic that the standby has to have carried before: a little less than
// all of it, since the traffic of a day drifts while the proof is a few hours old.
inline constexpr double proven_share_needed = 0.8;

struct Situation {
  bool window_open = false;
  config::BakeMode mode = config::BakeMode::advise;
  verify::ServiceVerdict verdict;
  std::int64_t now_wall_us = 0;
  bool subject_has_traffic = false;  // nobody has switched since
  std::optional<Color> target;       // where a rollback would go
  std::string target_release;
  std::string standby_fault;           // "" when it is fit
  double proven_rps = 0, rps_now = 0;  // of the standby as it stands; of the service
  std::string hold;                    // who holds and why; "" when nobody does
  // Of the service, newest first: its last switches, and automatic rollbacks before them.
  std::vector<release::Receipt> history;
};

struct Guard {
  std::string name;  // "regressed", "cause", "standby", "hold", …
  bool ok = false;
  std::string text;  // for people, good or bad
};

// All guards, in the order in which they are told. The mode is one of them, the last.
std::vector<Guard> judge(const Situation& now);

// Whether all but the mode are met: in mode `advise` that is what would have been done.
bool would_go_back(const std::vector<Guard>& guards);
bool goes_back(const std::vector<Guard>& guards);
// "standby: no healthy server; hold: dana, release day": those that are not met. "" when all are.
std::string objections(const std::vector<Guard>& guards);

}  // namespace switchback::bake
