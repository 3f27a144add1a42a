// What is known of a release, and of a hold. Plain data; the rules are in registry.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/color.hpp"

namespace switchback::releases {

// registered → staged ⇄ fit → active_baking → active → standby_fit ⇄ standby_unfit → retired.
enum class State : std::uint8_t {
  registered,     // known, on no color
  staged,         // on the standby, no healthy server seen yet (or its checks failed)
  fit,            // on the standby, could be promoted
  active_baking,  // has the traffic, and is watched
  active,
  standby_fit,    // was active; a rollback would go to it
  standby_unfit,  // … but no server of it is healthy now
  retired,        // was active once, is no more
  rejected,       // given up or replaced before it was ever promoted
  rolled_back,    // quarantined: a promote needs a reason (`requalify`)
  lost,           // was to be gone back to, but was overwritten, or is another version by now
};
std::string_view to_string(State state);
std::optional<State> state_from(std::string_view text);

struct Release {
  std::string service, version;
  std::string git_commit, deployed_by, contract_sha, migration_id;
  std::string reversible;                 // "yes", "no", "unknown" or ""
  std::int64_t first_commit_wall_us = 0;  // 0: not told
  std::optional<std::int64_t> commits, lines;
  bool unplanned = false;
  State state = State::registered;
  std::optional<Color> color;  // where it runs
  // Which release the configuration named for that color when this one was staged: a configuration
  // that names another one by now is the newer word.
  std::string configured;
  std::int64_t registered_wall_us = 0, changed_wall_us = 0;
  std::string reason;  // of rolled_back, lost and rejected; else empty
  bool live() const { return color.has_value(); }
};

struct Hold {
  std::string service;
  std::int64_t placed_wall_us = 0;
  std::string actor, reason;
  std::int64_t until_wall_us = 0;  // 0: until somebody lifts it
  std::int64_t lifted_wall_us = 0;
  std::string lifted_by;
  bool stands(std::int64_t now_wall_us) const {
    return lifted_wall_us == 0 && (until_wall_us == 0 || now_wall_us < until_wall_us);
  }
};

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
