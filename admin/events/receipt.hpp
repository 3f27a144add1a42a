// What is known of one switch: plain data that the controller fills, the ledger keeps, and events,
// the API and webhooks carry. JSON: receipt_json.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/color.hpp"
#include "proxy/drain/switch_record.hpp"

namespace switchback::events {

enum class FlipKind : std::uint8_t { promote, rollback, auto_rollback, drill };
enum class FlipState : std::uint8_t {
  switching,
  switched,
  draining,
  drained,
  verified,
  unverified,
  regressed,
  failed_before_switch  // the process ended before traffic moved
};
std::string_view to_string(FlipKind k);
std::string_view to_string(FlipState s);

// Milliseconds since the request was taken up; absent: not reached.
struct Stages {
  std::optional<double> decided, persisted, switched, first_new, last_old, drained, verified;
};

// What a verification plan has shown of a switch (docs/verification.md).
struct CheckLine {
  std::string name;
  bool ok = false;
  std::string server;              // where it failed first
  std::string observed, expected;  // of the newest failure; of the newest answer when ok
  std::uint64_t latency_us = 0;
  unsigned passes = 0, runs = 0;  // in the window of its rule, of all servers
};
struct Verification {
  bool settled = false;          // the state below is the last word
  std::string state;             // verifying, verified, unverified, regressed, superseded
  std::string verdict;           // of the traffic: HEALTHY, …; "" where it is not judged
  std::string label;             // "probes only", or why it is not verified
  std::int64_t deadline_ms = 0;  // after the switch
  std::vector<CheckLine> checks;
};

struct Receipt {
  std::string flip;  // ULID
  FlipKind kind = FlipKind::promote;
  std::string service;
  Color from = Color::blue, to = Color::green;
  std::string from_release, to_release;
  std::uint64_t epoch = 0;
  std::string actor, auth, reason;
  FlipState state = FlipState::switching;
  bool moved = false;
  bool already = false;  // the target was active; nothing was done
  bool durable = true;
  bool forced = false;      // an unfit standby was forced, and why is in the reason
  bool superseded = false;  // a later switch overtook its drain
  Stages stages_ms;
  drain::Counts counts{};
  std::vector<std::string> warnings;
  // How a death of the process met it: "resumed" (its answer may never have been seen),
  // "recovered" (answered, and pieced together again), "failed_before_switch".
  std::vector<std::string> tags;
  std::vector<unsigned> lagging_workers;     // state switching: who has not passed
  std::optional<Verification> verification;  // none: the service has no plan
  std::int64_t wall_us = 0;
};

}  // namespace switchback::events
