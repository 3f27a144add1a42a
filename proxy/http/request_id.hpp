// Ids for requests: 26 characters, sortable by time (ULID: 48 bits of milliseconds, 80 random).
#pragma once

#include <cstdint>
#include <string_view>

namespace switchback::http {

// 128 random bits a call from xoshiro256**, seeded by the kernel. For ids, not for secrets.
class Random {
 public:
  Random();                             // seeded with getrandom
  explicit Random(std::uint64_t seed);  // for tests
  std::uint64_t next();

 private:
  std::uint64_t state_[4];
};

// One per worker: not shared between threads. No allocation.
class RequestIdGenerator {
 public:
  static constexpr std::size_t size = 26;
  RequestIdGenerator() = default;
  explicit RequestIdGenerator(std::uint64_t seed) : random_(seed) {}
  // Writes `size` characters of Crockford's base 32, no NUL, and returns them as a view.
  std::string_view next(char* out, std::int64_t wall_us);
  Random& random() { return random_; }

 private:
  Random random_;
  std::uint64_t written_ms_ = UINT64_MAX;  // what `time_` says
  char time_[10];
};

// What a trusted client may set: 1..128 characters that need no escape in logs and headers.
bool valid_request_id(std::string_view text);

}  // namespace switchback::http
