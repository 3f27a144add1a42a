// The two sides of every service.
#pragma once

#include <cstdint>
#include <string_view>

namespace switchback {

enum class Color : std::uint8_t { blue = 0, green = 1 };

constexpr Color other(Color c) {
  return c == Color::blue ? Color::green : Color::blue;
}
constexpr std::size_t index_of(Color c) {
  return static_cast<std::size_t>(c);
}
constexpr std::string_view to_string(Color c) {
  return c == Color::blue ? "blue" : "green";
}

}  // namespace switchback
