// A release that fails, watched in mode auto, with nothing in the way of going back.
#pragma once

#include "admin/bake/guards.hpp"

namespace switchback::test {

inline release::Receipt receipt(const std::string& flip, release::FlipKind kind,
                                const std::string& from, const std::string& to,
                                std::int64_t wall_us) {
  release::Receipt one;
  one.flip = flip;
  one.service = "shop";
  one.kind = kind;
  one.from_release = from;
  one.to_release = to;
  one.moved = true;
  one.wall_us = wall_us;
  const bool forward = kind == release::FlipKind::promote;
  one.from = forward ? Color::blue : Color::green;
  one.to = other(one.from);
  return one;
}

inline bake::Situation bad_release() {
  constexpr std::int64_t hour_us = 3600LL * 1'000'000;
  bake::Situation now;
  now.now_wall_us = 500 * hour_us;
  now.window_open = true;
  now.mode = config::BakeMode::automatic;
  now.verdict.planned = now.verdict.watching = true;
  now.verdict.flip = "promote-1";
  now.verdict.subject_release = "v1.3";
  now.verdict.value = verify::Value::regressed;
  now.verdict.warned = true;
  now.subject_has_traffic = true;
  now.target = Color::blue;
  now.target_release = "v1.2";
  now.rps_now = 1870;
  now.proven_rps = 2140;
  now.history = {receipt("promote-1", release::FlipKind::promote, "v1.2", "v1.3",
                         now.now_wall_us - 5'000'000)};
  return now;
}

}  // namespace switchback::test
