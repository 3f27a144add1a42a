#include "bench/switchover/color_reader.hpp"

#include <algorithm>
#include <cctype>

namespace switchback::bench {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

ColorReader::ColorReader(ColorMark mark) : mark_(std::move(mark)) {
  if (by_body()) body_ = std::regex(mark_.body, std::regex::ECMAScript | std::regex::optimize);
  learn(Color::blue, "blue");
  learn(Color::green, "green");
}

std::string ColorReader::describe() const {
  return by_body() ? "body /" + mark_.body + "/" : "header " + mark_.header;
}

std::optional<std::string> ColorReader::mark_of(std::string_view header_value,
                                                const std::string& body) const {
  if (!by_body()) {
    return header_value.empty() ? std::nullopt : std::optional(std::string(header_value));
  }
  std::smatch match;
  if (!std::regex_search(body, match, body_)) return std::nullopt;
  return match[match.size() > 1 ? 1 : 0].str();
}

std::optional<Color> ColorReader::color_of(std::string_view header_value,
                                           const std::string& body) const {
  const auto mark = mark_of(header_value, body);
  if (!mark) return std::nullopt;
  const auto key = lower(*mark);
  const bool blue = values_[0].count(key) > 0;
  const bool green = values_[1].count(key) > 0;
  if (blue == green) return std::nullopt;
  return blue ? Color::blue : Color::green;
}

void ColorReader::set_release(Color color, const std::string& release) {
  if (!release.empty()) learn(color, release);
}

void ColorReader::learn(Color color, const std::string& mark) {
  constexpr std::size_t most = 1000;
  auto& values = values_[index_of(color)];
  if (values.size() < most) values.insert(lower(mark));
}

}  // namespace switchback::bench
