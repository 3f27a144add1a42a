// What a probe's answer must look like, and whether it does. Sans-IO.
//
// Bounds: at most `max_body_bytes` of a body are looked at; a regular expression that would take
// too long on what a server sent fails its check instead of holding up a rollback.
// JSON paths are $.name, $.a.b[0] and $["a name"]; no wildcards, no filters: a check that cannot be
// read in the middle of the night is no check.
#pragma once

#include <boost/json/value.hpp>
#include <boost/regex.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace switchback::verify {

inline constexpr std::size_t max_body_bytes = 64 * 1024;

struct JsonPath {
  std::string text;  // as written
  std::vector<std::variant<std::string, std::size_t>> steps;
};
// The path, or what is wrong with it.
std::variant<JsonPath, std::string> parse_json_path(std::string_view text);
// nullptr: the document has no such place.
const boost::json::value* find(const boost::json::value& document, const JsonPath& path);

enum class JsonType : std::uint8_t { any, number, string, boolean, array, object, null };

struct JsonRule {
  JsonPath path;
  std::optional<boost::json::value> equals;
  JsonType type = JsonType::any;
  std::optional<double> min, max;
};

struct StatusRange {
  unsigned first = 200, last = 299;
};

struct Expectation {
  std::vector<StatusRange> status = {{200, 299}};
  std::map<std::string, boost::regex> headers;  // lower-case name; the value must match somewhere
  std::optional<boost::regex> body;             // must match somewhere
  std::vector<JsonRule> json;
  std::uint64_t max_us = 0;  // 0: no bound
};

struct ProbeAnswer {
  std::string error;  // not empty: there was no answer, and why
  unsigned status = 0;
  std::multimap<std::string, std::string> headers;  // lower-case names
  std::string body;
  bool body_cut = false;  // more than max_body_bytes came
  std::uint64_t latency_us = 0;
};

struct CheckResult {
  bool ok = false;
  std::string observed;  // of the first rule that failed, or of the status when all held
  std::string expected;  // the status when ok
};
CheckResult check(const Expectation& expectation, const ProbeAnswer& answer);

// An answer, judged where it was read: a pattern on a long body may take a tenth of a second, which
// the control thread does not have.
struct Judged {
  CheckResult result;
  bool answered = false;
  std::uint64_t latency_us = 0;
};
Judged judged(const Expectation& expectation, const ProbeAnswer& answer);

// A pattern compiled within bounds, or what is wrong with it.
std::variant<boost::regex, std::string> compile_pattern(const std::string& text);

}  // namespace switchback::verify
