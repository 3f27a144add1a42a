// The commented switchback.yaml that `switchback init` writes.
#pragma once

#include <string_view>

namespace switchback::config {

// Valid as it stands, without warnings; lives as long as the program.
std::string_view starter_yaml();

}  // namespace switchback::config
