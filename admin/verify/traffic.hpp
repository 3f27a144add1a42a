// Real requests as streams of good and bad outcomes: what counts, what it is compared with, and
// what it proves. Sans-IO: counts of a second come in (sampler.hpp reads them from the data plane).
//
// Accounting: a bad outcome that does not count (a client that went away, a path, a header, more
// than its client's share) leaves the count of requests with it. Good requests for ignored paths
// stay in: the data plane does not look at good requests, so shares are a little too low rather
// than too high.
// The slow stream counts requests above the 99th percentile of the baseline, by the buckets of the
// data plane's histogram (12.5 % wide).
#pragma once

#include <array>
#include <boost/regex.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "admin/verify/e_process.hpp"
#include "config/verify_model.hpp"
#include "proxy/stats/counters.hpp"
#include "proxy/stats/outcome_ring.hpp"

namespace switchback::verify {

using Latencies = std::array<std::uint64_t, stats::Histogram::bucket_count>;

// What one color did since the sample before.
struct TrafficSample {
  std::uint64_t requests = 0;          // ended, with or without an answer
  std::vector<stats::BadOutcome> bad;  // of them
  std::uint64_t lost = 0;              // bad ones that nobody could write down
  Latencies latencies{};
};

// Counts of one interval, by stream; slow streams are filled in from the latencies.
struct TrafficCounts {
  std::vector<Counts> streams;
  Latencies latencies{};
};

class TrafficRules {
 public:
  explicit TrafficRules(const config::VerifyTraffic& plan);

  // `second`: a number that is the same for samples of one second; caps of sources hold for it.
  TrafficCounts count(const TrafficSample& sample, std::uint64_t second);
  const config::VerifyTraffic& plan() const { return plan_; }

 private:
  bool counts(const stats::BadOutcome& outcome);
  bool is_bad(const config::BadOutcomes& rule, const stats::BadOutcome& outcome) const;

  config::VerifyTraffic plan_;
  std::vector<boost::regex> paths_;
  std::uint64_t second_ = 0;
  bool gave_up_ = false;  // on a pattern, this second
  std::vector<std::pair<std::array<std::uint8_t, 16>, unsigned>> sources_;  // of this second
};

// What a color did while it was active, the newest `window` of it.
class Baseline {
 public:
  explicit Baseline(std::uint64_t window_seconds = 1800) : window_(window_seconds) {}
  struct Slice {
    std::uint64_t seconds = 0;
    std::int64_t end_wall_us = 0;
    TrafficCounts counts;
  };

  // Of so many seconds, which end at `end_wall_us`.
  void add(const TrafficCounts& counts, std::uint64_t seconds, std::int64_t end_wall_us = 0);
  void clear() { slices_.clear(), seconds_ = 0; }
  bool empty() const { return slices_.empty(); }
  const std::deque<Slice>& slices() const { return slices_; }
  // What an earlier life counted goes before what this one has.
  void put_before(std::vector<Slice> older);

  // Of slices that ended by then; 0: all.
  TrafficCounts total(std::int64_t by_wall_us = 0) const;
  static std::size_t p99_bucket(const Latencies& latencies);  // bucket_count: nothing seen

 private:
  static constexpr std::uint64_t slice_seconds = 60;
  void trim();
  std::uint64_t window_, seconds_ = 0;
  std::deque<Slice> slices_;
};

void add(TrafficCounts& to, const TrafficCounts& from);
std::uint64_t above(const Latencies& latencies, std::size_t bucket);

enum class StreamValue : std::uint8_t { healthy, regressed, degraded, inconclusive };

// One stream of one release since its flip.
class StreamWatch {
 public:
  StreamWatch(const config::Stream& stream, const config::VerifyTraffic& plan, Counts baseline,
              unsigned shares_of_alpha);

  // One whole second; `begun_wall_us`: when it began.
  void second(const Counts& seen, std::int64_t begun_wall_us);
  // As it would stand if `unfinished` were all of the running second.
  StreamValue value(const Counts& unfinished = {}) const;

  const std::string& name() const { return name_; }
  const Counts& baseline() const { return baseline_; }
  const EProcess& process() const { return process_; }
  double log_threshold() const { return log_threshold_; }
  bool baseline_suffices() const { return baseline_.requests >= min_requests_; }
  std::uint64_t min_requests() const { return min_requests_; }
  // Most likely moment of a change to worse; nullopt: nothing speaks for one.
  std::optional<std::int64_t> onset_wall_us() const;
  double bad_per_second() const;  // mean of the last 10 s
  double requests_per_second() const;

 private:
  static constexpr std::size_t kept_seconds = 3600;
  struct Second {
    Counts seen;
    std::int64_t wall_us;
  };
  Counts recent() const;
  std::string name_;
  Counts baseline_;
  std::uint64_t min_requests_;
  EProcess process_;
  double log_threshold_;
  bool regressed_ = false;  // once proved, it stays so for this release
  std::deque<Second> seconds_;
};

}  // namespace switchback::verify
