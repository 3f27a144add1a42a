#include "admin/readiness/words.hpp"

#include <cstdio>

#include "admin/release/durations.hpp"

namespace switchback::readiness {

std::string age_words(std::int64_t us) {
  return us < 1'000'000 ? "just now" : release::span_words(us) + " ago";
}

std::string ms_words(double ms) {
  char text[32];
  if (ms < 10) {
    std::snprintf(text, sizeof text, "%.2g ms", ms);
  } else if (ms < 1000) {
    std::snprintf(text, sizeof text, "%.0f ms", ms);
  } else {
    std::snprintf(text, sizeof text, "%.1f s", ms / 1000);
  }
  return text;
}

std::string count_words(std::size_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

}  // namespace switchback::readiness
