#include "admin/people/audit_trail.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace switchback::people {
namespace {

constexpr std::int64_t minute_us = 60'000'000;
constexpr std::size_t most_anchors = 10'000;  // in memory: more than a year of hours

ledger::AuditEntry own_entry(std::int64_t now_us, std::string action, boost::json::object body) {
  return {now_us, "switchback", "internal", "", std::move(action), boost::json::serialize(body)};
}

}  // namespace

bool AuditTrail::ledger_has_room() const {
  return ledger_ != nullptr && ledger_->stats().queued < limits_.ledger_queue;
}

bool AuditTrail::within_budget(const ledger::AuditEntry& entry, Weight weight) {
  if (weight == Weight::change) return true;
  std::string who = weight == Weight::stranger ? "" : entry.actor;
  // Too many actors at once: the rest share the strangers' minute.
  if (minutes_.size() >= limits_.actors && minutes_.find(who) == minutes_.end()) who.clear();
  const unsigned most = who.empty() ? limits_.strangers_per_minute : limits_.idle_per_minute;
  Minute& minute = minutes_[who];
  if (minute.begun_us == 0) minute.begun_us = entry.wall_us;
  if (minute.written < most) {
    ++minute.written;
    return true;
  }
  ++minute.summed;
  ++stats_.summed;
  return false;
}

void AuditTrail::note(ledger::AuditEntry entry, Weight weight) {
  if (!within_budget(entry, weight)) return;
  put(std::move(entry));
}

void AuditTrail::put(ledger::AuditEntry entry) {
  ++stats_.noted;
  if (queue_.empty() && ledger_has_room()) {
    ledger_->append(std::move(entry));
  } else if (queue_.size() < limits_.queue) {
    queue_.push_back(std::move(entry));
  } else {
    ++stats_.lost;
    ++untold_losses_;
  }
}

void AuditTrail::pump(std::int64_t now_us) {
  close_minutes(now_us, false);
  while (!queue_.empty() && ledger_has_room()) {
    ledger_->append(std::move(queue_.front()));
    queue_.pop_front();
  }
  if (untold_losses_ == 0 || !queue_.empty() || !ledger_has_room()) return;
  ledger_->append(own_entry(now_us, "audit.lost", {{"entries", untold_losses_}}));
  untold_losses_ = 0;
}

void AuditTrail::close_minutes(std::int64_t now_us, bool all) {
  for (auto it = minutes_.begin(); it != minutes_.end();) {
    const Minute& minute = it->second;
    // A clock that was set back ends the minute too.
    const bool over = now_us - minute.begun_us >= minute_us || now_us < minute.begun_us;
    if (!over && !all) {
      ++it;
      continue;
    }
    if (minute.summed > 0) {
      put(own_entry(now_us, "audit.summed",
                    {{"actor", it->first.empty() ? "strangers" : it->first},
                     {"entries", minute.summed},
                     {"moved", false}}));
    }
    it = minutes_.erase(it);
  }
}

AuditStats AuditTrail::stats() const {
  AuditStats stats = stats_;
  stats.queued = queue_.size() + (ledger_ == nullptr ? 0 : ledger_->stats().queued);
  return stats;
}

ledger::AuditMark AuditTrail::mark() const {
  return ledger_ == nullptr ? ledger::AuditMark{} : ledger_->audit_mark();
}

void AuditTrail::read(std::uint64_t seq, std::size_t limit, ledger::Ledger::OnAudit done) {
  if (ledger_ == nullptr) return done({}, "there is no ledger");
  ledger_->audit_after(seq, limit, std::move(done));
}

void AuditTrail::add_anchor(Anchor anchor) {
  if (anchors_.size() >= most_anchors) anchors_.erase(anchors_.begin());
  anchors_.push_back(std::move(anchor));
}

void AuditTrail::restore_anchors(std::vector<Anchor> older) {
  if (older.size() > most_anchors)
    older.erase(older.begin(), older.end() - static_cast<std::ptrdiff_t>(most_anchors));
  older.insert(older.end(), anchors_.begin(), anchors_.end());
  anchors_ = std::move(older);
}

}  // namespace switchback::people
