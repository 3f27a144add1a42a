// Times and counts as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace switchback::readiness {

std::string age_words(std::int64_t us);  // "just now", "11 s ago", "21 d ago"
std::string count_words(std::size_t n, const char* one, const char* many);

}  // namespace switchback::readiness
