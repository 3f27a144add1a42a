// What a reload would change, and what it cannot change in a running process.
//
// Goes over the field table: a field with a `restart` reason cannot change, every other one can.
#pragma once

#include <string>
#include <vector>

#include "config/model.hpp"

namespace switchback::config {

struct ReloadDiff {
  std::vector<std::string> changes;  // for people: "services.shop.timeouts.connect: 2s -> 5s"
  std::vector<std::string> restart_required;  // "workers: 4 -> 8: " and why
  bool any() const { return !changes.empty() || !restart_required.empty(); }
};

// The listeners that run, each with what can change of it (TLS, PROXY headers) from the one in
// `next` that has the same address.
std::vector<Listener> adoptable_listeners(const std::vector<Listener>& running,
                                          const std::vector<Listener>& next);

ReloadDiff diff(const Config& running, const Config& next);

}  // namespace switchback::config
