// Reads the wire vectors of this folder; README.md says how they are written.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace switchback::conformance {

struct Case {
  std::string file;  // "request/line.http"
  std::string name;
  std::vector<std::pair<std::string, std::string>> keys;  // in the file's order, not unescaped
  std::string raw;                                        // the bytes
  bool has(std::string_view key) const;
  // The first value, or `otherwise`.
  std::string get(std::string_view key, std::string_view otherwise = "") const;
  std::vector<std::string> all(std::string_view key) const;
};

// All cases of one folder ("request" or "response"). Throws std::runtime_error with file and line
// on anything it does not understand, so that no case is passed over in silence.
std::vector<Case> load(const std::string& folder);

std::string unescape(std::string_view text);

}  // namespace switchback::conformance
