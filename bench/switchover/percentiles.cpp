#include "bench/switchover/percentiles.hpp"

#include <algorithm>
#include <cmath>

namespace switchback::bench {
namespace {

// 1-based rank of a percentile among `count` values.
std::uint64_t rank_of(double percent, std::uint64_t count) {
  const double exact = std::ceil(percent / 100.0 * static_cast<double>(count));
  return std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::max(1.0, exact)), 1, count);
}

}  // namespace

double percentile(const std::vector<double>& sorted, double percent) {
  return sorted.empty() ? 0 : sorted[rank_of(percent, sorted.size()) - 1];
}

Summary summarize(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.size(), percentile(values, 50), percentile(values, 90), percentile(values, 99),
          values.empty() ? 0 : values.back()};
}

// Values below 32 have a bucket each; above, every power of two is cut into 32.
std::size_t LatencyHistogram::bucket_of(std::uint64_t value) {
  constexpr std::uint64_t fine = 1u << fine_bits;
  if (value < fine) return value;
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - fine_bits;
  return (static_cast<std::size_t>(shift + 1) << fine_bits) + ((value >> shift) - fine);
}

std::uint64_t LatencyHistogram::upper_edge(std::size_t bucket) {
  constexpr std::uint64_t fine = 1u << fine_bits;
  if (bucket < fine) return bucket;
  const unsigned shift = static_cast<unsigned>(bucket >> fine_bits) - 1;
  return ((fine + (bucket & (fine - 1)) + 1) << shift) - 1;
}

void LatencyHistogram::add(Nanos value) {
  value = std::max<Nanos>(value, 0);
  ++buckets_[bucket_of(static_cast<std::uint64_t>(value))];
  ++count_;
  max_ = std::max(max_, value);
}

Nanos LatencyHistogram::at(double percent) const {
  if (count_ == 0) return 0;
  std::uint64_t left = rank_of(percent, count_);
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    if (buckets_[i] >= left) return std::min<Nanos>(static_cast<Nanos>(upper_edge(i)), max_);
    left -= buckets_[i];
  }
  return max_;
}

}  // namespace switchback::bench
