// docs/configuration.md, made from the field table. A test checks that the committed page is equal.
#pragma once

#include <string>

namespace switchback::config {

std::string reference_markdown();

}  // namespace switchback::config
