#include "config/dates.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace switchback::config {
namespace {

constexpr std::int64_t second_us = 1'000'000;
constexpr std::int64_t day_us = 86'400 * second_us;

// Digits at `at`; -1 when there is something else.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

// "T12:30:00", with a fraction that is left out; the rest of `text` is the zone.
bool take_time(std::string_view& text, std::tm& parts) {
  if (text.size() < 9 || (text[0] != 'T' && text[0] != 't' && text[0] != ' ')) return false;
  parts.tm_hour = digits(text, 1, 2);
  parts.tm_min = digits(text, 4, 2);
  parts.tm_sec = digits(text, 7, 2);
  if (text[3] != ':' || text[6] != ':') return false;
  if (parts.tm_hour < 0 || parts.tm_hour > 23 || parts.tm_min < 0 || parts.tm_min > 59)
    return false;
  if (parts.tm_sec < 0 || parts.tm_sec > 60) return false;
  text.remove_prefix(9);
  if (!text.starts_with('.')) return true;
  std::size_t end = 1;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  if (end == 1) return false;
  text.remove_prefix(end);
  return true;
}

// "Z" or "+02:00", in microseconds east.
bool take_zone(std::string_view text, std::int64_t& east_us) {
  east_us = 0;
  if (text == "Z" || text == "z") return true;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return false;
  const int hours = digits(text, 1, 2), minutes = digits(text, 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
  east_us = (hours * 3600 + minutes * 60) * second_us * (text[0] == '-' ? -1 : 1);
  return true;
}

// Leap seconds and the 31st of June: timegm would quietly make another day of them.
bool is_day(const std::tm& parts) {
  static constexpr std::array<int, 12> days = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (parts.tm_mon < 0 || parts.tm_mon > 11 || parts.tm_mday < 1) return false;
  const int year = parts.tm_year + 1900;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  const int last = parts.tm_mon == 1 && !leap ? 28 : days[static_cast<std::size_t>(parts.tm_mon)];
  return parts.tm_mday <= last;
}

}  // namespace

Parsed<Instant> parse_instant(std::string_view text) {
  const Fault fault{"'" + std::string(text.substr(0, 40)) + "' is not a date",
                    "write 2027-01-31 (to the end of that day, UTC) or 2027-01-31T18:00:00Z"};
  std::tm parts{};
  parts.tm_year = digits(text, 0, 4) - 1900;
  parts.tm_mon = digits(text, 5, 2) - 1;
  parts.tm_mday = digits(text, 8, 2);
  if (parts.tm_year < 70 || text.size() < 10 || text[4] != '-' || text[7] != '-') return fault;
  if (!is_day(parts)) return fault;
  std::string_view rest = text.substr(10);
  std::int64_t east_us = 0;
  const bool whole_day = rest.empty();
  if (!whole_day && (!take_time(rest, parts) || !take_zone(rest, east_us))) return fault;
  const std::int64_t begin_us = static_cast<std::int64_t>(::timegm(&parts)) * second_us;
  return Instant{begin_us - east_us + (whole_day ? day_us : 0), std::string(text)};
}

std::string format_instant(std::int64_t wall_us) {
  const std::time_t seconds = static_cast<std::time_t>(wall_us / second_us);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace switchback::config
