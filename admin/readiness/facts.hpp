// What is known of a service's way back at one moment, as the rooms that own the facts say it.
// Plain data; judge.hpp makes the five answers of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/bake/baker.hpp"
#include "admin/people/people.hpp"
#include "admin/release/durations.hpp"
#include "admin/releases/model.hpp"
#include "admin/releases/null_flips.hpp"
#include "admin/verify/verifier.hpp"
#include "proxy/base/color.hpp"

namespace switchback::readiness {

struct Facts {
  std::string service;
  std::int64_t now_wall_us = 0;
  Nanos now_ns = 0;
  Nanos up_ns = 0;  // how long this process has watched
  Color active = Color::blue;
  std::string active_release;             // "" where nobody has named it
  std::int64_t active_since_wall_us = 0;  // 0: since before anything that is remembered
  std::int64_t baking_until_wall_us = 0;  // 0: not watched
  std::optional<Color> target;            // where a rollback goes; nullopt: nowhere
  std::string target_release;
  std::string target_state;  // of the registry: "standby_fit", "lost", …; may be ""

  // 1 WHO
  std::vector<people::PersonView> people;
  people::Hands hands;
  std::vector<std::string> on_call;
  // 2 HOW
  std::string socket;                    // the admin socket's path, for the curl line; "" none
  config::Duration rehearsal_period{0};  // 0: switched off
  std::optional<releases::NullFlip> rehearsal;       // the newest
  std::optional<releases::NullFlip> good_rehearsal;  // the newest that went well
  std::optional<releases::Hold> hold;  // holds promotes; said, since somebody may wonder
  // 3 TIME
  release::DurationReport durations;
  // 4 DATA: no fact yet; no database can be configured.
  // 5 VERIFY
  verify::Standing standing;  // of the target's color
  config::Duration standing_period{5000};
  releases::Fitness fitness;  // of the target's color
  double rps_now = 0;         // of the active color

  bake::Cost cost;
  std::string verdict;  // of the traffic, in words; "" where nothing judges it
};

}  // namespace switchback::readiness
