#include "proxy/mirror/view.hpp"

#include <algorithm>
#include <cmath>

namespace switchback::mirror {

namespace {

template <std::size_t N>
void add_all(std::array<std::uint64_t, N>& sums, const std::array<stats::Counter, N>& counters) {
  for (std::size_t i = 0; i < N; ++i) sums[i] += counters[i].read();
}

void add_latency(LatencyView& sum, const stats::Histogram& histogram) {
  for (std::size_t i = 0; i < sum.buckets.size(); ++i) sum.buckets[i] += histogram.bucket(i);
  sum.sum_us += histogram.sum_us();
}

std::vector<Sample> newest_samples(const Run& run, std::size_t most) {
  std::vector<Sample> samples;
  if (most == 0) return samples;
  for (const Shard& shard : run.shards) shard.samples.read(samples);
  std::sort(samples.begin(), samples.end(),
            [](const Sample& a, const Sample& b) { return a.wall_us > b.wall_us; });
  if (samples.size() > most) samples.resize(most);
  return samples;
}

}  // namespace

std::uint64_t LatencyView::count() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t n : buckets) sum += n;
  return sum;
}

std::uint64_t LatencyView::percentile_us(double share) const {
  const std::uint64_t all = count();
  if (all == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    sum += buckets[i];
    if (sum >= wanted && sum > 0) return stats::Histogram::upper_bound_us(i);
  }
  return stats::Histogram::upper_bound_us(buckets.size() - 1);
}

void CountsView::add(const Counts& counts) {
  sampled += counts.sampled.read();
  copies += counts.copies.read();
  slower += counts.slower.read();
  bytes += counts.bytes.read();
  add_all(skipped, counts.skipped);
  add_all(ended, counts.ended);
  add_all(faults, counts.faults);
  add_all(drops, counts.drops);
  for (std::size_t i = 0; i < 2; ++i) add_latency(latency[i], counts.latency[i]);
}

std::uint64_t CountsView::compared() const {
  return of(Verdict::equal) + of(Verdict::status) + of(Verdict::header) + of(Verdict::body);
}

View view_of(const Setup& setup, const Totals& totals, std::size_t most_samples) {
  View view;
  view.in_flight = totals.in_flight.load(std::memory_order_relaxed);
  for (const Totals::Worker& worker : totals.shards) {
    for (std::size_t color = 0; color < 2; ++color) view.totals[color].add(worker.target[color]);
  }
  if (!setup.rules) return view;
  const Run& run = *setup.run;
  view.percent = setup.rules->percent;
  view.target = run.target;
  view.epoch = run.epoch;
  view.releases = run.releases;
  view.since_wall_us = run.since_wall_us;
  for (const Shard& shard : run.shards) view.run.add(shard.counts);
  for (std::size_t i = 0; i < std::min(run.headers.size(), max_headers); ++i) {
    std::uint64_t sum = 0;
    for (const Shard& shard : run.shards) sum += shard.header_differs[i].read();
    view.headers.emplace_back(run.headers[i], sum);
  }
  view.samples = newest_samples(run, most_samples);
  return view;
}

}  // namespace switchback::mirror
