// Every refusal of this room: status, code, what it means and what to type next. None has moved
// traffic. Exit codes: docs/rollback-semantics.md.
#pragma once

#include <string>
#include <vector>

#include "admin/release/controller.hpp"
#include "admin/releases/model.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::releases::problems {

using release::Problem;

Problem bad_version(const std::string& version, const std::string& why);
Problem unknown_release(const std::string& service, const std::string& version,
                        const std::vector<Release>& known);
Problem color_is_active(const Release& release, Color color, const std::string& runs_there);
Problem release_is_active(const Release& release);
Problem not_quarantined(const Release& release);
Problem which_color(const std::string& service, const std::string& version);
// What stands in the way of a switch.
Problem held(const Hold& hold, release::FlipKind kind);
Problem quarantined(const Release& release, Color to);
Problem not_staged(const Release& release, Color standby);

}  // namespace switchback::releases::problems
