// What becomes of every change and every refused change: an entry of the ledger's audit chain.
//
// Entries wait in memory, bounded, when the ledger is slow or gone; what did not fit is counted,
// said by an alarm, and is itself an entry once there is room. What changed nothing (a refusal, a
// rollback pressed twice) is written up to so many a minute for each actor, and for all strangers
// together; the rest are counted in one entry, so that nobody can fill the disk by knocking.
//
// Threads: the control thread. Nothing blocks; the ledger's lane writes.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "admin/ledger/ledger.hpp"
#include "admin/people/anchors.hpp"

namespace switchback::people {

enum class Weight : std::uint8_t {
  change,    // something is different now: always written
  idle,      // nothing changed, and the actor is known
  stranger,  // nothing changed, and nobody knows who that was
};

struct AuditLimits {
  std::size_t queue = 1000;
  std::size_t ledger_queue = 256;      // more than these waiting there: they wait here
  unsigned idle_per_minute = 60;       // for each actor
  unsigned strangers_per_minute = 20;  // for all together
  std::size_t actors = 1000;
};

struct AuditStats {
  std::size_t queued = 0;  // here and in the ledger's queue (with all its other rows)
  std::uint64_t noted = 0;
  std::uint64_t lost = 0;    // for want of room
  std::uint64_t summed = 0;  // counted in an entry instead of written
};

class AuditTrail {
 public:
  explicit AuditTrail(ledger::Ledger* ledger, AuditLimits limits = {})
      : ledger_(ledger), limits_(limits) {}

  void note(ledger::AuditEntry entry, Weight weight = Weight::change);
  // Every second or so: hands over what waits, closes the minutes that are over.
  void pump(std::int64_t now_us);
  void close_minutes(std::int64_t now_us, bool all);  // all: before an end
  AuditStats stats() const;

  // The newest entry in the file; seq 0: none, or not read yet.
  ledger::AuditMark mark() const;
  // Entries behind `seq`, oldest first; `done` on the ledger's lane.
  void read(std::uint64_t seq, std::size_t limit, ledger::Ledger::OnAudit done);

  // As far as they are known here; the keeper reads and adds them.
  const std::vector<Anchor>& anchors() const { return anchors_; }
  void add_anchor(Anchor anchor);
  void restore_anchors(std::vector<Anchor> older);

 private:
  struct Minute {
    std::int64_t begun_us = 0;
    unsigned written = 0;
    std::uint64_t summed = 0;
  };
  bool within_budget(const ledger::AuditEntry& entry, Weight weight);
  void put(ledger::AuditEntry entry);
  bool ledger_has_room() const;

  ledger::Ledger* ledger_;
  const AuditLimits limits_;
  std::deque<ledger::AuditEntry> queue_;
  std::map<std::string, Minute> minutes_;  // by actor; "" are the strangers
  std::uint64_t untold_losses_ = 0;
  AuditStats stats_;
  std::vector<Anchor> anchors_;
};

}  // namespace switchback::people
