// "Did you mean": the nearest of the names that would have been right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace switchback::config {

// Empty when nothing is near enough. Case, '-' and '_' do not count; a swapped pair counts once.
std::string nearest_name(std::string_view wrong, const std::vector<std::string_view>& right);

// "a, b or c"
std::string one_of(const std::vector<std::string_view>& names);

}  // namespace switchback::config
