// What a call is answered, and who is told.
#include <boost/asio/post.hpp>
#include <utility>

#include "admin/release/controller_impl.hpp"
#include "admin/release/problems.hpp"

namespace switchback::release {

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
  run->telling = true;
  answer(run, receipt);
  reached("answered");
  // On a turn of its own, behind the one in which the answer goes out: whoever asked does not wait
  // for what is written down and told about it.
  boost::asio::post(io_, [this, alive = std::weak_ptr(alive_), run, receipt] {
    if (!alive.expired()) tell_moved(run, receipt);
  });
}

void ControllerImpl::tell_moved(const Run& run, const Receipt& answered) {
  run->telling = false;
  record(*run->entry);
  if (policy_) policy_->moved(answered);
  if (run->machine.phase == Phase::draining) announce_switched(run);
  progress(run);
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
  if (!request.idempotency_key.empty()) {
    boost::asio::post(io_, [this, alive = std::weak_ptr(alive_), run, given, at = wall_us()] {
      if (!alive.expired()) ledger_.put(keys_.row(run->request, run->rollback, given, at));
    });
  }
  if (const auto* problem = std::get_if<Problem>(&given))
    stream_.emit(events::FlipRefused{.service = request.service,
                                     .kind = run->rollback ? FlipKind::rollback : FlipKind::promote,
                                     .code = problem->code,
                                     .title = problem->title,
                                     .detail = problem->detail,
                                     .moved = problem->moved,
                                     .actor = request.actor.shown(),
                                     .automatic = request.automatic});
}

}  // namespace switchback::release
