// Waiting for a condition that has no event of its own. The deadline is for broken programs, not a
// measure: a passing test ends as soon as the condition holds.
#pragma once

#include <poll.h>

#include <chrono>
#include <ctime>

namespace switchback::test {

inline constexpr std::chrono::milliseconds patience{20'000};

template <class Condition>
bool until(Condition condition, std::chrono::milliseconds limit = patience) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    if (condition()) return true;
    if (std::chrono::steady_clock::now() >= end) return condition();
    const timespec pause{0, 2'000'000};
    ::ppoll(nullptr, 0, &pause, nullptr);
  }
}

}  // namespace switchback::test
