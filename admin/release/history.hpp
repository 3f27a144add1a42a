// Receipts, live and past, newest last, bounded per service.
//
// A live receipt is filled from its SwitchRecord whenever it is read; once all its requests have
// ended it is final and the record is let go.
// Threads: the control thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "admin/ledger/ledger.hpp"
#include "admin/release/controller.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::release {

struct FlipEntry {
  Receipt receipt;
  std::shared_ptr<drain::SwitchRecord> record;  // null: final
  Nanos taken_ns = 0;  // when the call was taken up; stages count from here
  std::string idem_key;
  bool told_first_new = false, told_last_old = false;
  bool drained = false;  // all ended; the record may still wait for the new color's first answer
  std::vector<OnFlip> drain_waiters;   // calls with wait=drained
  std::vector<OnFlip> verify_waiters;  // calls with wait=verified

  void refresh();  // from the record
  void refresh_drain();
  void show_verification();
  double since_taken_ms(Nanos at_ns) const;
};

class History {
 public:
  explicit History(std::size_t per_service) : per_service_(per_service) {}

  void add(std::shared_ptr<FlipEntry> entry);
  // Those not known yet, of earlier lives, the newest last; they come before this life's own. Their
  // order is as given: a wall clock that was set back says nothing about it.
  void add_older(std::vector<std::shared_ptr<FlipEntry>> entries);
  std::shared_ptr<FlipEntry> find(const std::string& id) const;
  std::shared_ptr<FlipEntry> newest(const std::string& service) const;  // that moved traffic
  std::vector<Receipt> list(const std::string& service, std::size_t limit) const;
  const std::deque<std::shared_ptr<FlipEntry>>& of(const std::string& service) const;

 private:
  using Entries = std::deque<std::shared_ptr<FlipEntry>>;
  void trim(Entries& entries);
  const std::size_t per_service_;
  std::map<std::string, Entries> services_;
  std::map<std::string, std::shared_ptr<FlipEntry>> by_id_;
};

ledger::FlipRow to_row(const FlipEntry& entry, const std::string& boot_id);
// nullptr: the row cannot be read.
std::shared_ptr<FlipEntry> from_row(const ledger::FlipRow& row);

}  // namespace switchback::release
