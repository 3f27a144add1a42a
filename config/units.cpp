#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace switchback::config {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array<Unit, 5> duration_units{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 4> size_units{
    {{"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

struct NumberAndUnit {
  std::string_view digits, unit;
};

NumberAndUnit split(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && is_digit(text[end])) ++end;
  std::size_t unit = end;
  while (unit < text.size() && text[unit] == ' ') ++unit;
  return {text.substr(0, end), text.substr(unit)};
}

Fault octal_fault(std::string_view text) {
  std::string_view plain = text;
  while (plain.size() > 1 && plain.front() == '0' && is_digit(plain[1])) plain.remove_prefix(1);
  const bool shorter = plain.size() < text.size();
  return {in_quotes(text) + " has a leading zero, which YAML reads as an octal number",
          shorter ? "write " + std::string(plain) : "write it as a decimal number"};
}

// The digits times the factor; false when that does not fit.
bool scale(std::string_view digits, std::uint64_t factor, std::uint64_t& out) {
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  out = 0;
  for (const char c : digits) {
    if (out > (most - 9) / 10) return false;
    out = out * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (out > most / factor) return false;
  out *= factor;
  return true;
}

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// A near miss of a unit ("sec", "kb", "MB") as the unit that was probably meant.
std::string_view meant_unit(std::string_view wrong) {
  struct Slip {
    std::string_view wrong, right;
  };
  static constexpr std::array<Slip, 22> slips{{
      {"sec", "s"},     {"secs", "s"},  {"second", "s"}, {"seconds", "s"}, {"msec", "ms"},
      {"millis", "ms"}, {"min", "m"},   {"mins", "m"},   {"minute", "m"},  {"minutes", "m"},
      {"hour", "h"},    {"hours", "h"}, {"day", "d"},    {"days", "d"},    {"k", "KiB"},
      {"kb", "KiB"},    {"kib", "KiB"}, {"mb", "MiB"},   {"mib", "MiB"},   {"gb", "GiB"},
      {"gib", "GiB"},   {"bytes", "B"},
  }};
  for (const Slip& slip : slips) {
    if (same_letters(wrong, slip.wrong)) return slip.right;
  }
  return {};
}

template <std::size_t N>
Parsed<std::uint64_t> parse_scaled(std::string_view text, const std::array<Unit, N>& units,
                                   std::string_view what, std::string_view examples) {
  if (text == "0") return std::uint64_t{0};
  if (looks_octal(text)) return octal_fault(text);
  const NumberAndUnit parts = split(text);
  if (parts.digits.empty()) {
    return Fault{in_quotes(text) + " is not a " + std::string(what),
                 "for example " + std::string(examples)};
  }
  if (parts.unit.empty()) {
    const bool time = units[0].name == "ms";
    return Fault{in_quotes(text) + " has no unit",
                 "write " + std::string(parts.digits) + (time ? "s or " : "B or ") +
                     std::string(parts.digits) + (time ? "ms" : "KiB")};
  }
  for (const Unit& unit : units) {
    if (parts.unit != unit.name) continue;
    std::uint64_t value = 0;
    if (!scale(parts.digits, unit.factor, value)) {
      return Fault{in_quotes(text) + " is too large", ""};
    }
    return value;
  }
  const std::string_view meant = meant_unit(parts.unit);
  const bool known =
      std::any_of(units.begin(), units.end(), [&](const Unit& u) { return u.name == meant; });
  return Fault{in_quotes(text) + " is not a " + std::string(what),
               known ? "did you mean " + std::string(parts.digits) + std::string(meant) + "?"
                     : "for example " + std::string(examples)};
}

template <std::size_t N>
std::string format_scaled(std::uint64_t value, const std::array<Unit, N>& units) {
  if (value == 0) return "0";
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    if (value % unit->factor == 0)
      return std::to_string(value / unit->factor) + std::string(unit->name);
  }
  return std::to_string(value);
}

}  // namespace

bool looks_octal(std::string_view text) {
  if (text.size() < 2 || text[0] != '0') return false;
  return is_digit(text[1]) || text[1] == 'o' || text[1] == 'x' || text[1] == 'X';
}

Parsed<std::uint64_t> parse_count(std::string_view text) {
  if (looks_octal(text)) return octal_fault(text);
  const NumberAndUnit parts = split(text);
  if (parts.digits.empty() || parts.digits.size() != text.size()) {
    return Fault{in_quotes(text) + " is not a whole number", ""};
  }
  std::uint64_t value = 0;
  if (!scale(parts.digits, 1, value)) return Fault{in_quotes(text) + " is too large", ""};
  return value;
}

Parsed<Duration> parse_duration(std::string_view text) {
  auto parsed = parse_scaled(text, duration_units, "duration", "250ms, 5s, 1m, 1h or 1d");
  if (auto* fault = std::get_if<Fault>(&parsed)) return std::move(*fault);
  return Duration(static_cast<std::int64_t>(std::get<std::uint64_t>(parsed)));
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
  return parse_scaled(text, size_units, "size", "512B, 64KiB or 1MiB");
}

std::string format_duration(Duration value) {
  // 60s, not 1m: up to two minutes people count in seconds; and 24h, not 1d, up to two days.
  if (value >= 1s && value < 2min && value % 1s == 0s) return std::to_string(value / 1s) + "s";
  if (value >= 1h && value < 48h && value % 1h == 0s) return std::to_string(value / 1h) + "h";
  return format_scaled(static_cast<std::uint64_t>(value.count()), duration_units);
}

std::string format_size(std::uint64_t bytes) {
  return format_scaled(bytes, size_units);
}

}  // namespace switchback::config
