// Rules that look at several values at once: names and addresses that may stand once only, pools
// that cannot serve, settings that have no effect together.
#pragma once

#include "config/diagnostic.hpp"
#include "config/model.hpp"
#include "config/reading.hpp"

namespace switchback::config {

// Reports errors and warnings. Values in which the reader found a fault are left out, so that one
// slip is told once.
void validate(const Config& config, const Places& places, Report& report);

}  // namespace switchback::config
