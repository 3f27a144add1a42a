#include "tests/tidy/words.hpp"

#include <regex>

namespace switchback::tidy {
namespace {

// Patterns are put together from halves, so that this file can be held to its own rules.
std::vector<std::string> matches(const File& file, const std::string& text, const std::regex& what,
                                 const std::string& why) {
  std::vector<std::string> result;
  std::size_t number = 0;
  for (const std::string& line : lines_of(text)) {
    ++number;
    std::smatch match;
    if (!std::regex_search(line, match, what)) continue;
    result.push_back(file.path + ":" + std::to_string(number) + ": " + why + ": " + match.str());
  }
  return result;
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

std::vector<std::string> unfinished(const File& file) {
  static const std::regex words(
      "\\b(TO"
      "DO|FIX"
      "ME|XX"
      "X)\\b");
  return matches(file, file.text, words, "unfinished");
}

std::vector<std::string> waits_by_clock(const File& file) {
  static const std::regex call(
      "\\b(u|nano|clock_nano)?sle"
      "ep(_for|_until)?\\s*\\(");
  static const std::regex command(
      "(^|[;&|({\\s])sle"
      "ep\\s+[0-9\"$]|\\bsle"
      "ep\\s*\\(");
  if (!file.in("tests")) return {};
  const std::string why = "waits for time instead of an event";
  if (file.cpp()) return matches(file, code_only(file.text), call, why);
  if (file.script()) return matches(file, file.text, command, why);
  return {};
}

std::vector<std::string> machine_names(const File& file) {
  static const std::regex path(
      "(^|[\\s\"'`=(:,])/(wo"
      "rk|ro"
      "ot|fa"
      "rm)(/|[\\s\"'`),:]|$)");
  static const std::regex host(
      "https?://[^/\\s]*(registry|mirror|artifactory|nexus|pypi|npmjs)[^/\\s]*", std::regex::icase);
  std::vector<std::string> result = matches(file, file.text, path, "a path of one machine");
  append(result, matches(file, file.text, host, "a registry's host"));
  return result;
}

}  // namespace switchback::tidy
