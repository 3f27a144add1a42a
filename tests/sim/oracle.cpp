#include "tests/sim/oracle.hpp"

#include <algorithm>

namespace switchback::sim {

using drain::ClassCounts;
using drain::Counts;
using drain::Outcome;
using drain::SwitchRecord;
using drain::TrafficClass;

namespace {

constexpr auto request_class = TrafficClass::request;

std::string name(const SwitchRecord& record) {
  return "switch " + std::to_string(record.epoch) + " from " + std::string(to_string(record.from));
}

}  // namespace

// The text is put together only when it is needed: these are asked some ten million times.
void require(bool holds, const char* what) {
  if (!holds) throw Violation(what);
}
void require(bool holds, const SwitchRecord& record, const char* what) {
  if (!holds) throw Violation(name(record) + ": " + what);
}
void require(bool holds, const SwitchRecord& record, TrafficClass c, const char* what) {
  if (!holds) throw Violation(name(record) + ", " + std::string(to_string(c)) + ": " + what);
}

Life* Oracle::enter(Color color, std::uint64_t epoch) {
  require(epoch >= newest_begun_, "an older epoch was entered after the barrier of a newer one");
  Life& life = lives_.emplace_back();
  life.color = color;
  life.epoch = epoch;
  present_.push_back(&lives_.back());
  newest_entered_ = std::max(newest_entered_, epoch);
  return present_.back();
}

bool Oracle::in(const Cohort& cohort, const Life& life) {
  return std::find(cohort.members.begin(), cohort.members.end(), &life) != cohort.members.end();
}

std::optional<Window> Oracle::window(const Cohort& cohort, TrafficClass c, std::size_t tunnels) {
  const config::Duration limit = c == TrafficClass::request  ? cohort.limits.timeout
                                 : c == TrafficClass::stream ? cohort.limits.stream
                                                             : cohort.limits.websocket;
  if (limit.count() == 0) return std::nullopt;
  const Nanos first = cohort.barrier_ns + to_nanos(limit);
  const bool spread = c == TrafficClass::tunnel && tunnels > 1;
  return Window{first, spread ? first + to_nanos(limit) : first};
}

void Oracle::reclassify(Life& life, TrafficClass to, Nanos now_ns) {
  life.traffic_class = to;
  const Cohort* cohort = newest();
  if (cohort != nullptr && cohort->open() && in(*cohort, life) && !life.forced) {
    life.window = window(*cohort, to, 2);
  }
  settle(now_ns);
}

void Oracle::leave(Life& life, Outcome outcome, Nanos now_ns) {
  life.ended = life.forced && outcome != Outcome::completed ? Outcome::forced : outcome;
  std::erase(present_, &life);
  settle(now_ns);
}

void Oracle::response(std::uint64_t epoch, Nanos now_ns) {
  first_response_ns_.emplace(epoch, now_ns);
}

void Oracle::barrier(const std::shared_ptr<SwitchRecord>& record, const config::Drain& limits,
                     Nanos now_ns) {
  Cohort cohort{record, limits, {}, now_ns};
  cohort.overtaken = record->epoch < newest_begun_;
  std::size_t tunnels = 0;
  for (Life* life : present_) {
    if (!cohort.overtaken) life->window.reset();
    if (life->color != record->from || life->epoch >= record->epoch) continue;
    cohort.members.push_back(life);
    tunnels += life->traffic_class == TrafficClass::tunnel && !life->forced;
  }
  if (!cohort.overtaken) {
    newest_begun_ = record->epoch;
    for (Life* life : present_) {
      if (!in(cohort, *life) || life->forced) continue;
      life->window = window(cohort, life->traffic_class, tunnels);
    }
  }
  cohort.may_forget_first =
      newest_entered_ > record->epoch && first_response_ns_.contains(record->epoch);
  cohorts_.push_back(std::move(cohort));
  settle(now_ns);
  const auto open =
      std::count_if(cohorts_.begin(), cohorts_.end(), [](const Cohort& c) { return c.open(); });
  if (static_cast<std::size_t>(open) > drain::DrainGate::max_open) {
    const auto oldest =
        std::find_if(cohorts_.begin(), cohorts_.end(), [](const Cohort& c) { return c.open(); });
    oldest->closed_early = true;
    ++closed_early_;
  }
}

// Follows the stages of every open cohort.
void Oracle::settle(Nanos now_ns) {
  for (Cohort& cohort : cohorts_) {
    if (!cohort.open()) continue;
    bool any = false, any_request = false;
    for (const Life* life : cohort.members) {
      if (life->ended) continue;
      any = true;
      any_request |= life->traffic_class == request_class;
    }
    if (!any_request && cohort.last_old_ns == 0) cohort.last_old_ns = now_ns;
    if (!any) cohort.drained_ns = now_ns;
  }
}

const Oracle::Cohort* Oracle::newest() const {
  for (auto cohort = cohorts_.rbegin(); cohort != cohorts_.rend(); ++cohort) {
    if (!cohort->overtaken) return &*cohort;
  }
  return nullptr;
}

bool Oracle::newest_drained() const {
  return newest() == nullptr || !newest()->open();
}

bool Oracle::anybody_due() const {
  return std::any_of(present_.begin(), present_.end(),
                     [](const Life* life) { return life->window.has_value(); });
}

void Oracle::forced(Life& life, Nanos now_ns) {
  require(!life.forced, "a request was ended by its drain twice");
  require(life.window.has_value(), "a request without a deadline was ended by a drain");
  require(now_ns >= life.window->earliest_ns, "a request was ended before its deadline");
  life.forced = true;
  life.window.reset();
}

void Oracle::enforced(Nanos now_ns) const {
  for (const Life* life : present_) {
    require(!life->window || life->window->latest_ns > now_ns, "a deadline was overlooked");
  }
}

Oracle::Told Oracle::stages(const SwitchRecord& record) const {
  const drain::SwitchShard& shard = record.shards[worker_];
  return {shard.barrier_ns, shard.first_new_ns, shard.last_old_ns, shard.drained_ns};
}

void Oracle::told(const SwitchRecord& record) {
  Told& before = told_[&record];
  const Told now = stages(record);
  require(now != before, record, "progress was told though nothing passed");
  require(now.barrier_ns != 0, record, "progress was told before its barrier");
  before = now;
}

void Oracle::check_told() const {
  for (const Cohort& cohort : cohorts_) {
    const auto told = told_.find(cohort.record.get());
    require(told != told_.end() && told->second == stages(*cohort.record), *cohort.record,
            "a stage passed and progress was not told");
  }
}

void Oracle::check(const drain::DrainGate& gate) const {
  std::array<std::array<std::uint64_t, drain::class_count>, 2> in_flight{};
  for (const Life* life : present_) {
    ++in_flight[index_of(life->color)][static_cast<std::size_t>(life->traffic_class)];
  }
  const Cohort* drain = newest();
  for (const Color color : {Color::blue, Color::green}) {
    for (std::size_t c = 0; c < drain::class_count; ++c) {
      require(gate.in_flight(color, static_cast<TrafficClass>(c)) == in_flight[index_of(color)][c],
              "in_flight of the gate is not the number of tickets");
    }
    const bool draining = drain != nullptr && drain->open() && drain->record->from == color;
    require(gate.draining(color) == draining, "draining() is wrong");
  }
  require(gate.closed_early() == closed_early_, "closed_early() is wrong");
  for (const Cohort& cohort : cohorts_) {
    check_first_new(cohort);
    if (cohort.closed_early || cohort.final_check_done) continue;  // its shard stays as it was
    check_counts(cohort);
    cohort.final_check_done = !cohort.open();
  }
  check_deadline(gate);
}

void Oracle::check_counts(const Cohort& cohort) const {
  Counts expected{};
  std::array<std::uint64_t, drain::class_count> left{};
  for (const Life* life : cohort.members) {
    const auto c = static_cast<std::size_t>(life->traffic_class);
    ++expected[c].accepted;
    expected[c].retried += life->retries;
    if (life->ended)
      ++expected[c].ended[static_cast<std::size_t>(*life->ended)];
    else
      ++left[c];
  }
  const drain::SwitchShard& shard = cohort.record->shards[worker_];
  for (std::size_t c = 0; c < drain::class_count; ++c) {
    const auto agree = [&](bool holds, const char* what) {
      require(holds, *cohort.record, static_cast<TrafficClass>(c), what);
    };
    std::uint64_t sum = left[c];
    for (std::size_t o = 0; o < drain::outcome_count; ++o) {
      agree(shard.ended[c][o] == expected[c].ended[o], "an outcome is wrong");
      sum += shard.ended[c][o];
    }
    agree(shard.accepted[c] == expected[c].accepted, "accepted is wrong");
    agree(shard.accepted[c] == sum, "the receipt does not add up");
    agree(shard.retried[c] == expected[c].retried, "retried is wrong");
  }
  require(shard.barrier_ns == cohort.barrier_ns, *cohort.record, "barrier_ns is wrong");
  require(shard.last_old_ns == cohort.last_old_ns, *cohort.record, "last_old_ns is wrong");
  require(shard.drained_ns == cohort.drained_ns, *cohort.record, "drained_ns is wrong");
}

// An answer given before the barrier may be forgotten where yet another epoch was entered before
// it too, and an overtaken barrier waits for none. What is said must be true in any case.
void Oracle::check_first_new(const Cohort& cohort) const {
  const Nanos said = cohort.record->shards[worker_].first_new_ns;
  const auto truth = first_response_ns_.find(cohort.record->epoch);
  const auto agree = [&](bool holds) { require(holds, *cohort.record, "first_new_ns is wrong"); };
  if (truth == first_response_ns_.end()) return agree(said == 0);
  agree(said == 0 || said >= truth->second);
  const bool exact = !cohort.overtaken && !cohort.may_forget_first && closed_early_ == 0;
  agree(!exact || said == truth->second);
}

void Oracle::check_deadline(const drain::DrainGate& gate) const {
  std::optional<Window> first;
  for (const Life* life : present_) {
    if (!life->window) continue;
    if (!first) first = life->window;
    first->earliest_ns = std::min(first->earliest_ns, life->window->earliest_ns);
    first->latest_ns = std::min(first->latest_ns, life->window->latest_ns);
  }
  const Nanos said = gate.next_deadline_ns();
  if (!first) return require(said == 0, "a deadline is set for nobody");
  require(said >= first->earliest_ns && said <= first->latest_ns, "next_deadline_ns() is wrong");
}

void Oracle::check_ended() const {
  require(present_.empty(), "requests are left");
  for (const Cohort& cohort : cohorts_) {
    if (cohort.closed_early) continue;
    require(cohort.drained_ns != 0, *cohort.record, "never drained");
    check_counts(cohort);
  }
}

}  // namespace switchback::sim
