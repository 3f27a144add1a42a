#include "admin/metrics/histogram.hpp"

#include <algorithm>
#include <numeric>

#include "proxy/base/assert.hpp"

namespace switchback::metrics {

using config::MetricsHistograms;

const char* histogram_type(MetricsHistograms kind) {
  return kind == MetricsHistograms::off ? "summary" : "histogram";
}

void histogram(Exposition& out, Labels labels, const Buckets& buckets, std::uint64_t sum_us,
               MetricsHistograms kind) {
  const auto count = std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
  if (count == 0) return;
  if (kind != MetricsHistograms::off) {
    std::array<Label, 5> with_bound;
    SB_ASSERT(labels.size() < with_bound.size());
    auto& bound = *std::copy(labels.begin(), labels.end(), with_bound.begin());
    const std::size_t size = labels.size() + 1;
    const unsigned step = kind == MetricsHistograms::coarse ? coarse_step : 1;
    std::size_t next = 0;
    std::uint64_t cumulative = 0;
    for (unsigned log2 = first_bound_log2; log2 <= last_bound_log2; log2 += step) {
      const std::uint64_t bound_us = std::uint64_t{1} << log2;
      while (next < buckets.size() && stats::Histogram::upper_bound_us(next) <= bound_us)
        cumulative += buckets[next++];
      const std::string text = number_text(static_cast<double>(bound_us) / 1e6);
      bound = {"le", text};
      out.bucket({with_bound.data(), size}, cumulative);
    }
    bound = {"le", "+Inf"};
    out.bucket({with_bound.data(), size}, count);
  }
  out.sample("_sum", labels, static_cast<double>(sum_us) / 1e6);
  out.sample("_count", labels, count);
}

}  // namespace switchback::metrics
