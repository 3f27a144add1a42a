// What a flip benchmark found: its figures, and how they are said (a table, JSON). Pure functions.
//
// Units: milliseconds from the flip's command, unless a name says otherwise. Text ends with a
// newline and is plain ASCII.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "bench/switchover/flip_log.hpp"
#include "bench/switchover/flipper.hpp"

namespace switchback::bench {

struct LaneTitle {
  std::string name;  // "https keep-alive"
  std::string url;
};

struct RunFacts {
  std::string subject;  // "a demo of its own", "shop at http://…"
  std::string service;
  std::string kind = "flip";
  unsigned flips_wanted = 0;
  double rate = 0;  // requests a second, all lanes
  unsigned connections = 0;
  double pause_ms = 0;
  double backend_delay_ms = -1;  // of the benchmark's own servers; negative: others' servers
  std::vector<LaneTitle> lanes;
};

struct Figures {
  Summary answer, first_new, last_old_begun, drained;
  Summary receipt_persisted, receipt_switched, receipt_drained, receipt_verified;
  std::vector<double> answers, first_news, draineds;  // one a measured flip, in order
  std::uint64_t answered = 0, failed = 0, stale = 0, unjudged = 0, late = 0;
};

struct Result {
  RunFacts facts;
  FlipsEnd end;
  std::vector<FlipRecord> flips;
  std::vector<LaneCounts> lanes;
  std::vector<std::string> complaints;
  Timeline timeline;
};

Figures figures_of(const Result& result);
// One word: "clean", "interrupted" (clean so far), "unproved", "not restored", "failed".
std::string verdict_of(const Result& result, const Figures& figures);

std::string render_text(const Result& result, const Figures& figures);
boost::json::object render_json(const Result& result, const Figures& figures);

}  // namespace switchback::bench
