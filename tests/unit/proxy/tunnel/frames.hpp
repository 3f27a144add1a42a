// The vectors of frames.txt.
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "proxy/tunnel/frame_tracker.hpp"
#include "tests/support/places.hpp"

namespace switchback::tunnel::test {

struct FrameCase {
  std::string name, rfc, then;
  Sender from = Sender::server;
  bool extensions = false;
  std::string bytes;
  std::vector<std::size_t> ends;
};

inline std::string bytes_of(const std::string& text) {
  std::istringstream words(text);
  std::string out;
  for (std::string word; words >> word;) {
    const auto star = word.find('*');
    const auto byte = static_cast<char>(std::stoi(word.substr(0, 2), nullptr, 16));
    if (star == std::string::npos && word.size() != 2) throw std::runtime_error("byte " + word);
    out.append(star == std::string::npos ? 1 : std::stoul(word.substr(star + 1)), byte);
  }
  return out;
}

inline std::vector<FrameCase> frame_cases() {
  std::ifstream file(switchback::test::in_source("tests/unit/proxy/tunnel/frames.txt"));
  std::vector<FrameCase> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("== ")) {
      cases.push_back({line.substr(3)});
      continue;
    }
    const auto colon = line.find(':');
    const std::string key = line.substr(0, colon);
    const std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    FrameCase& c = cases.back();
    if (key == "rfc") {
      c.rfc = value;
    } else if (key == "from") {
      c.from = value == "client" ? Sender::client : Sender::server;
    } else if (key == "extensions") {
      c.extensions = value == "yes";
    } else if (key == "bytes") {
      c.bytes = bytes_of(value);
    } else if (key == "ends") {
      std::istringstream numbers(value);
      for (std::size_t n; numbers >> n;) c.ends.push_back(n);
    } else if (key == "then") {
      c.then = value;
    } else {
      throw std::runtime_error(c.name + ": " + key);
    }
  }
  return cases;
}

inline std::string state_of(const FrameTracker& tracker) {
  if (tracker.lost()) return "lost";
  if (tracker.closed()) return "closed";
  return tracker.at_boundary() ? "boundary" : "inside";
}

}  // namespace switchback::tunnel::test
