#include "admin/readiness/words.hpp"

#include <cstdio>

namespace switchback::readiness {

std::string length_words(std::int64_t us) {
  const std::int64_t seconds = us < 0 ? 0 : us / 1'000'000;
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 2 * 3600) return std::to_string(seconds / 60) + " min";
  if (seconds < 2 * 24 * 3600) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / (24 * 3600)) + " d";
}

std::string age_words(std::int64_t us) {
  return us < 1'000'000 ? "just now" : length_words(us) + " ago";
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
