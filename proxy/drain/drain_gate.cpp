#include "proxy/drain/drain_gate.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace switchback::drain {
namespace {

constexpr std::size_t index_of(TrafficClass c) {
  return static_cast<std::size_t>(c);
}
constexpr std::size_t index_of(Outcome o) {
  return static_cast<std::size_t>(o);
}

void set_stage(std::atomic<Nanos>& stage, Nanos at_ns) {
  stage.store(at_ns, std::memory_order_release);
}

}  // namespace

// One open drain, as this worker sees it.
struct DrainGate::Cohort {
  std::shared_ptr<SwitchRecord> record;
  SwitchShard* shard = nullptr;  // this worker's, inside `record`
  config::Drain limits;
  Nanos begun_ns = 0;
  std::array<std::uint64_t, class_count> remaining{};
  bool turned = false;   // its color is active again (or was when its barrier came): counts only
  bool passed = false;   // a stage that `progress` has not been told
  bool drained = false;  // closed as soon as that is told

  // Whoever is in flight with this color and an older epoch was so at the barrier, because
  // nothing of an older epoch can be entered after it.
  bool holds(const Ticket& ticket) const {
    return ticket.color() == record->from && ticket.epoch() < record->epoch;
  }
};

DrainGate::DrainGate(unsigned worker, Progress progress)
    : worker_(worker), progress_(std::move(progress)) {}

DrainGate::~DrainGate() {
  for (const detail::Link& list : live_) SB_ASSERT(list.alone());
  for (const detail::Link& list : due_) SB_ASSERT(list.alone());
  SB_ASSERT(ending_.alone());
}

// The first request of an epoch came through the door, perhaps before the barrier did.
void DrainGate::note_epoch(std::uint64_t epoch) {
  SB_ASSERT(epoch > newest_epoch_);
  newest_epoch_ = epoch;
  early_epoch_ = epoch;
  early_response_ns_ = 0;
  waiting_first_new_ = true;
}

void DrainGate::note_first_response(std::uint64_t epoch, Nanos now_ns) {
  if (epoch == early_epoch_ && early_epoch_ > newest_begun_ && early_response_ns_ == 0) {
    early_response_ns_ = now_ns;
  }
  std::shared_ptr<SwitchRecord> answered;
  const auto waiter = std::find_if(waiters_.begin(), waiters_.end(),
                                   [&](const auto& record) { return record->epoch == epoch; });
  if (waiter != waiters_.end()) {
    answered = std::move(*waiter);
    waiters_.erase(waiter);
    set_stage(answered->shards[worker_].first_new_ns, now_ns);
  }
  refresh_waiting();
  if (answered) progress_(answered);
}

void DrainGate::refresh_waiting() {
  const bool early = early_epoch_ > newest_begun_ && early_response_ns_ == 0;
  waiting_first_new_ = early || !waiters_.empty();
}

void DrainGate::reclassify(Ticket& ticket, TrafficClass to, Nanos now_ns) {
  SB_ASSERT(ticket.gate_ == this);
  const TrafficClass from = ticket.class_;
  if (from == to) return;
  ticket.class_ = to;
  auto& in_flight = in_flight_[switchback::index_of(ticket.color_)];
  add(in_flight[index_of(to)], 1);
  add(in_flight[index_of(from)], -1);
  if (!any_open_) return;
  for (Cohort& cohort : cohorts_) {
    if (!cohort.holds(ticket)) continue;
    // The gain is written before the loss, so that a reader never misses the ticket.
    add(cohort.shard->retried[index_of(to)], ticket.retried_);
    add(cohort.shard->retried[index_of(from)], -std::int64_t{ticket.retried_});
    add(cohort.shard->accepted[index_of(to)], 1);
    add(cohort.shard->accepted[index_of(from)], -1);
    ++cohort.remaining[index_of(to)];
    --cohort.remaining[index_of(from)];
    if (!cohort.turned && !ticket.forced_) {
      ticket.force_at_ns_ = deadline(cohort, to, 1, 2);
      ticket.unlink();
      const bool endless = ticket.force_at_ns_ == 0;
      (endless ? live_[switchback::index_of(ticket.color_)] : due_[index_of(to)])
          .insert_before(ticket);
    }
    settle(cohort, now_ns);
  }
  deliver();
}

void DrainGate::retried(Ticket& ticket) {
  SB_ASSERT(ticket.gate_ == this);
  if (ticket.retried_ == std::numeric_limits<std::uint8_t>::max()) return;
  ++ticket.retried_;
  for (Cohort& cohort : cohorts_) {
    if (cohort.holds(ticket)) add(cohort.shard->retried[index_of(ticket.class_)], 1);
  }
}

// The ticket is out of the lists and of in_flight already.
void DrainGate::count_leave(Ticket& ticket, Outcome outcome, Nanos now_ns) {
  if (ticket.forced_ && outcome != Outcome::completed) outcome = Outcome::forced;
  const std::size_t c = index_of(ticket.class_);
  for (Cohort& cohort : cohorts_) {
    if (!cohort.holds(ticket)) continue;
    add(cohort.shard->ended[c][index_of(outcome)], 1);
    --cohort.remaining[c];
    settle(cohort, now_ns);
  }
  deliver();
}

void DrainGate::begin(std::shared_ptr<SwitchRecord> record, const config::Drain& limits,
                      Nanos now_ns) {
  SB_ASSERT(worker_ < record->shards.size());
  SB_ASSERT(record->shards[worker_].barrier_ns.load(std::memory_order_relaxed) == 0);
  now_ns = std::max<Nanos>(now_ns, 1);  // 0 in a shard means "not yet"
  // A barrier that comes after that of a later switch only counts: the later one has settled
  // which color drains, and with what deadlines.
  const bool overtaken = record->epoch < newest_begun_;
  if (!overtaken) {
    cancel_deadlines();
    for (Cohort& cohort : cohorts_) cohort.turned = true;
    newest_begun_ = record->epoch;
    newest_epoch_ = std::max(newest_epoch_, record->epoch);
    if (early_epoch_ == record->epoch && early_response_ns_ != 0) {
      set_stage(record->shards[worker_].first_new_ns, early_response_ns_);
    } else {
      if (waiters_.size() == max_open) waiters_.erase(waiters_.begin());
      waiters_.push_back(record);
    }
  }
  Cohort& cohort = open_cohort(std::move(record), limits, overtaken, now_ns);
  admit_members(cohort);
  if (!overtaken) set_deadlines(cohort);
  set_stage(cohort.shard->barrier_ns, now_ns);
  cohort.passed = true;
  settle(cohort, now_ns);
  if (cohorts_.size() > max_open && !cohort.drained) {
    cohorts_.erase(cohorts_.begin());
    add(closed_early_, 1);
  }
  refresh_open();
  refresh_waiting();
  deliver();
}

DrainGate::Cohort& DrainGate::open_cohort(std::shared_ptr<SwitchRecord> record,
                                          const config::Drain& limits, bool overtaken,
                                          Nanos now_ns) {
  Cohort cohort;
  cohort.shard = &record->shards[worker_];
  cohort.record = std::move(record);
  cohort.limits = limits;
  cohort.begun_ns = now_ns;
  cohort.turned = overtaken;
  cohorts_.push_back(std::move(cohort));
  return cohorts_.back();
}

// Counts who is in flight on the old color with an older epoch, those being ended included.
void DrainGate::admit_members(Cohort& cohort) {
  std::array<std::uint64_t, class_count> retried{};
  const auto admit = [&](detail::Link& list) {
    for (detail::Link* link = list.next; link != &list; link = link->next) {
      const Ticket& ticket = ticket_of(*link);
      if (!cohort.holds(ticket)) continue;
      ++cohort.remaining[index_of(ticket.class_)];
      retried[index_of(ticket.class_)] += ticket.retried_;
    }
  };
  admit(live_[switchback::index_of(cohort.record->from)]);
  for (detail::Link& list : due_) admit(list);
  admit(ending_);
  for (std::size_t c = 0; c < class_count; ++c) {
    cohort.shard->accepted[c].store(cohort.remaining[c], std::memory_order_release);
    cohort.shard->retried[c].store(retried[c], std::memory_order_release);
  }
}

// Moves the cohort's tickets to the lists of those that have a deadline, in entry order.
void DrainGate::set_deadlines(const Cohort& cohort) {
  detail::Link& list = live_[switchback::index_of(cohort.record->from)];
  std::uint64_t tunnels = 0;
  for (detail::Link* link = list.next; link != &list; link = link->next) {
    const Ticket& ticket = ticket_of(*link);
    tunnels += cohort.holds(ticket) && ticket.class_ == TrafficClass::tunnel;
  }
  std::uint64_t place = 0;
  for (detail::Link* link = list.next; link != &list;) {
    Ticket& ticket = ticket_of(*link);
    link = link->next;
    if (!cohort.holds(ticket)) continue;
    ticket.force_at_ns_ = deadline(cohort, ticket.class_, place, tunnels);
    place += ticket.class_ == TrafficClass::tunnel;
    if (ticket.force_at_ns_ == 0) continue;
    ticket.unlink();
    due_[index_of(ticket.class_)].insert_before(ticket);
  }
}

// `place` of `places`: where a tunnel stands in the spread.
Nanos DrainGate::deadline(const Cohort& cohort, TrafficClass c, std::uint64_t place,
                          std::uint64_t places) {
  const Nanos limit = to_nanos(c == TrafficClass::request  ? cohort.limits.timeout
                               : c == TrafficClass::stream ? cohort.limits.stream
                                                           : cohort.limits.websocket);
  if (limit <= 0) return 0;
  Nanos spread = 0;
  if (c == TrafficClass::tunnel && places > 1) {
    const double part = static_cast<double>(place) / static_cast<double>(places - 1);
    spread = static_cast<Nanos>(static_cast<double>(limit) * part);
  }
  return cohort.begun_ns + limit + spread;
}

// A drain was turned round. Its tickets are older than those entered since, so they go in front.
void DrainGate::cancel_deadlines() {
  for (detail::Link& list : due_) {
    while (!list.alone()) {
      Ticket& ticket = ticket_of(*list.previous);
      ticket.unlink();
      ticket.force_at_ns_ = 0;
      live_[switchback::index_of(ticket.color_)].next->insert_before(ticket);
    }
  }
}

// Notes what stages a cohort has passed; `deliver` tells.
void DrainGate::settle(Cohort& cohort, Nanos now_ns) {
  now_ns = std::max(now_ns, cohort.begun_ns);
  auto& last_old = cohort.shard->last_old_ns;
  if (cohort.remaining[index_of(TrafficClass::request)] == 0 &&
      last_old.load(std::memory_order_relaxed) == 0) {
    set_stage(last_old, now_ns);
    cohort.passed = true;
  }
  for (const std::uint64_t n : cohort.remaining) {
    if (n != 0) return;
  }
  set_stage(cohort.shard->drained_ns, now_ns);
  cohort.passed = cohort.drained = true;
}

void DrainGate::refresh_open() {
  std::array<bool, 2> draining{};
  for (const Cohort& cohort : cohorts_) {
    if (!cohort.turned && !cohort.drained) {
      draining[switchback::index_of(cohort.record->from)] = true;
    }
  }
  for (std::size_t c = 0; c < draining.size(); ++c) {
    draining_[c].store(draining[c], std::memory_order_relaxed);
  }
  any_open_ = !cohorts_.empty();
}

// Tells `progress` of what has passed, oldest switch first. Drained cohorts are closed before
// anything is told, and the search starts again after each call: it may have changed the gate.
void DrainGate::deliver() {
  for (;;) {
    const auto cohort =
        std::find_if(cohorts_.begin(), cohorts_.end(), [](const Cohort& c) { return c.passed; });
    if (cohort == cohorts_.end()) return;
    cohort->passed = false;
    const std::shared_ptr<SwitchRecord> record = cohort->record;
    if (cohort->drained) {
      cohorts_.erase(cohort);
      // Nothing is left of the epochs of the switches to this color that came before.
      std::erase_if(waiters_, [&](const std::shared_ptr<SwitchRecord>& waiter) {
        return waiter->to == record->from && waiter->epoch < record->epoch;
      });
      refresh_waiting();
    }
    refresh_open();
    progress_(record);
  }
}

void DrainGate::enforce(Nanos now_ns) {
  for (detail::Link& list : due_) {
    // The head is read anew each time: force_end() may end this ticket, and others, at once.
    while (!list.alone()) {
      Ticket& ticket = ticket_of(*list.next);
      if (ticket.force_at_ns_ > now_ns) break;
      force(ticket);
    }
  }
}

void DrainGate::force(Ticket& ticket) {
  SB_ASSERT(ticket.gate_ == this);
  if (ticket.forced_) return;
  ticket.unlink();
  ending_.insert_before(ticket);
  ticket.force_at_ns_ = 0;
  ticket.forced_ = true;
  ticket.force_end();
}

Nanos DrainGate::next_deadline_ns() const {
  Nanos next = 0;
  for (const detail::Link& list : due_) {
    if (list.alone()) continue;
    const Nanos at = static_cast<const Ticket*>(list.next)->force_at_ns_;
    if (next == 0 || at < next) next = at;
  }
  return next;
}

}  // namespace switchback::drain
