// The watch over a release: its traffic, paired probes, verdicts.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "admin/verify/service_verifier.hpp"

namespace switchback::verify {
namespace {

constexpr Nanos ms = 1'000'000, second = 1'000 * ms;
constexpr double ln10 = 2.302585092994046;
constexpr std::uint64_t save_every_seconds = 300;

int rank(Value value) {
  switch (value) {
    case Value::regressed:
      return 4;
    case Value::shared:
      return 3;
    case Value::degraded:
      return 2;
    case Value::inconclusive:
      return 1;
    case Value::healthy:
      return 0;
  }
  return 0;
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g %%", share * 100);
  return text;
}

std::string line_of(const ServiceVerdict& v) {
  std::string out(to_string(v.value));
  const StreamVerdict* worst = nullptr;
  for (const auto& stream : v.streams)
    if (!worst || rank(stream.value) > rank(worst->value)) worst = &stream;
  if (worst) {
    const double n = static_cast<double>(worst->now.requests);
    out += ": " + worst->name + " " + std::to_string(worst->now.bad) + " of " +
           std::to_string(worst->now.requests) + " (" +
           percent(n > 0 ? static_cast<double>(worst->now.bad) / n : 0) + "), before " +
           percent(worst->baseline_share);
    if (!worst->why.empty()) out += "; " + worst->why;
  }
  if (v.paired.planned)
    out += std::string(worst ? "; " : ": ") + "pairs " + std::string(to_string(v.paired.value)) +
           " (" + std::to_string(v.paired.pairs) + ")";
  return out;
}

}  // namespace

void ServiceVerifier::begin_watch(const release::Receipt& receipt, Nanos now) {
  // A new release is compared with the one before it; one that came back, with itself when it was
  // active: the one before it is why it came back.
  const bool back = receipt.kind != release::FlipKind::promote;
  // What follows a release that was proved bad is not to be measured by it.
  const bool after_bad = !back && watch_ && watch_->receipt.to == receipt.from &&
                         watch_->regressed_wall_us && verdict_.value == Value::regressed;
  if (!after_bad) judged_by_ = baselines_[index_of(back ? receipt.to : receipt.from)].total();
  watched_flip_ = receipt.flip;
  open_watch(receipt, now);
  if (!rules_) return;
  if (!back) baselines_[index_of(receipt.to)].clear();  // another release ran there
  save_baseline(receipt.from);
  save_baseline(receipt.to);
}

void ServiceVerifier::open_watch(const release::Receipt& receipt, Nanos now) {
  watch_.reset();
  verdict_ = {};
  verdict_.planned = plan_->traffic || plan_->paired_probes;
  if (!verdict_.planned) return;
  watch_.emplace();
  watch_->receipt = receipt;
  watch_->begun_wall_us = wall_us();
  watch_->ends_ns = now + std::max(bake_.length, plan_->deadline).count() * ms;
  const auto& streams = plan_->traffic ? plan_->traffic->streams : std::vector<config::Stream>{};
  // Streams and pairs share the chance of a false alarm.
  const auto shares = static_cast<unsigned>(streams.size() + (plan_->paired_probes ? 1 : 0));
  const TrafficCounts& baseline = judged_by_;
  watch_->slow_bucket = Baseline::p99_bucket(baseline.latencies);
  for (std::size_t i = 0; i < streams.size(); ++i) {
    Counts counts = i < baseline.streams.size() ? baseline.streams[i] : Counts{};
    if (streams[i].bad.slow) {
      counts.requests = 0;
      for (const auto n : baseline.latencies) counts.requests += n;
      counts.bad = above(baseline.latencies, watch_->slow_bucket);
    }
    watch_->streams.emplace_back(streams[i], *plan_->traffic, counts, shares);
  }
  if (plan_->paired_probes) {
    watch_->pairs.emplace(StreamRule{}.alpha / std::max(1U, shares));
    watch_->next_pair_ns = now;
  }
  unsaved_ = {};
  second_ns_ = now;
  judge(now);
}

// A restart, or a plan that a reload changed, in the middle of the window: what was proved is gone
// and is gathered anew, until the window's end by the wall clock.
void ServiceVerifier::resume_watch(Nanos now) {
  constexpr std::int64_t settled_us = 2'000'000;  // younger: switched() is still to come
  if (watch_ || now < next_resume_ns_) return;
  next_resume_ns_ = now + second;
  const auto last = around_.controller.last_flip(name_);
  if (!last || !last->moved || last->to != active_ || last->flip == watched_flip_) return;
  if (wall_us() - last->wall_us >= settled_us) resume(*last);
}

// Everything the data plane has counted since the sample before.
void ServiceVerifier::sample(Nanos now) {
  if (!rules_) return;
  std::array<TrafficSample, 2> samples;
  const auto lost = around_.plane.take_outcomes(name_, [&](const stats::BadOutcome& outcome) {
    samples[index_of(outcome.color)].bad.push_back(outcome);
  });
  std::array<std::uint64_t, 2> requests{};
  std::array<Latencies, 2> latencies{};
  for (const auto& service : around_.plane.stats().services) {
    if (service.name != name_) continue;
    for (const auto* shard : service.shards) {
      for (std::size_t c = 0; c < 2; ++c) {
        const auto& color = shard->color[c];
        for (const auto& counter : color.by_status_class) requests[c] += counter.read();
        for (std::size_t b = 0; b < latencies[c].size(); ++b)
          latencies[c][b] += color.total.bucket(b);
      }
    }
  }
  const auto since = [](std::uint64_t now_is, std::uint64_t was) {
    return now_is >= was ? now_is - was : now_is;
  };
  for (std::size_t c = 0; c < 2; ++c) {
    samples[c].requests = since(requests[c], seen_requests_[c]);
    samples[c].lost = since(lost[c], seen_lost_[c]);
    for (std::size_t b = 0; b < latencies[c].size(); ++b)
      samples[c].latencies[b] = since(latencies[c][b], seen_latencies_[c][b]);
  }
  seen_requests_ = requests;
  seen_lost_ = lost;
  seen_latencies_ = latencies;
  if (!std::exchange(sampled_, true)) return;  // what was before us belongs to nobody
  const auto counts =
      rules_->count(samples[index_of(active_)], static_cast<std::uint64_t>(now / second));
  add(unsaved_, counts);
}

Counts ServiceVerifier::pending_of(std::size_t i) const {
  if (plan_->traffic->streams[i].bad.slow) {
    Counts slow;
    for (const auto n : unsaved_.latencies) slow.requests += n;
    slow.bad = above(unsaved_.latencies, watch_->slow_bucket);
    return slow;
  }
  return i < unsaved_.streams.size() ? unsaved_.streams[i] : Counts{};
}

void ServiceVerifier::end_second(Nanos now, std::uint64_t seconds) {
  if (rules_) {
    if (watch_) {
      for (std::size_t i = 0; i < watch_->streams.size(); ++i)
        watch_->streams[i].second(pending_of(i), wall_us() - 1'000'000);
    }
    // From the proof on, what a bad release does is no measure for anybody.
    const bool bad = watch_ && verdict_.value == Value::regressed;
    if (!bad) baselines_[index_of(active_)].add(unsaved_, seconds, wall_us());
    unsaved_ = {};
    unsaved_seconds_ += seconds;
    if (unsaved_seconds_ >= save_every_seconds) save_baseline(active_);
  }
  if (!watch_) return;
  judge(now);
  around_.tell(name_, verdict_);
  if (now < watch_->ends_ns) return;
  verdict_.watching = false;
  around_.tell(name_, verdict_);
  around_.write_verdict(verdict_);
  watch_.reset();
}

void ServiceVerifier::step_pairs(Nanos now) {
  if (!watch_ || !watch_->pairs || now < watch_->next_pair_ns) return;
  const auto& wanted = *plan_->paired_probes;
  watch_->next_pair_ns = now + second / std::max(1U, wanted.rate);
  std::vector<std::size_t> use;
  const auto& probes = board(Color::blue).probes();
  for (std::size_t i = 0; i < probes.size(); ++i) {
    const bool named = wanted.use.empty() || std::find(wanted.use.begin(), wanted.use.end(),
                                                       probes[i]->name) != wanted.use.end();
    if (named) use.push_back(i);
  }
  if (use.empty()) return;
  const std::size_t turn = watch_->next_pair++;
  const std::size_t probe = use[turn % use.size()];
  struct Pair {
    std::array<std::optional<bool>, 2> good;  // the subject's, the other's
  };
  const auto pair = std::make_shared<Pair>();
  const Color subject = watch_->receipt.to;
  const auto ended = [self = shared_from_this(), pair, flip = watch_->receipt.flip] {
    if (!pair->good[0] || !pair->good[1]) return;
    auto& watch = self->watch_;
    if (watch && watch->pairs && watch->receipt.flip == flip)
      watch->pairs->pair(*pair->good[0], *pair->good[1]);
  };
  for (const Color color : {subject, other(subject)}) {
    refresh_probes(color);
    const std::size_t side = color == subject ? 0 : 1;
    const auto plan = board(color).probes().at(probe);
    const auto targets = around_.plane.probe_targets(name_, color);
    if (targets.empty() || !plan->missing.empty()) {
      pair->good[side] = false;
      continue;
    }
    around_.prober.ask(plan, targets[turn / use.size() % targets.size()],
                       [pair, side, ended](const Judged& answer) {
                         pair->good[side] = answer.result.ok;
                         ended();
                       });
  }
  ended();
}

StreamVerdict ServiceVerifier::stream_verdict(std::size_t i) const {
  const auto& stream = watch_->streams[i];
  const Counts pending = pending_of(i);
  StreamVerdict out;
  out.name = stream.name();
  out.now = stream.process().total();
  out.now.requests += pending.requests;
  out.now.bad += pending.bad;
  out.baseline = stream.baseline();
  if (out.baseline.requests > 0)
    out.baseline_share =
        static_cast<double>(out.baseline.bad) / static_cast<double>(out.baseline.requests);
  out.null_share = stream.process().null_share();
  out.log10_e = stream.process().log_capital() / ln10;
  out.log10_threshold = stream.log_threshold() / ln10;
  out.requests_needed = stream.process().requests_for_healthy();
  out.bad_per_second = stream.bad_per_second();
  out.warned = stream.baseline_suffices() && stream.process().warned();
  switch (stream.value(pending)) {
    case StreamValue::healthy:
      out.value = Value::healthy;
      break;
    case StreamValue::regressed:
      out.value = Value::regressed;
      break;
    case StreamValue::degraded:
      out.value = Value::degraded;
      break;
    case StreamValue::inconclusive:
      out.value = Value::inconclusive;
      break;
  }
  if (out.warned || out.value == Value::regressed) out.onset_wall_us = stream.onset_wall_us();
  if (out.value != Value::inconclusive) return out;
  if (!stream.baseline_suffices()) {
    out.why = "the baseline has " + std::to_string(out.baseline.requests) + " of " +
              std::to_string(stream.min_requests()) + " requests";
  } else if (out.requests_needed == std::numeric_limits<std::uint64_t>::max()) {
    out.why = "the baseline is as bad as what is tolerated";
  } else {
    out.why = std::to_string(out.requests_needed) + " good requests still needed";
  }
  return out;
}

void ServiceVerifier::judge(Nanos now) {
  ServiceVerdict v;
  v.planned = v.watching = true;
  v.flip = watch_->receipt.flip;
  v.kind = watch_->receipt.kind;
  v.subject = watch_->receipt.to;
  v.subject_release = watch_->receipt.to_release;
  v.since_wall_us = watch_->begun_wall_us;
  v.at_ns = now;
  v.value = watch_->streams.empty() ? Value::inconclusive : Value::healthy;
  int worst = -1;
  for (std::size_t i = 0; i < watch_->streams.size(); ++i) {
    v.streams.push_back(stream_verdict(i));
    const auto& stream = v.streams.back();
    v.warned = v.warned || stream.warned;
    if (rank(stream.value) <= worst) continue;
    worst = rank(stream.value);
    v.value = v.of_traffic = stream.value;
    v.onset_wall_us = stream.onset_wall_us;
    v.bad_per_second = stream.bad_per_second;
    v.requests_per_second = watch_->streams[i].requests_per_second();
    v.baseline_share = stream.baseline_share;
  }
  if (const auto& pairs = watch_->pairs) {
    v.paired = {true,
                pairs->verdict(),
                pairs->pairs(),
                pairs->both_good(),
                pairs->both_bad(),
                pairs->only_new_bad(),
                pairs->only_old_bad()};
    if (v.paired.value == PairedVerdict::new_only) v.value = Value::regressed;
    if (v.paired.value == PairedVerdict::shared && v.value != Value::healthy)
      v.value = Value::shared;
  }
  const auto wall = wall_us();
  if (v.warned && !watch_->warned_wall_us) watch_->warned_wall_us = wall;
  if (v.value == Value::regressed && !watch_->regressed_wall_us) watch_->regressed_wall_us = wall;
  v.warned_wall_us = watch_->warned_wall_us;
  v.regressed_wall_us = watch_->regressed_wall_us;
  v.text = line_of(v);
  verdict_ = std::move(v);
  // An event where the word changes, not one a second.
  const std::string said = std::string(to_string(verdict_.value)) + (verdict_.warned ? "!" : "") +
                           std::string(to_string(verdict_.paired.value));
  if (said == watch_->told) return;
  watch_->told = said;
  around_.write_verdict(verdict_);
}

}  // namespace switchback::verify
