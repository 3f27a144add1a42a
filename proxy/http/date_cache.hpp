// Date as IMF-fixdate (RFC 9110 §5.6.7), put together once a second.
#pragma once

#include <cstdint>
#include <string_view>

namespace switchback::http {

class DateCache {
 public:
  static constexpr std::size_t size = 29;  // "Sun, 06 Nov 1994 08:49:37 GMT"
  // `wall_seconds` since 1970, UTC, years 1970..9999. The view lasts until the next call.
  std::string_view at(std::int64_t wall_seconds);

 private:
  std::int64_t seconds_ = -1;
  std::int64_t day_ = -1;
  char text_[size];
};

// Now, from a cache of the calling thread; the view lasts until this thread's next call.
std::string_view http_date_now();

}  // namespace switchback::http
