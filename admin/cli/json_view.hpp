// Reading JSON that another version may have written: what is missing or of another type reads as
// a default instead of throwing, so that an old CLI can still show what a newer server answers.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace switchback::cli {

namespace json = boost::json;

inline const json::value* field(const json::object& object, std::string_view key) {
  return object.if_contains(key);
}

inline std::string text_of(const json::object& object, std::string_view key,
                           std::string_view otherwise = "") {
  const auto* value = field(object, key);
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string(text->data(), text->size()) : std::string(otherwise);
}

inline bool flag_of(const json::object& object, std::string_view key, bool otherwise = false) {
  const auto* value = field(object, key);
  const auto* flag = value ? value->if_bool() : nullptr;
  return flag ? *flag : otherwise;
}

inline std::optional<double> number_of(const json::object& object, std::string_view key) {
  const auto* value = field(object, key);
  if (!value || !value->is_number()) return std::nullopt;
  boost::system::error_code ec;
  const double number = value->to_number<double>(ec);
  return ec ? std::nullopt : std::optional<double>(number);
}

inline std::uint64_t count_of(const json::object& object, std::string_view key) {
  const auto number = number_of(object, key);
  return number && *number > 0 ? static_cast<std::uint64_t>(*number) : 0;
}

// The member object, or an empty one.
inline const json::object& object_of(const json::object& object, std::string_view key) {
  static const json::object none;
  const auto* value = field(object, key);
  const auto* member = value ? value->if_object() : nullptr;
  return member ? *member : none;
}

inline const json::array& array_of(const json::object& object, std::string_view key) {
  static const json::array none;
  const auto* value = field(object, key);
  const auto* member = value ? value->if_array() : nullptr;
  return member ? *member : none;
}

// Parses; anything that is not a JSON object is an empty one.
inline json::object parse_object(std::string_view text) {
  boost::system::error_code ec;
  auto value = json::parse({text.data(), text.size()}, ec);
  if (ec || !value.is_object()) return {};
  return std::move(value.as_object());
}

}  // namespace switchback::cli
