#include "config/suggest.hpp"

#include <algorithm>

namespace switchback::config {

namespace {

// A name longer than this is not a slip of one of ours; it also bounds the work below.
constexpr std::size_t max_name = 40;

std::string folded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '-' || c == '_' || c == ' ') continue;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

// Edits (insert, delete, replace, swap of neighbours) between two short words.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string nearest_name(std::string_view wrong, const std::vector<std::string_view>& right) {
  if (wrong.empty() || wrong.size() > max_name) return {};
  const std::string word = folded(wrong);
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : right) {
    const std::size_t edits = distance(word, folded(candidate));
    if (edits >= best_distance) continue;
    best_distance = edits;
    best = std::string(candidate);
  }
  if (!best.empty()) return best;
  // "timeout_connect", "hostnames": one word inside the other is a fair guess too.
  for (const std::string_view candidate : right) {
    const std::string other = folded(candidate);
    const bool inside =
        word.size() >= 4 && other.size() >= 4 &&
        (word.find(other) != std::string::npos || other.find(word) != std::string::npos);
    if (inside) return std::string(candidate);
  }
  return {};
}

std::string one_of(const std::vector<std::string_view>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " or " : ", ";
    out += names[i];
  }
  return out;
}

}  // namespace switchback::config
