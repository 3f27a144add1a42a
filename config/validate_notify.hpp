// What `notify` must say to be of use: one way out a target, names that differ, services that are.
#pragma once

#include "config/model.hpp"
#include "config/reading.hpp"

namespace switchback::config {

inline constexpr std::size_t most_notify_targets = 16;  // each has a thread

void validate_notify(const Config& config, const Places& places, Report& report);

}  // namespace switchback::config
