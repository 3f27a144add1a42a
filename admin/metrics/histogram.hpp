// A log-linear histogram of the data plane as Prometheus wants it: cumulative, at few bounds.
#pragma once

#include <array>

#include "admin/metrics/exposition.hpp"
#include "config/model.hpp"
#include "proxy/stats/counters.hpp"

namespace switchback::metrics {

// The log-linear histogram has 208 buckets; a graph needs far fewer. Upper bounds in microseconds,
// powers of two, so that each is exactly a sum of log-linear buckets: 64 µs .. 67 s; `coarse` has
// every third of them.
inline constexpr unsigned first_bound_log2 = 6;
inline constexpr unsigned last_bound_log2 = 26;
inline constexpr unsigned coarse_step = 3;

using Buckets = std::array<std::uint64_t, stats::Histogram::bucket_count>;

// `off` leaves count and sum, which is what a summary without quantiles is.
const char* histogram_type(config::MetricsHistograms kind);

// The samples of one histogram under the running family; none where nothing was recorded. The
// count is the sum of what was read: a request that ends meanwhile would else make +Inf smaller
// than a bucket. At most 4 labels.
void histogram(Exposition& out, Labels labels, const Buckets& buckets, std::uint64_t sum_us,
               config::MetricsHistograms kind);

}  // namespace switchback::metrics
