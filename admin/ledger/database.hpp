// The SQLite side of the ledger: open, migrate, read, write. Knows nothing of queues or alarms.
//
// Threads: one at a time. Errors: a Status, never a throw.
#pragma once

#include <sqlite3.h>
#include <sys/types.h>

#include <memory>
#include <string>

#include "admin/ledger/ledger.hpp"

namespace switchback::ledger {

enum class Trouble : std::uint8_t {
  none,
  passing,  // locked, full, read-only, no such folder: try again
  corrupt,  // the file is not a sound database
  refused,  // this one row will never be taken
};

struct Status {
  Trouble trouble = Trouble::none;
  std::string text;
  explicit operator bool() const { return trouble == Trouble::none; }
};

class Database {
 public:
  explicit Database(const LedgerOptions& options) : options_(options) {}

  bool is_open() const { return db_ != nullptr; }
  Status open();  // makes the file and the schema where missing
  void close();
  // False once somebody removed or replaced the file under us.
  bool file_in_place() const;
  // Out of the way with it (and its -wal and -shm): PATH.corrupt-TIME. Returns the new name.
  std::string move_aside();

  Status load(Snapshot& out, std::int64_t now_wall_us);
  // Rows between begin and commit cost one sync together. A row that is refused harms no other.
  Status begin() { return execute("BEGIN IMMEDIATE"); }
  Status commit() { return execute("COMMIT"); }
  void rollback() { execute("ROLLBACK"); }
  Status put(const FlipRow& row);
  Status put(const IdempotencyRow& row);
  Status put(const Row& row);
  Status put(const AuditEntry& entry);  // behind the newest in the file
  Status audit_after(std::uint64_t seq, std::size_t limit, std::vector<AuditRow>& out);
  const AuditMark& audit_mark() const { return audit_mark_; }
  Status forget_expired(std::int64_t now_wall_us);

 private:
  struct CloseDb {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  Status migrate();
  Status execute(const char* sql);
  Status status(int code) const;
  Status schema_version(int& version) const;
  Status load_flips(Snapshot& out);
  Status load_keys(Snapshot& out, std::int64_t now_wall_us);
  Status load_table(Table table, std::vector<Row>& out);
  Status audit_tail(AuditMark& tail);

  const LedgerOptions& options_;
  std::unique_ptr<sqlite3, CloseDb> db_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  AuditMark audit_mark_;  // of the newest entry; of a transaction under way too
};

}  // namespace switchback::ledger
