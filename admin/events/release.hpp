// What is known of a release, and of a hold: plain data that admin/releases keeps and that events
// and the API carry; their JSON. The rules are in admin/releases/registry.hpp.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/color.hpp"

namespace switchback::events {

// registered → staged ⇄ fit → active_baking → active → standby_fit ⇄ standby_unfit → retired.
enum class ReleaseState : std::uint8_t {
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
std::string_view to_string(ReleaseState state);
std::optional<ReleaseState> release_state_from(std::string_view text);

struct Release {
  std::string service, version;
  std::string git_commit, deployed_by, contract_sha, migration_id;
  std::string reversible;                 // "yes", "no", "unknown" or ""
  std::int64_t first_commit_wall_us = 0;  // 0: not told
  std::optional<std::int64_t> commits, lines;
  bool unplanned = false;
  ReleaseState state = ReleaseState::registered;
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

// Members that nobody told are left out.
boost::json::object release_object(const Release& release);
boost::json::object hold_object(const Hold& hold);

}  // namespace switchback::events
