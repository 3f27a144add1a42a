// How times are summed up: a bounded histogram for requests, of which there are millions, and exact
// percentiles for flips, of which there are a thousand. Sans-IO.
//
// Percentiles are by nearest rank: the smallest value that at least p percent of all do not exceed,
// so that every figure shown was really measured.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/base/clock.hpp"

namespace switchback::bench {

// `percent` in (0, 100]; 0 for no values. `sorted`: ascending.
double percentile(const std::vector<double>& sorted, double percent);

struct Summary {
  std::size_t count = 0;
  double p50 = 0, p90 = 0, p99 = 0, max = 0;
};
Summary summarize(std::vector<double> values);

// Counts nanoseconds in buckets no wider than 1/32 of their value; of fixed size whatever it holds.
class LatencyHistogram {
 public:
  void add(Nanos value);
  std::uint64_t count() const { return count_; }
  Nanos max() const { return max_; }
  // The upper edge of the bucket of that rank, never more than max(); 0 when empty.
  Nanos at(double percent) const;

 private:
  static constexpr unsigned fine_bits = 5;
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t upper_edge(std::size_t bucket);

  std::array<std::uint64_t, (64 - fine_bits + 1) << fine_bits> buckets_{};
  std::uint64_t count_ = 0;
  Nanos max_ = 0;
};

}  // namespace switchback::bench
