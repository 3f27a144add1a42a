// A service's mirroring as the control plane sees it: plain numbers, summed over workers.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "proxy/mirror/run.hpp"

namespace switchback::mirror {

struct LatencyView {
  std::array<std::uint64_t, stats::Histogram::bucket_count> buckets{};
  std::uint64_t sum_us = 0;
  std::uint64_t count() const;
  // An upper bound, at most 12.5 % too high; 0 when nothing was recorded. `share`: 0.99.
  std::uint64_t percentile_us(double share) const;
};

struct CountsView {
  void add(const Counts& counts);
  std::uint64_t sampled = 0, copies = 0, slower = 0, bytes = 0;
  std::array<std::uint64_t, count_of<Skip>> skipped{};
  std::array<std::uint64_t, count_of<Verdict>> ended{};
  std::array<std::uint64_t, count_of<Fault>> faults{};
  std::array<std::uint64_t, count_of<Drop>> drops{};
  std::array<LatencyView, 2> latency;  // original, copy
  std::uint64_t of(Verdict v) const { return ended[static_cast<std::size_t>(v)]; }
  std::uint64_t compared() const;
};

struct View {
  unsigned percent = 0;  // 0: off, and there is no run
  Color target = Color::green;
  std::uint64_t epoch = 0;
  std::array<std::string, 2> releases;  // by color
  std::int64_t since_wall_us = 0;
  std::uint64_t in_flight = 0;
  CountsView run;
  std::vector<std::pair<std::string, std::uint64_t>>
      headers;                       // compared, and how often each differed
  std::vector<Sample> samples;       // newest first
  std::array<CountsView, 2> totals;  // over all runs, by target
};

View view_of(const Setup& setup, const Totals& totals, std::size_t most_samples);

}  // namespace switchback::mirror
