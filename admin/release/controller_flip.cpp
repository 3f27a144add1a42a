// One switch, from the call to its answer.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "admin/release/controller_impl.hpp"
#include "admin/release/intent.hpp"
#include "admin/release/problems.hpp"

namespace switchback::release {

ControllerImpl::Lane& ControllerImpl::lane_of(const std::string& service,
                                              std::uint64_t plane_epoch) {
  const auto [at, fresh] = lanes_.try_emplace(service);
  auto& lane = at->second;
  lane.highest_epoch = std::max(lane.highest_epoch, plane_epoch);
  if (!fresh) return lane;
  lane.current = store_.last(service);
  lane.survived = lane.current;
  lane.intent = store_.intent(service);
  if (!lane.current) return lane;
  lane.highest_epoch = std::max(lane.highest_epoch, lane.current->epoch);
  if (store_.opened_behind(service)) {
    keeper_->mark_behind(service, "the last life of this process ended before it was on disk");
    keeper_->write(service, *lane.current, {});
  }
  return lane;
}

void ControllerImpl::submit(FlipRequest request, bool rollback, OnFlip done) {
  const Nanos taken_ns = monotonic_ns();
  const auto view = plane_.view(request.service);
  if (!view) return done(problems::unknown_service(request.service));
  if (!request.idempotency_key.empty()) {
    using What = IdempotencyTable::Found::What;
    auto found = keys_.find(request, rollback, wall_us());
    if (found.what == What::reused) return done(problems::key_reused(request.idempotency_key));
    if (found.what == What::finished) return done(std::move(found.answer));
    if (found.what == What::running) {
      found.run->waiters.push_back({request.wait, std::move(done)});
      return;
    }
  }
  const auto run = std::make_shared<FlipRun>(io_, std::move(request), rollback);
  run->entry->taken_ns = taken_ns;
  run->entry->receipt.wall_us = wall_us();
  run->entry->idem_key = run->request.idempotency_key;
  run->machine.hurried = rollback;
  run->waiters.push_back({run->request.wait, std::move(done)});
  if (!run->request.idempotency_key.empty()) keys_.begin(run->request, rollback, run);
  auto& lane = lane_of(run->request.service, view->epoch);
  rehearsals_.drop(run->request.service);
  reached("requested");
  rollback ? submit_rollback(lane, run) : submit_promote(lane, run);
}

void ControllerImpl::submit_promote(Lane& lane, const Run& run) {
  if (!lane.running) return start(lane, run);
  if (lane.waiting.size() >= options_.waiting_per_service)
    return answer(run, problems::busy(run->request.service));
  lane.waiting.push_back(run);
}

// A rollback waits for nobody: it joins one that is under way, and stops a promote that has not
// moved yet, together with those queued behind it (they were meant for a calmer moment).
void ControllerImpl::submit_rollback(Lane& lane, const Run& run) {
  const auto running = lane.running;
  if (running && (running->rollback || running->judgement.kind != FlipKind::promote)) {
    running->followers.push_back(run);
    return feed(running, FlipEvent::hasten);
  }
  if (running) {
    run->stops_promote = true;
    run->slots_touched = running->machine.phase == Phase::persisting;
    const auto waiting = std::exchange(lane.waiting, {});
    lane.running = run;  // before the answers go out: their receivers may call again
    for (const auto& promote : waiting) feed(promote, FlipEvent::preempt);
    feed(running, FlipEvent::preempt);
  }
  start(lane, run);
}

void ControllerImpl::start(Lane& lane, const Run& run) {
  lane.running = run;
  judge(lane, run);
}

void ControllerImpl::judge(Lane& lane, const Run& run) {
  const auto& request = run->request;
  const auto view = named_view(request.service);
  if (!view) {  // a reload took it away while this call waited
    run->judgement.problem = problems::unknown_service(request.service);
    return feed(run, FlipEvent::refuse);
  }
  auto& j = run->judgement;
  if (run->stops_promote) {
    j.kind = FlipKind::rollback;
    j.to = view->active;
    j.warnings.push_back("a promote that had not moved traffic yet was stopped");
    if (run->slots_touched) run->value = restated(lane, view->active);
    return feed(run, run->slots_touched ? FlipEvent::restate : FlipEvent::already);
  }
  j = run->rollback ? judge_rollback(request, *view, lane.current)
                    : judge_promote(request, *view, lane.current);
  if (objected(run, *view)) return feed(run, FlipEvent::refuse);
  switch (j.verdict) {
    case Verdict::refuse:
      return feed(run, FlipEvent::refuse);
    case Verdict::already:
      return feed(run, FlipEvent::already);
    case Verdict::go:
    case Verdict::probe:
      break;
  }
  auto& receipt = run->entry->receipt;
  receipt.flip = ulids_.next(receipt.wall_us);
  receipt.kind = j.kind;
  receipt.service = request.service;
  receipt.from = view->active;
  receipt.to = j.to;
  receipt.from_release = view->pools[index_of(view->active)].release;
  receipt.to_release = view->pools[index_of(j.to)].release;
  receipt.actor = request.actor.shown();
  receipt.auth = request.actor.auth;
  receipt.reason = request.reason;
  if (!request.requalify.empty())
    receipt.reason += (receipt.reason.empty() ? "" : "; ") + ("requalified: " + request.requalify);
  receipt.forced = j.forced;
  receipt.warnings = j.warnings;
  run->value.active = j.to;
  run->value.last =
      j.kind == FlipKind::promote ? state::LastSwitch::promotion : state::LastSwitch::rollback;
  run->value.flip = receipt.flip;
  run->value.release = receipt.to_release;
  run->value.from_release = receipt.from_release;
  run->value.wall_us = receipt.wall_us;
  write_intent(run);
  reached("decided");
  feed(run, j.verdict == Verdict::go ? FlipEvent::go : FlipEvent::probe);
}

// What the room of releases has against it; a manual rollback is not asked about.
bool ControllerImpl::objected(const Run& run, const worker::ServiceView& view) {
  auto& j = run->judgement;
  if (!policy_ || j.verdict == Verdict::already) return false;
  std::optional<Problem> problem;
  if (j.verdict == Verdict::refuse) {
    if (j.problem.code == "unknown_target")
      problem = policy_->explain_target(view, run->request.to.value_or(""));
  } else if (j.kind == FlipKind::promote || j.kind == FlipKind::auto_rollback) {
    problem = policy_->objection(run->request, view, j.to, j.kind);
  }
  if (problem) j.problem = std::move(*problem);
  return problem.has_value();
}

// Where a kill would find it: on a memory file system, a few microseconds. It is only for telling
// afterwards what happened, so that a fault here changes nothing.
void ControllerImpl::write_intent(const Run& run) {
  const auto& request = run->request;
  run->intent_written = true;
  Intent intent{run->entry->receipt, false, request.idempotency_key, ""};
  if (!request.idempotency_key.empty())
    intent.idem_request = IdempotencyTable::fingerprint(request, run->rollback);
  store_.write_intent(request.service, to_text(intent));
}

void ControllerImpl::feed(const Run& run, FlipEvent event) {
  for (const auto action : step(run->machine, event)) act(run, action);
}

void ControllerImpl::act(const Run& run, FlipAction action) {
  const auto& service = run->request.service;
  switch (action) {
    case FlipAction::probe:
      return probe(run);
    case FlipAction::write:
      return write(run);
    case FlipAction::arm_promote:
      return arm(run, options_.promote_persist);
    case FlipAction::arm_rollback:
      return arm(run, options_.rollback_persist);
    case FlipAction::store:
      return store(run);
    case FlipAction::write_back:
      return write_back(run);
    case FlipAction::mark_behind:
      return keeper_->mark_behind(service, run->disk_trouble.empty()
                                               ? "the disk takes longer than a rollback waits"
                                               : run->disk_trouble);
    case FlipAction::answer_moved:
    case FlipAction::answer_lagging:
      return answer_moved(run);
    case FlipAction::answer_already:
      return answer(run, already_receipt(run));
    case FlipAction::answer_refused:
      return answer(run, run->judgement.problem);
    case FlipAction::answer_not_durable: {
      const auto view = plane_.view(service);
      const std::string why = run->disk_trouble.empty()
                                  ? "the disk did not answer within " +
                                        std::to_string(options_.promote_persist.count()) + " ms"
                                  : run->disk_trouble;
      return answer(run, problems::not_durable(view.value_or(worker::ServiceView{}), why));
    }
    case FlipAction::answer_preempted:
      return answer(run, problems::preempted(service));
    case FlipAction::settle:
      return announce_switched(run);
    case FlipAction::finish:
      return finish(run);
  }
}

void ControllerImpl::probe(const Run& run) {
  // The timer is only for a data plane that never calls back.
  arm(run, 2 * options_.probe);
  plane_.probe_pool(run->request.service, run->judgement.to, options_.probe,
                    [this, alive = std::weak_ptr(alive_), &io = io_, run](unsigned accepting) {
                      boost::asio::post(io, [this, alive, run, accepting] {
                        if (alive.expired()) return;
                        feed(run, accepting > 0 ? FlipEvent::alive : FlipEvent::dead);
                      });
                    });
}

void ControllerImpl::write(const Run& run) {
  const auto& service = run->request.service;
  auto& entry = *run->entry;
  auto& lane = lanes_[service];
  run->value.epoch = ++lane.highest_epoch;
  entry.receipt.epoch = run->value.epoch;
  entry.receipt.stages_ms.decided = entry.since_taken_ms(monotonic_ns());
  write_run_slot(service, run->value);
  reached("run_slot");
  keeper_->write(service, run->value,
                 [this, alive = std::weak_ptr(alive_), run](const std::string& error) {
                   if (alive.expired()) return;
                   run->disk_trouble = error;
                   feed(run, error.empty() ? FlipEvent::state_ok : FlipEvent::state_failed);
                 });
  if (run->machine.phase == Phase::restating) {
    // From here on the old color is what a restart finds, whatever the stopped promote wrote.
    lane.current = run->value;
    return;
  }
  emit_flip("flip.started", entry);  // while the disk works
}

void ControllerImpl::write_run_slot(const std::string& service, const state::SlotValue& value) {
  const auto error = store_.write_run(service, value);
  if (error.empty()) return alarms_.clear("run_slot_unwritable");
  alarms_.raise("run_slot_unwritable",
                error + " (a kill before the disk has it could undo a switch of " + service + ")");
}

state::SlotValue ControllerImpl::restated(const Lane& lane, Color active) const {
  state::SlotValue value = lane.current.value_or(state::SlotValue{});
  value.active = active;
  value.restated = true;
  return value;
}

void ControllerImpl::write_back(const Run& run) {
  const auto& service = run->request.service;
  auto& lane = lanes_[service];
  auto value = restated(lane, run->entry->receipt.from);
  value.epoch = ++lane.highest_epoch;
  write_run_slot(service, value);
  keeper_->write(service, value, {});
  lane.current = value;
}

void ControllerImpl::store(const Run& run) {
  const auto& service = run->request.service;
  auto& entry = *run->entry;
  entry.receipt.durable = run->machine.durable;
  entry.receipt.stages_ms.persisted = entry.since_taken_ms(monotonic_ns());
  reached("persisted");
  entry.record = plane_.switch_color(service, run->value.active, run->value.epoch);
  reached("stored");
  tell_panics();
  if (!entry.record) {  // a reload took the service away between judging and now
    run->machine.phase = Phase::done;
    write_back(run);
    return answer(run, problems::unknown_service(service));
  }
  auto& lane = lanes_[service];
  lane.current = run->value;
  entry.receipt.moved = true;
  if (!entry.receipt.durable) {
    lane.owed.push_back(run->entry);
    entry.receipt.warnings.push_back(
        "not on disk when traffic moved: a loss of power before it is could undo this");
  }
  history_.add(run->entry);
  live_[entry.record.get()] = run;
  arm(run, options_.barrier);
  leave_lane(run);
  supersede(run);
  settle_doubt(service);
  progress(run);  // the barrier may have been passed before we got here
}

void ControllerImpl::arm(const Run& run, config::Duration limit) {
  const auto turn = ++run->timer_turn;
  run->timer.expires_after(limit);
  run->timer.async_wait(
      [this, alive = std::weak_ptr(alive_), run, turn](boost::system::error_code ec) {
        if (ec || alive.expired() || run->timer_turn != turn) return;
        feed(run, FlipEvent::timeout);
      });
}

// The next of the service may begin. On a turn of its own, so that this call's answer goes first.
void ControllerImpl::leave_lane(const Run& run) {
  auto& lane = lanes_[run->request.service];
  if (lane.running != run) return;
  lane.running = nullptr;
  if (lane.waiting.empty()) return;
  boost::asio::post(io_, [this, alive = std::weak_ptr(alive_), service = run->request.service] {
    if (!alive.expired()) advance(service);
  });
}

void ControllerImpl::advance(const std::string& service) {
  auto& lane = lanes_[service];
  if (lane.running || lane.waiting.empty()) return;
  const auto next = lane.waiting.front();
  lane.waiting.pop_front();
  start(lane, next);
}

void ControllerImpl::answer_moved(const Run& run) {
  auto& entry = *run->entry;
  entry.refresh();
  if (run->machine.phase == Phase::lagging)
    entry.receipt.warnings.push_back("some workers have not passed the switch yet");
  // On an idle service the drain is over before the proof has begun: the answer says that it comes.
  if (watcher_ && watcher_->has_plan(run->request.service) && !entry.receipt.verification)
    entry.receipt.verification = Verification{.state = "verifying"};
  // "draining" is for later readers; the answer says that the switch is done.
  Receipt receipt = entry.receipt;
  if (receipt.state == FlipState::draining) receipt.state = FlipState::switched;
  answer(run, receipt);
  reached("answered");
  record(entry);
  if (policy_) policy_->moved(receipt);
  if (run->machine.phase == Phase::draining) announce_switched(run);
}

Receipt ControllerImpl::already_receipt(const Run& run) const {
  const auto& request = run->request;
  Receipt receipt;
  const auto view = named_view(request.service);
  const Color active = view ? view->active : run->judgement.to;
  const auto newest = history_.newest(request.service);
  if (newest) receipt.flip = newest->receipt.flip;
  receipt.kind = run->rollback ? FlipKind::rollback : FlipKind::promote;
  receipt.service = request.service;
  receipt.from = receipt.to = active;
  if (view) {
    receipt.from_release = receipt.to_release = view->pools[index_of(active)].release;
    receipt.epoch = view->epoch;
  }
  receipt.actor = request.actor.shown();
  receipt.auth = request.actor.auth;
  receipt.reason = request.reason;
  receipt.state = FlipState::switched;
  receipt.already = true;
  receipt.durable = run->machine.durable;
  receipt.stages_ms = run->entry->receipt.stages_ms;
  receipt.warnings = run->judgement.warnings;
  receipt.wall_us = run->entry->receipt.wall_us;
  return receipt;
}

void ControllerImpl::answer(const Run& run, const FlipAnswer& given) {
  const auto& request = run->request;
  if (exclusive(run->machine.phase) || run->machine.phase == Phase::done) {
    run->timer.cancel();
    ++run->timer_turn;
    leave_lane(run);
  }
  if (!request.idempotency_key.empty()) keys_.finish(request, run->rollback, given, wall_us());
  const auto* receipt = std::get_if<Receipt>(&given);
  if (run->intent_written) store_.end_intent(request.service, receipt && receipt->moved);
  const bool may_wait =
      receipt && receipt->moved && receipt->state == FlipState::switched && !receipt->superseded;
  auto waiters = std::exchange(run->waiters, {});
  const auto followers = std::exchange(run->followers, {});
  for (auto& waiter : waiters) {
    // A worker that lags is told at once: until it comes nothing is verified, and it may not come.
    const bool unproved = receipt && receipt->moved && !receipt->superseded &&
                          receipt->state != FlipState::switching && receipt->verification &&
                          !receipt->verification->settled;
    if (may_wait && waiter.wait == Wait::drained) {
      run->entry->drain_waiters.push_back(std::move(waiter.done));
    } else if (unproved && waiter.wait == Wait::verified) {
      run->entry->verify_waiters.push_back(std::move(waiter.done));
    } else {
      waiter.done(given);
    }
  }
  for (const auto& follower : followers) {
    follower->entry = run->entry;  // whoever waits for the drain waits for this one
    follower->machine.phase = Phase::done;
    answer(follower, given);
  }
  if (!request.idempotency_key.empty())
    ledger_.put(keys_.row(request, run->rollback, given, wall_us()));
  if (const auto* problem = std::get_if<Problem>(&given))
    events_.emit("flip.refused", {{"service", request.service},
                                  {"kind", run->rollback ? "rollback" : "promote"},
                                  {"code", problem->code},
                                  {"title", problem->title},
                                  {"detail", problem->detail},
                                  {"moved", problem->moved},
                                  {"actor", request.actor.shown()}});
}

}  // namespace switchback::release
