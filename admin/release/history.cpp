#include "admin/release/history.hpp"

#include <algorithm>
#include <cmath>

#include "admin/events/receipt_json.hpp"

namespace switchback::release {
namespace {

std::uint64_t in_flight(const drain::Counts& counts) {
  std::uint64_t sum = 0;
  for (const auto& c : counts) sum += c.in_flight();
  return sum;
}

bool newer(const Receipt& a, const Receipt& b) {
  return a.wall_us != b.wall_us ? a.wall_us > b.wall_us : a.flip > b.flip;
}

}  // namespace

double FlipEntry::since_taken_ms(Nanos at_ns) const {
  return static_cast<double>(std::max<Nanos>(0, at_ns - taken_ns)) / 1e6;
}

// What was proved says more about a switch than how far its drain has come.
void FlipEntry::show_verification() {
  const auto& shown = receipt.verification;
  if (!shown || !shown->settled || receipt.state == FlipState::switching) return;
  if (shown->state == "verified") receipt.state = FlipState::verified;
  if (shown->state == "unverified") receipt.state = FlipState::unverified;
  if (shown->state == "regressed") receipt.state = FlipState::regressed;
}

void FlipEntry::refresh() {
  refresh_drain();
  show_verification();
}

void FlipEntry::refresh_drain() {
  if (!record) return;
  auto& stages = receipt.stages_ms;
  const double stored = since_taken_ms(record->stored_ns);
  // Workers stamp with the clock of their turn, which may lie a little before the store they saw.
  const auto stage = [&](Nanos at_ns, std::optional<double>& out) {
    if (at_ns != 0) out = std::max(stored, since_taken_ms(at_ns));
  };
  stage(record->switched_ns(), stages.switched);
  stage(record->first_new_ns(), stages.first_new);
  stage(record->last_old_ns(), stages.last_old);
  receipt.counts = record->counts();
  receipt.lagging_workers = record->lagging();
  if (!receipt.lagging_workers.empty()) {
    receipt.state = FlipState::switching;
  } else if (record->drained()) {
    stage(record->drained_ns(), stages.drained);
    receipt.state = FlipState::drained;
  } else {
    receipt.state = in_flight(receipt.counts) > 0 ? FlipState::draining : FlipState::switched;
  }
}

void History::trim(Entries& entries) {
  while (entries.size() > per_service_) {
    by_id_.erase(entries.front()->receipt.flip);
    entries.pop_front();
  }
}

void History::add(std::shared_ptr<FlipEntry> entry) {
  by_id_[entry->receipt.flip] = entry;
  auto& entries = services_[entry->receipt.service];
  entries.push_back(std::move(entry));
  trim(entries);
}

void History::add_older(std::vector<std::shared_ptr<FlipEntry>> older) {
  for (auto& entry : older) {
    if (!by_id_.try_emplace(entry->receipt.flip, entry).second) continue;
    auto& entries = services_[entry->receipt.service];
    const auto own = std::find_if(entries.begin(), entries.end(),
                                  [](const auto& known) { return known->taken_ns != 0; });
    entries.insert(own, std::move(entry));
  }
  for (auto& [service, entries] : services_) trim(entries);
}

std::shared_ptr<FlipEntry> History::find(const std::string& id) const {
  const auto at = by_id_.find(id);
  return at == by_id_.end() ? nullptr : at->second;
}

std::shared_ptr<FlipEntry> History::newest(const std::string& service) const {
  const auto& entries = of(service);
  const auto switched = [](const auto& entry) {
    return entry->receipt.state != FlipState::failed_before_switch;
  };
  const auto at = std::find_if(entries.rbegin(), entries.rend(), switched);
  return at == entries.rend() ? nullptr : *at;
}

const std::deque<std::shared_ptr<FlipEntry>>& History::of(const std::string& service) const {
  static const Entries none;
  const auto at = services_.find(service);
  return at == services_.end() ? none : at->second;
}

std::vector<Receipt> History::list(const std::string& service, std::size_t limit) const {
  std::vector<Receipt> out;
  const auto take = [&](const Entries& entries) {
    std::size_t taken = 0;
    for (auto entry = entries.rbegin(); entry != entries.rend() && taken < limit;
         ++entry, ++taken) {
      (*entry)->refresh();
      out.push_back((*entry)->receipt);
    }
  };
  if (!service.empty()) {
    take(of(service));
    return out;
  }
  for (const auto& [name, entries] : services_) take(entries);
  std::sort(out.begin(), out.end(), newer);
  if (out.size() > limit) out.resize(limit);
  return out;
}

ledger::FlipRow to_row(const FlipEntry& entry, const std::string& boot_id) {
  const auto& r = entry.receipt;
  const auto ns = [](const std::optional<double>& ms) -> std::optional<std::int64_t> {
    return ms ? std::optional(std::llround(*ms * 1e6)) : std::nullopt;
  };
  ledger::FlipRow row;
  row.id = r.flip;
  row.service = r.service;
  row.epoch = r.epoch;
  row.kind = to_string(r.kind);
  row.from_color = to_string(r.from);
  row.to_color = to_string(r.to);
  row.from_release = r.from_release;
  row.to_release = r.to_release;
  row.actor = r.actor;
  row.auth = r.auth;
  row.reason = r.reason;
  row.idem_key = entry.idem_key;
  row.state = to_string(r.state);
  row.moved = r.moved;
  row.durable = r.durable;
  row.forced = r.forced;
  row.superseded = r.superseded;
  row.t_decided = ns(r.stages_ms.decided);
  row.t_persisted = ns(r.stages_ms.persisted);
  row.t_switched = ns(r.stages_ms.switched);
  row.t_first_new = ns(r.stages_ms.first_new);
  row.t_last_old = ns(r.stages_ms.last_old);
  row.t_drained = ns(r.stages_ms.drained);
  row.t_verified = ns(r.stages_ms.verified);
  row.wall_us = r.wall_us;
  row.boot_id = boot_id;
  row.receipt = events::receipt_json(r);
  return row;
}

std::shared_ptr<FlipEntry> from_row(const ledger::FlipRow& row) {
  auto receipt = events::receipt_from_json(row.receipt);
  if (!receipt) return nullptr;
  auto entry = std::make_shared<FlipEntry>();
  entry->receipt = std::move(*receipt);
  entry->receipt.wall_us = row.wall_us;
  entry->idem_key = row.idem_key;
  // Its drain died with the process that watched it, and so did its verification.
  if (auto& shown = entry->receipt.verification; shown && !shown->settled) {
    shown->settled = true;
    shown->state = "unverified";
    shown->label = "switchback ended before it was proved";
  }
  auto& state = entry->receipt.state;
  if (state == FlipState::switching || state == FlipState::draining ||
      state == FlipState::switched) {
    state = FlipState::switched;
    entry->receipt.lagging_workers.clear();
    entry->receipt.warnings.push_back(
        "switchback ended before the drain did; the counts are as last written");
    if (entry->receipt.tags.empty()) entry->receipt.tags = {"resumed"};
  }
  return entry;
}

}  // namespace switchback::release
