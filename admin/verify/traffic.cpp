#include "admin/verify/traffic.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "admin/verify/expectation.hpp"

namespace switchback::verify {
namespace {

using http::Reason;

bool is_client_abort(Reason reason) {
  switch (reason) {
    case Reason::client_closed:
    case Reason::client_reset:
    case Reason::client_write_timeout:
    case Reason::client_too_slow:
    case Reason::body_timeout:
    case Reason::body_too_slow:
      return true;
    default:
      return false;
  }
}

// The proxy's own doing, on purpose: it says nothing about a release.
bool is_our_own(Reason reason) {
  switch (reason) {
    case Reason::drain_forced:
    case Reason::shutting_down:
    case Reason::tunnel_idle:
    case Reason::redirected:
    case Reason::rate_limited:
      return true;
    default:
      return false;
  }
}

bool is_connect_fail(Reason reason) {
  switch (reason) {
    case Reason::connect_refused:
    case Reason::connect_timeout:
    case Reason::connect_failed:
    case Reason::server_tls_failed:
    case Reason::no_server:
    case Reason::retries_exhausted:
      return true;
    default:
      return false;
  }
}

bool is_reset(Reason reason) {
  switch (reason) {
    case Reason::server_reset:
    case Reason::server_closed:
    case Reason::response_truncated:
    case Reason::server_write_failed:
    case Reason::bad_response:
    case Reason::response_too_large:
      return true;
    default:
      return false;
  }
}

// Whoever has one IPv6 address has a whole network of them (RFC 6177: a site gets at least a /64).
std::array<std::uint8_t, 16> source_of(const std::array<std::uint8_t, 16>& client) {
  static constexpr std::array<std::uint8_t, 12> v4_mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  auto out = client;
  if (!std::equal(v4_mapped.begin(), v4_mapped.end(), client.begin()))
    std::fill(out.begin() + 8, out.end(), std::uint8_t{0});
  return out;
}

StreamRule rule_of(const config::Stream& stream, const config::VerifyTraffic& plan,
                   unsigned shares) {
  StreamRule rule;
  rule.floor = stream.floor;
  rule.tolerate = stream.tolerate;
  rule.min_bad = plan.min_bad;
  rule.streams = std::max(1U, shares);
  rule.burst_seconds = static_cast<unsigned>((plan.burst_guard.count() + 999) / 1000);
  return rule;
}

}  // namespace

TrafficRules::TrafficRules(const config::VerifyTraffic& plan) : plan_(plan) {
  for (const auto& text : plan.ignore.paths) {
    auto compiled = compile_pattern(text);
    if (auto* regex = std::get_if<boost::regex>(&compiled)) paths_.push_back(std::move(*regex));
  }
}

bool TrafficRules::counts(const stats::BadOutcome& outcome) {
  if (is_our_own(outcome.reason) || outcome.marked) return false;
  if (is_client_abort(outcome.reason) && plan_.ignore.client_abort) return false;
  const auto path = outcome.target_text();
  // A target that a pattern cannot be tried on in time counts as bad, and nobody who sends many
  // such targets takes the control thread's time more than once a second.
  for (const auto& regex : paths_) {
    if (gave_up_) break;
    try {
      if (boost::regex_search(path.begin(), path.end(), regex)) return false;
    } catch (const std::exception&) {
      gave_up_ = true;
    }
  }
  if (plan_.per_source_cap == 0) return true;
  const auto client = source_of(outcome.client);
  const auto at = std::find_if(sources_.begin(), sources_.end(),
                               [&](const auto& source) { return source.first == client; });
  if (at == sources_.end()) {
    sources_.emplace_back(client, 1);
    return true;
  }
  return ++at->second <= plan_.per_source_cap;
}

bool TrafficRules::is_bad(const config::BadOutcomes& rule, const stats::BadOutcome& outcome) const {
  if (is_client_abort(outcome.reason)) return rule.reset;
  if (rule.connect_fail && is_connect_fail(outcome.reason)) return true;
  if (rule.reset && is_reset(outcome.reason)) return true;
  if (rule.timeout &&
      (outcome.reason == Reason::response_timeout || outcome.reason == Reason::connect_timeout)) {
    return true;
  }
  return std::any_of(rule.status.begin(), rule.status.end(), [&](const auto& span) {
    return outcome.status >= span.first && outcome.status <= span.last;
  });
}

TrafficCounts TrafficRules::count(const TrafficSample& sample, std::uint64_t second) {
  if (second != second_) {
    sources_.clear();
    gave_up_ = false;
  }
  second_ = second;
  TrafficCounts out;
  out.latencies = sample.latencies;
  std::uint64_t ignored = 0;
  out.streams.resize(plan_.streams.size());
  for (const auto& outcome : sample.bad) {
    if (!counts(outcome)) {
      ++ignored;
      continue;
    }
    for (std::size_t i = 0; i < plan_.streams.size(); ++i)
      out.streams[i].bad += is_bad(plan_.streams[i].bad, outcome) ? 1 : 0;
  }
  // What could not be written down is taken to be like what was.
  const double known = static_cast<double>(sample.bad.size());
  const double scale = known > 0 ? static_cast<double>(sample.lost) / known : 0;
  const auto more = [scale](std::uint64_t n) {
    return n + static_cast<std::uint64_t>(static_cast<double>(n) * scale + 0.5);
  };
  const std::uint64_t left_out = std::min(sample.requests, more(ignored));
  for (std::size_t i = 0; i < plan_.streams.size(); ++i) {
    auto& stream = out.streams[i];
    stream.requests = sample.requests - (plan_.streams[i].bad.slow ? 0 : left_out);
    stream.bad = std::min(stream.requests, more(stream.bad));
  }
  return out;
}

void add(TrafficCounts& to, const TrafficCounts& from) {
  if (to.streams.size() < from.streams.size()) to.streams.resize(from.streams.size());
  for (std::size_t i = 0; i < from.streams.size(); ++i) {
    to.streams[i].requests += from.streams[i].requests;
    to.streams[i].bad += from.streams[i].bad;
  }
  for (std::size_t b = 0; b < to.latencies.size(); ++b) to.latencies[b] += from.latencies[b];
}

std::uint64_t above(const Latencies& latencies, std::size_t bucket) {
  std::uint64_t sum = 0;
  for (std::size_t b = bucket + 1; b < latencies.size(); ++b) sum += latencies[b];
  return sum;
}

void Baseline::add(const TrafficCounts& counts, std::uint64_t seconds, std::int64_t end_wall_us) {
  if (slices_.empty() || slices_.back().seconds >= slice_seconds) slices_.emplace_back();
  slices_.back().seconds += seconds;
  slices_.back().end_wall_us = end_wall_us;
  seconds_ += seconds;
  verify::add(slices_.back().counts, counts);
  trim();
}

void Baseline::put_before(std::vector<Slice> older) {
  for (const auto& slice : older) seconds_ += slice.seconds;
  slices_.insert(slices_.begin(), std::make_move_iterator(older.begin()),
                 std::make_move_iterator(older.end()));
  trim();
}

void Baseline::trim() {
  while (seconds_ > window_ + slice_seconds && slices_.size() > 1) {
    seconds_ -= slices_.front().seconds;
    slices_.pop_front();
  }
}

TrafficCounts Baseline::total(std::int64_t by_wall_us) const {
  TrafficCounts out;
  for (const auto& slice : slices_)
    if (by_wall_us == 0 || slice.end_wall_us <= by_wall_us) verify::add(out, slice.counts);
  return out;
}

std::size_t Baseline::p99_bucket(const Latencies& latencies) {
  std::uint64_t all = 0, sum = 0;
  for (const auto n : latencies) all += n;
  if (all == 0) return latencies.size();
  const auto wanted = static_cast<std::uint64_t>(std::ceil(static_cast<double>(all) * 0.99));
  for (std::size_t b = 0; b < latencies.size(); ++b)
    if ((sum += latencies[b]) >= wanted) return b;
  return latencies.size() - 1;
}

StreamWatch::StreamWatch(const config::Stream& stream, const config::VerifyTraffic& plan,
                         Counts baseline, unsigned shares_of_alpha)
    : name_(stream.name),
      baseline_(baseline),
      min_requests_(plan.baseline.min_requests),
      process_(rule_of(stream, plan, shares_of_alpha), baseline),
      log_threshold_(std::log(std::max(1U, shares_of_alpha) / StreamRule{}.alpha)) {}

void StreamWatch::second(const Counts& seen, std::int64_t begun_wall_us) {
  process_.second(seen);
  regressed_ = regressed_ || (baseline_suffices() && process_.regressed());
  seconds_.push_back({seen, begun_wall_us});
  if (seconds_.size() > kept_seconds) seconds_.pop_front();
}

StreamValue StreamWatch::value(const Counts& unfinished) const {
  // Health may be said in the middle of a second; a regression needs whole ones (burst guard).
  EProcess now = process_;
  if (unfinished.requests > 0) now.second(unfinished);
  if (regressed_)
    return now.healthy_since_change() ? StreamValue::degraded : StreamValue::regressed;
  return now.healthy() && baseline_suffices() ? StreamValue::healthy : StreamValue::inconclusive;
}

// The moment from which on "twice the null's share, or what is seen now" explains the outcomes best
// against "the null's share": where the sum of log likelihood ratios was lowest.
std::optional<std::int64_t> StreamWatch::onset_wall_us() const {
  if (seconds_.empty()) return std::nullopt;
  const double null = process_.null_share();
  const Counts last = recent();
  const double seen =
      last.requests > 0 ? static_cast<double>(last.bad) / static_cast<double>(last.requests) : 0;
  const double share = std::clamp(std::max(seen, 2 * null), null * 1.01, 0.98);
  if (share <= null) return std::nullopt;
  const double bad = std::log(share / null), good = std::log((1 - share) / (1 - null));
  double sum = 0, lowest = 0, gain = 0;
  std::int64_t lowest_at = seconds_.front().wall_us;
  std::optional<std::int64_t> onset;
  for (std::size_t i = 0; i < seconds_.size(); ++i) {
    const auto& s = seconds_[i].seen;
    if (sum < lowest) {
      lowest = sum;
      lowest_at = seconds_[i].wall_us;
    }
    sum += static_cast<double>(s.bad) * bad + static_cast<double>(s.requests - s.bad) * good;
    if (sum - lowest > std::max(gain, 1.0)) {
      gain = sum - lowest;
      onset = lowest_at;
    }
  }
  return onset;
}

Counts StreamWatch::recent() const {
  Counts sum;
  const std::size_t from = seconds_.size() > 10 ? seconds_.size() - 10 : 0;
  for (std::size_t i = from; i < seconds_.size(); ++i) {
    sum.requests += seconds_[i].seen.requests;
    sum.bad += seconds_[i].seen.bad;
  }
  return sum;
}

double StreamWatch::bad_per_second() const {
  const auto n = std::min<std::size_t>(seconds_.size(), 10);
  return n == 0 ? 0 : static_cast<double>(recent().bad) / static_cast<double>(n);
}

double StreamWatch::requests_per_second() const {
  const auto n = std::min<std::size_t>(seconds_.size(), 10);
  return n == 0 ? 0 : static_cast<double>(recent().requests) / static_cast<double>(n);
}

}  // namespace switchback::verify
