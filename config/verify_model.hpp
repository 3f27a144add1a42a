// `services.NAME.verify` and `services.NAME.bake` as plain data: how a flip is proved, and how long
// a release is watched after it. Regular expressions, JSON paths and ${…} stand as written; the
// verifier compiles them (admin/verify/plan.hpp) and `check` tells what is wrong with them.
//
// Units: durations are milliseconds unless a name says otherwise, shares are 0..1.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace switchback::config {

struct StatusSpan {
  unsigned first = 200, last = 299;  // both ends included
  friend bool operator==(const StatusSpan&, const StatusSpan&) = default;
};

struct NamedText {
  std::string name, value;
  friend bool operator==(const NamedText&, const NamedText&) = default;
};

enum class JsonKind : std::uint8_t { any, number, string, boolean, array, object, null };

// What stands at one place of a JSON answer.
struct JsonExpectation {
  std::string path;  // "$.a.b[0]"
  std::optional<std::string> equals;
  bool equals_plain = false;  // written without quotes: 100, true and null are not text
  JsonKind type = JsonKind::any;
  std::optional<double> min, max;
  friend bool operator==(const JsonExpectation&, const JsonExpectation&) = default;
};

struct ProbeExpectation {
  std::vector<StatusSpan> status;  // empty: 200-299
  unsigned max_ms = 0;             // 0: no bound
  std::vector<NamedText> header;   // field name, pattern
  std::string body_regex;
  std::vector<JsonExpectation> json;
  friend bool operator==(const ProbeExpectation&, const ProbeExpectation&) = default;
};

struct Probe {
  std::string name;
  std::string method, path;
  std::vector<NamedText> headers;
  std::string body;
  ProbeExpectation expect;
  std::chrono::milliseconds every{1000};
  unsigned pass_needed = 1, pass_of = 1;  // of the newest answers
  friend bool operator==(const Probe&, const Probe&) = default;
};

// Which outcomes of requests are bad ones.
struct BadOutcomes {
  std::vector<std::string> words;  // as written
  std::vector<StatusSpan> status;
  bool connect_fail = false, reset = false, timeout = false;
  bool slow = false;  // slower than 99 % of the baseline
  friend bool operator==(const BadOutcomes&, const BadOutcomes&) = default;
};

struct Stream {
  std::string name;
  BadOutcomes bad;
  double floor = 0.002;    // a bad share up to this is never an alarm
  double tolerate = 0.01;  // up to this it is worse, but no reason to go back
  friend bool operator==(const Stream&, const Stream&) = default;
};

struct TrafficBaseline {
  std::chrono::milliseconds window{std::chrono::minutes(30)};
  unsigned min_requests = 1000;  // fewer: the traffic cannot be judged
  friend bool operator==(const TrafficBaseline&, const TrafficBaseline&) = default;
};

struct TrafficIgnore {
  bool client_abort = true;
  std::vector<std::string> paths;  // patterns
  std::string header;              // requests that carry it; empty: none
  friend bool operator==(const TrafficIgnore&, const TrafficIgnore&) = default;
};

struct VerifyTraffic {
  TrafficBaseline baseline;
  std::vector<Stream> streams;
  TrafficIgnore ignore;
  unsigned min_bad = 5;                         // fewer bad outcomes prove nothing
  std::chrono::milliseconds burst_guard{3000};  // so many separate seconds must testify; 0: none
  unsigned per_source_cap = 0;  // bad outcomes of one client a second that count; 0: all
  friend bool operator==(const VerifyTraffic&, const VerifyTraffic&) = default;
};

struct PairedPlan {
  unsigned rate = 4;             // pairs a second
  std::vector<std::string> use;  // names of probes; empty: all
  friend bool operator==(const PairedPlan&, const PairedPlan&) = default;
};

enum class HookMoment : std::uint8_t { switched, verified, unverified, rolled_back };

struct Hook {
  HookMoment on = HookMoment::switched;
  std::vector<std::string> exec;
  std::chrono::milliseconds timeout{10'000};
  bool required = false;  // its failure makes the flip unverified
  friend bool operator==(const Hook&, const Hook&) = default;
};

struct Verify {
  std::chrono::milliseconds deadline{20'000};
  std::vector<Probe> probes;
  std::optional<VerifyTraffic> traffic;
  std::optional<PairedPlan> paired_probes;
  std::vector<Hook> hooks;
  friend bool operator==(const Verify&, const Verify&) = default;
};

enum class BakeMode : std::uint8_t { advise, automatic };

struct Bake {
  std::chrono::milliseconds length{std::chrono::minutes(15)};
  BakeMode mode = BakeMode::advise;
  double objective = 0.999;  // share of requests without a 5xx
  friend bool operator==(const Bake&, const Bake&) = default;
};

}  // namespace switchback::config
