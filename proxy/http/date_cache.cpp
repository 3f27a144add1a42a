#include "proxy/http/date_cache.hpp"

#include <cstring>
#include <ctime>

namespace switchback::http {
namespace {

void two_digits(char* out, unsigned value) {
  out[0] = static_cast<char>('0' + value / 10 % 10);
  out[1] = static_cast<char>('0' + value % 10);
}

// Days since 1970 to a date, after Hinnant's civil_from_days: the year begins in March, so that the
// leap day comes last.
void write_day(char* out, std::int64_t days) {
  constexpr std::string_view weekdays = "ThuFriSatSunMonTueWed";
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::int64_t shifted = days + 719468;
  const std::int64_t era = shifted / 146097;
  const auto day_of_era = static_cast<unsigned>(shifted - era * 146097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_from_march = (5 * day_of_year + 2) / 153;
  const unsigned day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const auto year = static_cast<unsigned>(era * 400 + year_of_era + (month <= 2 ? 1 : 0));
  std::memcpy(out, weekdays.data() + days % 7 * 3, 3);
  std::memcpy(out + 3, ", ", 2);
  two_digits(out + 5, day);
  out[7] = ' ';
  std::memcpy(out + 8, months.data() + (month - 1) * 3, 3);
  out[11] = ' ';
  two_digits(out + 12, year / 100);
  two_digits(out + 14, year % 100);
  out[16] = ' ';
}

}  // namespace

std::string_view DateCache::at(std::int64_t wall_seconds) {
  if (wall_seconds == seconds_) [[likely]]
    return {text_, size};
  if (wall_seconds < 0) wall_seconds = 0;
  const std::int64_t day = wall_seconds / 86400;
  const auto in_day = static_cast<unsigned>(wall_seconds % 86400);
  if (day != day_) write_day(text_, day);
  two_digits(text_ + 17, in_day / 3600);
  text_[19] = ':';
  two_digits(text_ + 20, in_day / 60 % 60);
  text_[22] = ':';
  two_digits(text_ + 23, in_day % 60);
  std::memcpy(text_ + 25, " GMT", 4);
  seconds_ = wall_seconds;
  day_ = day;
  return {text_, size};
}

std::string_view http_date_now() {
  thread_local DateCache cache;
  timespec now;
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);  // a second's grain needs no more, and costs less
  return cache.at(now.tv_sec);
}

}  // namespace switchback::http
