// Rules of the `dns` section.
#pragma once

#include "config/diagnostic.hpp"
#include "config/model.hpp"
#include "config/reading.hpp"

namespace switchback::config {

void validate_dns(const Dns& dns, const Places& places, Report& report);

}  // namespace switchback::config
