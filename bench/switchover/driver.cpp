#include "bench/switchover/driver.hpp"

#include <sstream>

namespace switchback::bench {
namespace {

constexpr std::chrono::milliseconds start_limit{20'000}, flip_limit{10'000};

}  // namespace

std::optional<DriverReady> parse_ready(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  if (!(words >> word) || word != "ready") return std::nullopt;
  DriverReady ready;
  while (words >> word) {
    if (word.starts_with("admin=")) {
      ready.admin = word.substr(6);
    } else if (word.starts_with("service=")) {
      ready.service = word.substr(8);
    } else {
      ready.targets.push_back(word);
    }
  }
  return ready.targets.empty() ? std::nullopt : std::optional(ready);
}

Driver::Driver(const std::string& command, const std::string& blue, const std::string& green)
    : child_({.arguments = {"/bin/sh", "-c", command},
              .environment = {"SWITCHBACK_BENCH_BLUE=" + blue, "SWITCHBACK_BENCH_GREEN=" + green},
              .output = "",
              .talk = true}) {}

std::string Driver::start() {
  if (auto error = child_.start(); !error.empty()) return error;
  const auto line = child_.hear(start_limit);
  if (!line) return "the driver ended, or said nothing within 20 s";
  const auto ready = parse_ready(*line);
  if (!ready) return "the driver's first line is not \"ready URL…\" but: " + *line;
  ready_ = *ready;
  return "";
}

SwitchAnswer Driver::move(Color to, const std::string&) {
  SwitchAnswer answer;
  if (!child_.say(std::string(to_string(to)))) {
    answer.error = "the driver has ended";
    return answer;
  }
  const auto line = child_.hear(flip_limit);
  answer.at = monotonic_ns();
  if (!line || !line->starts_with("ok")) {
    answer.error = line ? *line : "the driver ended, or said nothing within 10 s";
    return answer;
  }
  answer.moved = true;
  active_ = to;
  std::istringstream rest(line->substr(2));
  double ms = 0;
  if (rest >> ms) answer.own_ms = ms;
  return answer;
}

SwitchAnswer Driver::roll_back(const std::string& reason) {
  return move(other(active_), reason);
}

}  // namespace switchback::bench
