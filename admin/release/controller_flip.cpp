// Calls: whose turn it is, and what is judged.
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

// What the judges have against it.
bool ControllerImpl::objected(const Run& run, const worker::ServiceView& view) {
  auto& j = run->judgement;
  if (!policy_ || j.verdict == Verdict::already) return false;
  std::optional<Problem> problem;
  if (j.verdict == Verdict::refuse) {
    if (j.problem.code == "unknown_target")
      problem = policy_->explain_target(view, run->request.to.value_or(""));
  } else {
    auto ruling = policy_->rule({run->request, view, j.to, j.kind});
    for (auto& warning : ruling.warnings) j.warnings.push_back(std::move(warning));
    problem = std::move(ruling.refusal);
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

}  // namespace switchback::release
