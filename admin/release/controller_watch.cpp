// What comes back to the controller: progress of switches, health, the disk.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "admin/release/controller_impl.hpp"

namespace switchback::release {

void ControllerImpl::on_switch_progress(const std::shared_ptr<drain::SwitchRecord>& record) {
  const auto at = live_.find(record.get());
  if (at == live_.end()) return;
  const Run run = at->second;
  progress(run);
}

void ControllerImpl::progress(const Run& run) {
  auto& entry = *run->entry;
  const auto record = entry.record;
  if (!record) return;
  if (record->switched()) feed(run, FlipEvent::barrier);
  // Answered first, then told: it comes back here after that.
  if (run->telling || run->machine.phase == Phase::saving) return;
  if (!entry.told_first_new && record->first_new_ns() != 0) {
    entry.told_first_new = true;
    emit_flip(events::FlipStep::first_new, entry);
  }
  if (!entry.told_last_old && record->last_old_ns() != 0) {
    entry.told_last_old = true;
    emit_flip(events::FlipStep::last_old, entry);
  }
  if (record->drained() && !entry.drained) feed(run, FlipEvent::drained);
  if (entry.drained && entry.told_first_new) let_go(entry);
}

void ControllerImpl::announce_switched(const Run& run) {
  if (std::exchange(run->announced, true)) return;
  run->timer.cancel();
  ++run->timer_turn;
  emit_flip(events::FlipStep::switched, *run->entry);
  // On a turn of its own: the answer goes out first.
  boost::asio::post(io_, [this, alive = std::weak_ptr(alive_), entry = run->entry] {
    if (!alive.expired() && watcher_) watcher_->switched(entry->receipt);
  });
}

void ControllerImpl::verification(const std::string& flip, const Verification& now) {
  const auto entry = history_.find(flip);
  if (!entry) return;
  auto& shown = entry->receipt.verification;
  if (shown && shown->settled) return;
  shown = now;
  if (!now.settled) return;
  if (now.state == "verified")
    entry->receipt.stages_ms.verified = entry->since_taken_ms(monotonic_ns());
  record(*entry);
  if (const auto step = events::flip_step_from(now.state)) emit_flip(*step, *entry);
  release_verify_waiters(*entry);
}

void ControllerImpl::release_verify_waiters(FlipEntry& entry) {
  const auto waiters = std::exchange(entry.verify_waiters, {});
  if (waiters.empty()) return;
  entry.refresh();
  const Receipt receipt = entry.receipt;
  for (const auto& done : waiters) done(receipt);
}

void ControllerImpl::finish(const Run& run) {
  const auto entry = run->entry;
  entry->drained = true;
  record(*entry);
  emit_flip(events::FlipStep::drained, *entry);
  release_drain_waiters(*entry);
  // A quiet service drains before its new color has answered anybody: that time is still to come.
  if (entry->record && entry->record->first_new_ns() != 0) let_go(*entry);
}

// The receipt is final.
void ControllerImpl::let_go(FlipEntry& entry) {
  if (!entry.record) return;
  record(entry);
  live_.erase(entry.record.get());
  entry.record.reset();
}

void ControllerImpl::release_drain_waiters(FlipEntry& entry) {
  const auto waiters = std::exchange(entry.drain_waiters, {});
  if (waiters.empty()) return;
  entry.refresh();
  const Receipt receipt = entry.receipt;
  for (const auto& done : waiters) done(receipt);
}

// A switch overtakes those of its service that still drain. Their deadlines may be called off, so
// nobody is left waiting for an end that may be hours away.
void ControllerImpl::supersede(const Run& by) {
  std::vector<std::shared_ptr<FlipEntry>> overtaken;
  for (const auto& [record, run] : live_)
    if (run != by && run->request.service == by->request.service) overtaken.push_back(run->entry);
  for (const auto& entry : overtaken) {
    if (entry->drained) {
      let_go(*entry);
      continue;
    }
    entry->receipt.superseded = true;
    release_drain_waiters(*entry);
    release_verify_waiters(*entry);
  }
}

void ControllerImpl::made_good(const std::string& service, std::uint64_t epoch) {
  auto& owed = lanes_[service].owed;
  for (const auto& entry : std::exchange(owed, {})) {
    if (entry->receipt.epoch > epoch) {
      owed.push_back(entry);
      continue;
    }
    note_persisted(*entry);
    record(*entry);
  }
}

void ControllerImpl::record(FlipEntry& entry) {
  entry.refresh();
  ledger_.put(to_row(entry, boot_id_));
}

void ControllerImpl::emit_flip(events::FlipStep step, FlipEntry& entry) {
  entry.refresh();
  stream_.emit(events::FlipStepped{step, entry.receipt});
}

void ControllerImpl::on_health_change(const upstream::HealthChange& change) {
  stream_.emit(events::HealthChanged{.service = change.service,
                                     .color = change.color,
                                     .server = change.server,
                                     .from = std::string(upstream::to_string(change.from)),
                                     .to = std::string(upstream::to_string(change.to)),
                                     .reason = change.reason,
                                     .healthy = change.to == upstream::Health::healthy});
}

void ControllerImpl::on_panic_change(const upstream::PanicChange& change) {
  if (change.panic) {
    panics_[{change.service, change.color}] = change.pool;
  } else {
    panics_.erase({change.service, change.color});
  }
  stream_.emit(events::PanicChanged{.service = change.service,
                                    .color = change.color,
                                    .panic = change.panic,
                                    .usable = change.pool.usable,
                                    .failing = change.pool.failing,
                                    .servers = change.pool.servers()});
  tell_panics();
}

// Only of what has traffic: a standby whose application still starts is nobody's trouble.
void ControllerImpl::tell_panics() {
  std::string text;
  for (const auto& [pool, health] : panics_) {
    const auto view = plane_.view(pool.first);
    if (!view || view->active != pool.second) continue;
    text += (text.empty() ? "" : "; ") + pool.first + ": " + std::to_string(health.usable) +
            " of " + std::to_string(health.servers()) + " servers of " +
            std::string(to_string(pool.second)) + " pass their checks; " +
            std::to_string(health.failing) + " that fail them but accept connections are used";
  }
  if (text.empty()) return alarms_.clear("pool_panic");
  alarms_.raise("pool_panic", text + ". See switchback status for what the checks say.");
}

// The data plane learns first; what is wrong is said after that.
void ControllerImpl::on_names_changed() {
  plane_.adopt_names();
  std::string text;
  for (const auto& name : plane_.names()) {
    if (!name.trouble) continue;
    text += (text.empty() ? "" : "; ") + name.name + ": " + name.error +
            (name.addresses.empty() ? " (it has no server)" : " (the addresses known stay in use)");
  }
  if (text.empty()) return alarms_.clear("names_unresolved");
  alarms_.raise("names_unresolved", text);
}

void ControllerImpl::on_ejection(const upstream::Ejection& ejection) {
  stream_.emit(events::ServerEjected{.service = ejection.service,
                                     .color = ejection.color,
                                     .server = ejection.server,
                                     .failures = ejection.failures,
                                     .last = ejection.last,
                                     .for_ms = ejection.for_ns / 1'000'000});
}

}  // namespace switchback::release
