// One switch carried out: slots, store, barrier. FlipMachine says in what order.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "admin/release/controller_impl.hpp"
#include "admin/release/problems.hpp"

namespace switchback::release {

void ControllerImpl::feed(const Run& run, FlipEvent event) {
  const auto before = run->machine.phase;
  bool stored = false;
  for (const auto action : step(run->machine, event)) {
    if (action != FlipAction::store) {
      act(run, action);
    } else if (store(run)) {
      stored = true;
    } else {
      return give_up_gone(run);
    }
  }
  // After the actions: the disk and the workers have been told by then, and are at work.
  if (stored) note_stored(run);
  if (!exclusive(run->machine.phase)) leave_lane(run);
  // The barrier may have been passed before we got here, the drain be over before the disk was.
  const bool saved = before == Phase::saving && run->machine.phase != Phase::saving;
  if (stored || saved) progress(run);
}

void ControllerImpl::act(const Run& run, FlipAction action) {
  const auto& service = run->request.service;
  switch (action) {
    case FlipAction::probe:
      return probe(run);
    case FlipAction::write:
      return write(run);
    case FlipAction::persist:
      return persist(run);
    case FlipAction::arm_promote:
      return arm(run, options_.promote_persist);
    case FlipAction::arm_rollback:
      return arm(run, options_.rollback_persist);
    case FlipAction::store:
      return;  // in feed()
    case FlipAction::arm_barrier:
      return arm_barrier(run);
    case FlipAction::write_back:
      return write_back(run);
    case FlipAction::mark_behind:
      return fall_behind(run);
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
  // From here on the old color is what a restart finds, whatever the stopped promote wrote.
  if (run->machine.phase == Phase::restating) lane.current = run->value;
}

void ControllerImpl::persist(const Run& run) {
  keeper_->write(run->request.service, run->value,
                 [this, alive = std::weak_ptr(alive_), run](const std::string& error) {
                   if (!alive.expired()) on_disk(run, error);
                 });
  if (run->machine.phase == Phase::restating) return;
  emit_flip(events::FlipStep::started, *run->entry);  // while the disk works
}

void ControllerImpl::on_disk(const Run& run, const std::string& error) {
  run->disk_trouble = error;
  if (!error.empty()) return feed(run, FlipEvent::state_failed);
  note_persisted(*run->entry);
  reached("persisted");
  feed(run, FlipEvent::state_ok);
}

void ControllerImpl::note_persisted(FlipEntry& entry) {
  entry.receipt.durable = true;
  auto& persisted = entry.receipt.stages_ms.persisted;
  if (!persisted) persisted = entry.since_taken_ms(monotonic_ns());
}

// The answer does not wait for the disk any longer.
void ControllerImpl::fall_behind(const Run& run) {
  const auto& service = run->request.service;
  keeper_->mark_behind(service, run->disk_trouble.empty()
                                    ? "the disk takes longer than a rollback waits"
                                    : run->disk_trouble);
  auto& receipt = run->entry->receipt;
  if (!receipt.moved) return;
  lanes_[service].owed.push_back(run->entry);
  receipt.warnings.push_back(
      "not on disk when this was answered: a loss of power before it is could undo this");
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

// False: a reload took the service away between judging and now.
bool ControllerImpl::store(const Run& run) {
  auto& entry = *run->entry;
  entry.record = plane_.switch_color(run->request.service, run->value.active, run->value.epoch);
  reached("stored");
  tell_panics();
  if (!entry.record) return false;
  entry.receipt.moved = true;
  entry.receipt.durable = run->machine.phase != Phase::moving;  // not yet
  return true;
}

void ControllerImpl::give_up_gone(const Run& run) {
  run->machine.phase = Phase::done;
  write_back(run);
  answer(run, problems::unknown_service(run->request.service));
}

void ControllerImpl::note_stored(const Run& run) {
  const auto& service = run->request.service;
  lanes_[service].current = run->value;
  history_.add(run->entry);
  live_[run->entry->record.get()] = run;
  supersede(run);
  settle_doubt(service);
}

// What a rollback has waited for its disk since then counts too.
void ControllerImpl::arm_barrier(const Run& run) {
  const auto since = std::chrono::nanoseconds(monotonic_ns() - run->entry->record->stored_ns);
  const auto left = options_.barrier - std::chrono::duration_cast<config::Duration>(since);
  arm(run, std::max(left, config::Duration(0)));
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

}  // namespace switchback::release
