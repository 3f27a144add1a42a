// What the rest of the control plane has to say about a switch, asked by the controller while it
// judges: what the colors run, and what speaks against a promote. Memory only, never I/O: a
// rollback is judged with it too (names), though nothing here can refuse a manual one.
//
// Threads: the control thread. See admin/releases for the one that is used.
#pragma once

#include <optional>
#include <string>

#include "admin/release/controller.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::release {

class Policy {
 public:
  virtual ~Policy() = default;
  // Puts the releases that were staged in the place of those that the configuration names.
  virtual void name_releases(worker::ServiceView& view) const = 0;
  // Of a promote or an automatic rollback that would go ahead otherwise. `view` bears the names.
  virtual std::optional<Problem> objection(const FlipRequest& request,
                                           const worker::ServiceView& view, Color to,
                                           FlipKind kind) const = 0;
  // `to` is no color, and no release that a color of `view` runs: what else is known of it.
  virtual std::optional<Problem> explain_target(const worker::ServiceView& view,
                                                const std::string& to) const = 0;
  // Traffic has moved.
  virtual void moved(const Receipt& receipt) = 0;
};

}  // namespace switchback::release
