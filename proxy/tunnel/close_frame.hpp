// Close frames of the proxy's own (RFC 6455 §5.5.1), and how long an answer is waited for.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "proxy/tunnel/frame_tracker.hpp"

namespace switchback::tunnel {

// Status codes of Close frames (RFC 6455 §7.4.1, and the registry it begins).
enum class CloseCode : std::uint16_t {
  going_away = 1001,       // the proxy ends, or gives up a tunnel in which nothing moved
  service_restart = 1012,  // come again: another server takes over
};

inline constexpr std::size_t max_close_frame_bytes = 2 + 4 + 2 + 32;

// Writes a whole frame of at most max_close_frame_bytes and returns its size. `from`: whose place
// the proxy takes. As a client it has to mask (§5.3), with a key that cannot be guessed.
std::size_t write_close_frame(char* out, CloseCode code, Sender from, std::uint32_t mask_key);

// Between a tunnel's Close and its cut: as long as it was left untouched before, but no longer than
// five seconds. Each tunnel counts from its own Close, so the cuts are as spread as the Closes.
inline constexpr std::chrono::milliseconds longest_grace{5000};
constexpr std::chrono::milliseconds grace_of(std::chrono::nanoseconds untouched) {
  const auto as_long = std::chrono::duration_cast<std::chrono::milliseconds>(untouched);
  return std::clamp(as_long, std::chrono::milliseconds{1}, longest_grace);
}

}  // namespace switchback::tunnel
