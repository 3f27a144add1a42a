// The part of the field table below `admin`; a file of its own, as the whole grew long.
#pragma once

#include <vector>

#include "config/fields.hpp"

namespace switchback::config {

std::vector<Field> admin_fields();
std::vector<Field> access_fields();  // of the lists: access, tokens, certificates

}  // namespace switchback::config
