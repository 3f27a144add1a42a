// What an earlier life of the process left: the ledger's history, and switches that were cut off.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "admin/events/receipt_json.hpp"
#include "admin/release/controller_impl.hpp"
#include "admin/release/intent.hpp"

namespace switchback::release {

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
  if (recover_intent(service, lane)) return;
  if (!survived || survived->restated || survived->flip.empty() || history_.find(survived->flip))
    return;
  Receipt receipt;
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
  piece_together(std::move(receipt), events::FlipStep::recovered,
                 "recovered from the slot: the process ended before it was recorded");
}

// The run folder remembers what the last life was about to do, and for whom. False: nothing of it
// is missing from the history.
bool ControllerImpl::recover_intent(const std::string& service, const Lane& lane) {
  auto intent = intent_from_text(lane.intent);
  if (!intent || intent->receipt.service != service) return false;
  auto& receipt = intent->receipt;
  if (history_.find(receipt.flip)) return false;
  const auto& survived = lane.survived;
  const bool moved = survived && survived->flip == receipt.flip && !survived->restated;
  if (!moved) {
    if (intent->answered) return false;  // overtaken by what survived
    receipt.moved = false;
    receipt.durable = true;
    receipt.state = FlipState::failed_before_switch;
    piece_together(std::move(receipt), events::FlipStep::failed_before_switch,
                   "switchback ended before the switch: traffic did not move");
    return true;
  }
  receipt.epoch = survived->epoch;
  receipt.moved = true;
  receipt.state = FlipState::switched;
  const bool answered = intent->answered;
  if (!intent->idem_key.empty()) {
    keys_.restore({receipt.actor, intent->idem_key, intent->idem_request, 200,
                   events::receipt_json(receipt),
                   wall_us() + options_.idempotency_ttl.count() * 1000});
  }
  piece_together(std::move(receipt),
                 answered ? events::FlipStep::recovered : events::FlipStep::resumed,
                 answered ? "recovered: the process ended before it was recorded"
                          : "resumed: the process ended before its answer was given",
                 intent->idem_key);
  return true;
}

void ControllerImpl::piece_together(Receipt receipt, events::FlipStep how,
                                    const std::string& warning, const std::string& idem_key) {
  auto entry = std::make_shared<FlipEntry>();
  entry->receipt = std::move(receipt);
  entry->receipt.tags = {std::string(to_string(how))};
  entry->receipt.warnings.push_back(warning);
  entry->idem_key = idem_key;
  history_.add_older({entry});
  record(*entry);
  // Whoever listens attaches after this constructor.
  boost::asio::post(io_, [this, alive = std::weak_ptr(alive_), entry, how] {
    if (!alive.expired()) emit_flip(how, *entry);
  });
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
