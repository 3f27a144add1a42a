// Words that have no place in the tree: unfinished business, waiting by the clock in tests, and
// names of the machine it was written on.
#pragma once

#include <string>
#include <vector>

#include "tests/tidy/source_tree.hpp"

namespace switchback::tidy {

std::vector<std::string> unfinished(const File& file);      // "path:line: …" each
std::vector<std::string> waits_by_clock(const File& file);  // of C++ and scripts under tests/
std::vector<std::string> machine_names(const File& file);

}  // namespace switchback::tidy
