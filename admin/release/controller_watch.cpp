// What comes back to the controller: progress of switches, health, the disk, the ledger.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <utility>

#include "admin/release/controller_impl.hpp"
#include "admin/release/receipt_json.hpp"

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
  if (!entry.told_first_new && record->first_new_ns() != 0) {
    entry.told_first_new = true;
    emit_flip("flip.first_new", entry);
  }
  if (!entry.told_last_old && record->last_old_ns() != 0) {
    entry.told_last_old = true;
    emit_flip("flip.last_old", entry);
  }
  if (record->drained() && !entry.drained) feed(run, FlipEvent::drained);
  if (entry.drained && entry.told_first_new) let_go(entry);
}

void ControllerImpl::announce_switched(const Run& run) {
  if (std::exchange(run->announced, true)) return;
  run->timer.cancel();
  ++run->timer_turn;
  emit_flip("flip.switched", *run->entry);
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
  emit_flip(("flip." + now.state).c_str(), *entry);
  release_verify_waiters(*entry);
}

void ControllerImpl::release_verify_waiters(FlipEntry& entry) {
  const auto waiters = std::exchange(entry.verify_waiters, {});
  if (waiters.empty()) return;
  entry.refresh();
  const Receipt receipt = entry.receipt;
  for (const auto& done : waiters) done(receipt);
}

void ControllerImpl::emit_event(const std::string& type, const std::string& text) {
  boost::system::error_code error;
  auto body = boost::json::parse(text, error);
  if (error || !body.is_object()) return;
  body.get_object()["at"] = rfc3339(wall_us());
  events_.emit(type, body.get_object());
}

void ControllerImpl::finish(const Run& run) {
  const auto entry = run->entry;
  entry->drained = true;
  record(*entry);
  emit_flip("flip.drained", *entry);
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
    entry->receipt.durable = true;
    record(*entry);
  }
}

void ControllerImpl::record(FlipEntry& entry) {
  entry.refresh();
  ledger_.put(to_row(entry, boot_id_));
}

void ControllerImpl::emit_flip(const char* type, FlipEntry& entry) {
  entry.refresh();
  events_.emit(type, receipt_object(entry.receipt));
}

void ControllerImpl::on_health_change(const upstream::HealthChange& change) {
  events_.emit("health", {{"service", change.service},
                          {"color", to_string(change.color)},
                          {"server", change.server},
                          {"from", upstream::to_string(change.from)},
                          {"to", upstream::to_string(change.to)},
                          {"reason", change.reason},
                          {"at", rfc3339(wall_us())}});
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
  events_.emit("ejection", {{"service", ejection.service},
                            {"color", to_string(ejection.color)},
                            {"server", ejection.server},
                            {"failures", ejection.failures},
                            {"last", ejection.last},
                            {"for_ms", ejection.for_ns / 1'000'000},
                            {"at", rfc3339(wall_us())}});
}

void ControllerImpl::attach_ledger() {
  const auto over = [this](auto call) {
    boost::asio::post(io_, [alive = std::weak_ptr(alive_), call = std::move(call)]() mutable {
      if (!alive.expired()) call();
    });
  };
  ledger::Listener listener;
  listener.loaded = [this, over](ledger::Snapshot snapshot) {
    over([this, snapshot = std::move(snapshot)]() mutable { adopt_snapshot(std::move(snapshot)); });
  };
  listener.alarm = [this, over](const std::string& code, const std::string& text) {
    over([this, code, text] { alarms_.raise(code, text); });
  };
  listener.cleared = [this, over](const std::string& code) {
    over([this, code] { alarms_.clear(code); });
  };
  if (auto snapshot = ledger_.attach(std::move(listener))) adopt_snapshot(std::move(*snapshot));
}

void ControllerImpl::adopt_snapshot(ledger::Snapshot snapshot) {
  std::vector<std::shared_ptr<FlipEntry>> older;
  for (const auto& row : snapshot.flips)
    if (auto entry = from_row(row)) older.push_back(std::move(entry));
  history_.add_older(std::move(older));
  for (const auto& row : snapshot.idempotency) keys_.restore(row);
  for (auto& [service, lane] : lanes_) recover(service, lane);
}

// Where the ledger and the slots do not agree on what the last life did.
void ControllerImpl::recover(const std::string& service, Lane& lane) {
  const auto survived = store_.last(service);
  const auto newest = history_.newest(service);
  const std::uint64_t recorded = newest ? newest->receipt.epoch : 0;
  const std::uint64_t slot = survived ? survived->epoch : 0;
  lane.highest_epoch = std::max(lane.highest_epoch, recorded);
  if (recorded > slot && newest->receipt.moved) {
    doubt(service, "the ledger knows epoch " + std::to_string(recorded) +
                       ", what survived is epoch " + std::to_string(slot));
    return;
  }
  if (!survived || survived->restated || survived->flip.empty() || history_.find(survived->flip))
    return;
  auto entry = std::make_shared<FlipEntry>();
  auto& receipt = entry->receipt;
  receipt.flip = survived->flip;
  receipt.kind =
      survived->last == state::LastSwitch::rollback ? FlipKind::rollback : FlipKind::promote;
  receipt.service = service;
  receipt.from = other(survived->active);
  receipt.to = survived->active;
  receipt.from_release = survived->from_release;
  receipt.to_release = survived->release;
  receipt.epoch = survived->epoch;
  receipt.actor = "recovered";
  receipt.auth = "internal";
  receipt.state = FlipState::switched;
  receipt.moved = true;
  receipt.wall_us = survived->wall_us;
  receipt.warnings.push_back("recovered from the slot: the process ended before it was recorded");
  history_.add_older({entry});
  record(*entry);
}

void ControllerImpl::doubt(const std::string& service, const std::string& why) {
  doubts_[service] = why;
  tell_doubts();
}

// Somebody has said anew which color is meant.
void ControllerImpl::settle_doubt(const std::string& service) {
  if (doubts_.erase(service) != 0) tell_doubts();
}

void ControllerImpl::tell_doubts() {
  std::string text;
  for (const auto& [service, why] : doubts_) text += service + ": " + why + "; ";
  if (text.empty()) return alarms_.clear("active_uncertain");
  alarms_.raise("active_uncertain",
                text +
                    "a switch was undone by a loss of power or an older state folder: check "
                    "which color is meant to be active, and flip to it");
}

}  // namespace switchback::release
