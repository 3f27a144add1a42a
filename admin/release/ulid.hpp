// ULIDs: 26 characters that sort by time (48 bits of milliseconds, 80 of chance; Crockford base
// 32). Two made in the same millisecond still sort in order: the second is the first plus one.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace switchback::release {

class UlidMaker {
 public:
  std::string next(std::int64_t wall_us);

 private:
  std::int64_t last_ms_ = -1;
  std::array<std::uint8_t, 10> chance_{};
};

}  // namespace switchback::release
