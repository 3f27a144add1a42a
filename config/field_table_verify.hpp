// The rows of `services.NAME.verify` and `services.NAME.bake`.
#pragma once

#include <vector>

#include "config/fields.hpp"

namespace switchback::config {

std::vector<Field> verify_fields();

}  // namespace switchback::config
