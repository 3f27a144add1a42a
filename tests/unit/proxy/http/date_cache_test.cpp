#include "proxy/http/date_cache.hpp"

#include <ctime>
#include <string>

#include "tests/support/catch.hpp"

using switchback::http::DateCache;

namespace {

std::string by_libc(std::time_t seconds) {
  std::tm parts;
  ::gmtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

}  // namespace

TEST_CASE("the example of RFC 9110") {
  DateCache cache;
  CHECK(cache.at(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST_CASE("dates are those of the C library, through leap years and centuries") {
  DateCache cache;
  for (std::int64_t seconds = 0; seconds < 253402300800; seconds += 86400 * 13 + 3607) {
    if (cache.at(seconds) != by_libc(seconds)) FAIL(seconds);
  }
  for (std::int64_t seconds : {951782399LL, 951782400LL, 951868800LL, 4107542400LL, 1709164800LL})
    CHECK(cache.at(seconds) == by_libc(seconds));
  CHECK(cache.at(-5) == by_libc(0));
}

TEST_CASE("the cache follows the clock, back as well") {
  DateCache cache;
  const std::string first(cache.at(1000));
  CHECK(cache.at(1000) == first);
  CHECK(cache.at(1001) != first);
  CHECK(cache.at(1001 + 86400) == by_libc(1001 + 86400));
  CHECK(cache.at(1000) == first);
}

TEST_CASE("now is now") {
  const std::time_t before = std::time(nullptr);
  const std::string now(switchback::http::http_date_now());
  const std::time_t after = std::time(nullptr);
  bool met = false;  // the coarse clock may be a tick behind
  for (std::time_t t = before - 1; t <= after; ++t) met = met || now == by_libc(t);
  CHECK(met);
}
