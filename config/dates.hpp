// Points in time as people write them: 2027-01-31 (the end of that day, UTC) or RFC 3339.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/units.hpp"

namespace switchback::config {

Parsed<Instant> parse_instant(std::string_view text);
std::string format_instant(std::int64_t wall_us);  // RFC 3339, UTC, whole seconds

}  // namespace switchback::config
