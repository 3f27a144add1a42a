// What has happened, in SQLite (WAL, synchronous=FULL): flips with the times of their stages, and
// the answers given under idempotency keys. Never on the path of a flip: callers hand over and go
// on; one lane thread writes. A ledger that is locked, full, read-only or gone is retried until it
// takes what is queued (at most `queue_limit`, then the newest is dropped, counted and said), and
// an alarm stands meanwhile. A corrupt file is moved aside to PATH.corrupt-TIME and a new one
// begun.
//
// Threads: every method from any thread; Listener functions are called on the lane (those of
// attach() for what stood before: on the caller).
// Errors: open() never fails; see the alarms "ledger_unwritable" (cleared when good),
// "ledger_overflow", "ledger_corrupt", "ledger_lost" (these stand: something is missing for good).
// Schema: migrations.hpp; changes only add, so that an older binary goes on with a newer file.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/ledger/audit.hpp"
#include "admin/ledger/tables.hpp"

namespace switchback::ledger {

// One flip. Columns are for questions (history, percentiles, reports); `receipt` is the whole
// receipt as JSON, from which memory is filled again at a start.
struct FlipRow {
  std::string id;  // ULID; a second put of the same id replaces the row
  std::string service;
  std::uint64_t epoch = 0;
  std::string kind, from_color, to_color, from_release, to_release;
  std::string actor, auth, reason, idem_key, state;
  bool moved = false, durable = true, forced = false, superseded = false;
  // Nanoseconds since the request was taken up; absent: not reached.
  std::optional<std::int64_t> t_decided, t_persisted, t_switched, t_first_new, t_last_old,
      t_drained, t_verified;
  std::int64_t wall_us = 0;
  std::string boot_id;  // facts of one life of the process share it
  std::string receipt;  // JSON
};

struct IdempotencyRow {
  std::string principal, key;
  std::string request;  // what was asked, to tell a reused key from a replay
  unsigned status = 200;
  std::string body;  // JSON of the answer
  std::int64_t expires_wall_us = 0;
};

struct Snapshot {
  std::vector<FlipRow> flips;  // oldest first; the newest `history_per_service` of each service
  std::vector<IdempotencyRow> idempotency;         // not expired
  std::array<std::vector<Row>, table_count> rows;  // by Table, newest last (tables.hpp)
  const std::vector<Row>& of(Table table) const { return rows[static_cast<std::size_t>(table)]; }
};

struct Listener {
  std::function<void(Snapshot)> loaded;  // when the file could be read only after attach()
  std::function<void(std::string code, std::string text)> alarm;
  std::function<void(std::string code)> cleared;
};

struct LedgerOptions {
  std::string path;  // state_dir/ledger.db
  std::size_t queue_limit = 1024;
  std::size_t history_per_service = 1000;
  std::chrono::milliseconds busy_timeout{100};  // of SQLite, on the lane only
  std::chrono::milliseconds retry_first{100}, retry_most{5000};
  std::chrono::milliseconds open_wait{1000};  // how long open() waits for the first look
};

struct LedgerStats {
  std::size_t queued = 0;
  std::uint64_t written = 0, dropped = 0, retries = 0;
};

class Ledger {
 public:
  static std::unique_ptr<Ledger> open(LedgerOptions options);
  ~Ledger();  // one last try for what is queued, then joins
  Ledger(const Ledger&) = delete;

  // Alarms that stand are told at once. Returns what was loaded, or nullopt: `loaded` tells later.
  std::optional<Snapshot> attach(Listener listener);
  // What stood in `table` when the file was first read: on the caller if that is over, else on the
  // lane. For rooms that keep rows of their own; call it before detach().
  using OnRows = std::function<void(std::vector<Row>)>;
  void when_loaded(Table table, OnRows then);
  void detach();  // after it, no listener function runs any more

  void put(FlipRow row);
  void put(IdempotencyRow row);
  void put(Row row);              // the newest of those with the same key is what stands
  void append(AuditEntry entry);  // to the audit chain, in the order of the calls

  // Entries behind `seq`, oldest first; `done` on the lane, with what went wrong or "".
  using OnAudit = std::function<void(std::vector<AuditRow> rows, std::string fault)>;
  void audit_after(std::uint64_t seq, std::size_t limit, OnAudit done);
  std::string audit_head() const { return audit_mark().hash; }
  AuditMark audit_mark() const;  // of the newest entry in the file; seq 0: none, or not read yet

  // Waits until everything queued is written; false after `limit`. For shutdown and tests.
  bool flush(std::chrono::milliseconds limit);
  LedgerStats stats() const;

 private:
  struct Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace switchback::ledger
