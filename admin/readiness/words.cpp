#include "admin/readiness/words.hpp"

#include "admin/release/durations.hpp"

namespace switchback::readiness {

std::string age_words(std::int64_t us) {
  return us < 1'000'000 ? "just now" : release::span_words(us) + " ago";
}

std::string count_words(std::size_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

}  // namespace switchback::readiness
