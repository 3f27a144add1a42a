// Character classes of RFC 9110 §5.6 as tables, since every byte of a name passes through one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace switchback::http {

namespace detail {

constexpr std::array<std::uint8_t, 256> make_token_table() {
  std::array<std::uint8_t, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = 1;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = 1;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = 1;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = 1;
  return table;
}

constexpr std::array<std::int8_t, 256> make_hex_table() {
  std::array<std::int8_t, 256> table{};
  for (auto& entry : table) entry = -1;
  for (int c = '0'; c <= '9'; ++c) table[c] = static_cast<std::int8_t>(c - '0');
  for (int c = 'a'; c <= 'f'; ++c) table[c] = static_cast<std::int8_t>(c - 'a' + 10);
  for (int c = 'A'; c <= 'F'; ++c) table[c] = static_cast<std::int8_t>(c - 'A' + 10);
  return table;
}

inline constexpr auto token_table = make_token_table();
inline constexpr auto hex_table = make_hex_table();

}  // namespace detail

constexpr bool is_token_char(char c) {
  return detail::token_table[static_cast<unsigned char>(c)] != 0;
}
constexpr int hex_value(char c) {
  return detail::hex_table[static_cast<unsigned char>(c)];
}  // -1: none
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_ows(char c) {
  return c == ' ' || c == '\t';
}
constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

constexpr bool is_token(std::string_view text) {
  std::uint8_t all = text.empty() ? 0 : 1;
  for (char c : text) all &= detail::token_table[static_cast<unsigned char>(c)];
  return all != 0;
}

constexpr std::string_view trim_ows(std::string_view text) {
  while (!text.empty() && is_ows(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_ows(text.back())) text.remove_suffix(1);
  return text;
}

// Takes the next element off a comma-separated list (RFC 9110 §5.6.1), trimmed; it may be empty.
// Only for lists without quoted strings (Connection, TE, Upgrade, Transfer-Encoding).
constexpr std::string_view next_element(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view element = trim_ows(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return element;
}

}  // namespace switchback::http
