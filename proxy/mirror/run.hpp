// What mirroring has seen: counters, one shard a worker, and the run they belong to.
//
// A run is one question: "does this release, as the standby, answer as the active one does?" It
// begins when mirroring is switched on, with every switch, and when a reload changes the standby's
// servers, a release or the compared fields. A copy belongs to the run in which it was sampled, to
// its end. Totals go on over all runs (metrics).
// The books: sampled = the skipped + copies, and copies = the sum of the verdicts + what is under
// way. Threads: a shard is written by its worker, read by anybody.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/color.hpp"
#include "proxy/mirror/answer.hpp"
#include "proxy/mirror/sample_ring.hpp"
#include "proxy/stats/counters.hpp"

namespace switchback::mirror {

template <class Enum>
constexpr std::size_t count_of = static_cast<std::size_t>(Enum::count_);

struct Counts {
  stats::Counter sampled;
  std::array<stats::Counter, count_of<Skip>> skipped;
  stats::Counter copies;
  std::array<stats::Counter, count_of<Verdict>> ended;
  std::array<stats::Counter, count_of<Fault>> faults;
  std::array<stats::Counter, count_of<Drop>> drops;
  stats::Counter slower;
  stats::Counter bytes;                     // of copies' answers, read and thrown away
  std::array<stats::Histogram, 2> latency;  // to the head, where compared: original, copy
};

struct alignas(64) Shard {
  Counts counts;
  std::array<stats::Counter, max_headers> header_differs;
  SampleRing samples;
};

// A service's, as long as it is configured.
struct Totals {
  explicit Totals(unsigned workers) : shards(workers) {}
  struct alignas(64) Worker {
    std::array<Counts, 2> target;  // by the color that got the copies
  };
  std::vector<Worker> shards;
  std::atomic<unsigned> in_flight{0};  // slots taken: of all workers, of all runs
};

// What a reload may change under way.
struct Rules {
  explicit Rules(const config::Mirror& config);
  unsigned percent;
  std::uint32_t method_mask;         // bit per http::Method
  std::vector<std::string> methods;  // all of them
  std::size_t body;
  unsigned in_flight;
  Nanos timeout_ns;
};

struct Run {
  Run(unsigned workers, std::shared_ptr<Totals> all) : totals(std::move(all)), shards(workers) {}
  Color target = Color::green;          // the standby
  std::uint64_t epoch = 0;              // of the requests that are copied
  std::uint64_t number = 0;             // later runs have higher ones
  std::array<std::string, 2> releases;  // by color
  std::vector<std::string> headers;     // compared
  std::int64_t since_wall_us = 0;
  std::shared_ptr<Totals> totals;
  std::vector<Shard> shards;
};

// What a worker needs of a service's mirroring; rules are null where it is off.
struct Setup {
  std::shared_ptr<const Rules> rules;
  std::shared_ptr<Run> run;
};

}  // namespace switchback::mirror
