// What is known of a color's fitness to be promoted; releases and holds are in
// admin/events/release.hpp. Plain data; the rules are in registry.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "admin/events/release.hpp"
#include "proxy/base/color.hpp"

namespace switchback::releases {

using events::Hold;
using events::Release;
using State = events::ReleaseState;
using events::to_string;

// What was found of one color: kept up by the second.
struct Fitness {
  unsigned servers = 0, healthy = 0;  // servers: those with a weight
  // The most requests a second one server of this color has taken, over 10 s, while it was active;
  // 0: never measured. Capacity is that times the healthy servers.
  double peak_rps_per_server = 0;
  std::int64_t peak_wall_us = 0;
  double proven_rps() const { return healthy * peak_rps_per_server; }
  double rps_now = 0;  // requests a second of this color, over 10 s
  // The newest verification (note_verification); nullopt: none for what runs there now.
  struct Verification {
    bool ok = false;
    std::string text;
    std::int64_t wall_us = 0;
  };
  std::optional<Verification> verification;
  bool fit() const { return healthy > 0 && (!verification || verification->ok); }
  std::string why_not() const;  // "" when fit
};

}  // namespace switchback::releases
