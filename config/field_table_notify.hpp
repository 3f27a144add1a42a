// The rows of `notify`; see field_table.cpp.
#pragma once

#include <vector>

#include "config/fields.hpp"

namespace switchback::config {

Field notify_field();  // the key itself, at the top of the file
std::vector<Field> notify_fields();

}  // namespace switchback::config
