// Which color gave an answer, read from the answer itself: a header's value, or what a regular
// expression finds in the body.
//
// A value means a color when it is that color's name (in any case), that color's release, or was
// learned: answers of a color that was asked for on purpose (by the preview header) teach what it
// says there. A value seen from both colors means neither.
//
// Threads: read_header() and read_body() from any once learning is over.
#pragma once

#include <array>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <string_view>

#include "proxy/base/color.hpp"

namespace switchback::bench {

struct ColorMark {
  std::string header = "X-Demo-Color";  // used where `body` is empty
  std::string body;                     // ECMAScript; its first group, else all that matched
};

class ColorReader {
 public:
  // Throws std::regex_error for a faulty expression.
  explicit ColorReader(ColorMark mark);

  bool by_body() const { return !mark_.body.empty(); }
  const std::string& header() const { return mark_.header; }
  std::string describe() const;  // "header X-Demo-Color"

  // The mark in an answer; nullopt: it is not there.
  std::optional<std::string> mark_of(std::string_view header_value, const std::string& body) const;
  std::optional<Color> color_of(std::string_view header_value, const std::string& body) const;

  void set_release(Color color, const std::string& release);
  void learn(Color color, const std::string& mark);

 private:
  ColorMark mark_;
  std::regex body_;
  std::array<std::set<std::string>, 2> values_;
};

}  // namespace switchback::bench
