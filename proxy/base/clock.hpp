// Monotonic time on the data plane: nanoseconds of CLOCK_MONOTONIC in a plain integer.
//
// A worker reads the clock once per turn of its event loop (net::Reactor::now_ns); everything a
// request records is in that grain. Wall-clock time is for display only and read where displayed.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace switchback {

using Nanos = std::int64_t;  // CLOCK_MONOTONIC, or a difference of two such

inline Nanos monotonic_ns() {
  timespec ts;
  ::clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<Nanos>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

inline std::int64_t wall_us() {  // microseconds since 1970, UTC
  timespec ts;
  ::clock_gettime(CLOCK_REALTIME, &ts);
  return static_cast<std::int64_t>(ts.tv_sec) * 1'000'000 + ts.tv_nsec / 1000;
}

template <class Rep, class Period>
constexpr Nanos to_nanos(std::chrono::duration<Rep, Period> d) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
}

}  // namespace switchback
