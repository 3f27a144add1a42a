#include "admin/ledger/database.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "admin/ledger/migrations.hpp"
#include "admin/ledger/statement.hpp"
#include "proxy/base/assert.hpp"

namespace switchback::ledger {
namespace {

Trouble trouble_of(int code) {
  switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return Trouble::none;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Trouble::corrupt;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_MISUSE:
      return Trouble::refused;
    default:
      return Trouble::passing;  // BUSY, LOCKED, FULL, IOERR, READONLY, CANTOPEN, …
  }
}

FlipRow read_flip(const Statement& s) {
  FlipRow row;
  int at = 0;
  for (std::string* text : {&row.id, &row.service}) *text = s.text(at++);
  row.epoch = static_cast<std::uint64_t>(s.integer(at++));
  for (std::string* text :
       {&row.kind, &row.from_color, &row.to_color, &row.from_release, &row.to_release, &row.actor,
        &row.auth, &row.reason, &row.idem_key, &row.state})
    *text = s.text(at++);
  for (bool* flag : {&row.moved, &row.durable, &row.forced, &row.superseded})
    *flag = s.integer(at++) != 0;
  for (auto* time : {&row.t_decided, &row.t_persisted, &row.t_switched, &row.t_first_new,
                     &row.t_last_old, &row.t_drained, &row.t_verified})
    *time = s.optional_integer(at++);
  row.wall_us = s.integer(at++);
  row.boot_id = s.text(at++);
  row.receipt = s.text(at++);
  return row;
}

// The columns in the order of read_flip and of the INSERT below.
#define SB_FLIP_COLUMNS                                                                     \
  "id, service, epoch, kind, from_color, to_color, from_release, to_release, actor, auth, " \
  "reason, idem_key, state, moved, durable, forced, superseded, t_decided, t_persisted, "   \
  "t_switched, t_first_new, t_last_old, t_drained, t_verified, wall_requested, boot_id, receipt"

}  // namespace

Status Database::status(int code) const {
  const Trouble trouble = trouble_of(code);
  if (trouble == Trouble::none) return {};
  return {trouble,
          db_ ? std::string(sqlite3_errmsg(db_.get())) : std::string(sqlite3_errstr(code))};
}

Status Database::execute(const char* sql) {
  return status(sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr));
}

Status Database::open() {
  close();
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(
      options_.path.c_str(), &raw,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  db_.reset(raw);
  auto result = status(code);
  if (result) {
    sqlite3_busy_timeout(raw, static_cast<int>(options_.busy_timeout.count()));
    result = execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");
  }
  if (result) result = migrate();
  if (result) result = audit_tail(audit_mark_);
  // Opened or not, a handle to a file that cannot be used now would hide a better one later.
  struct stat info {};
  if (result && ::stat(options_.path.c_str(), &info) != 0)
    result = {Trouble::passing, "the file is gone"};
  if (!result) {
    close();
    return result;
  }
  device_ = info.st_dev;
  inode_ = info.st_ino;
  return result;
}

void Database::close() {
  db_.reset();
}

bool Database::file_in_place() const {
  struct stat info {};
  return ::stat(options_.path.c_str(), &info) == 0 && info.st_dev == device_ &&
         info.st_ino == inode_;
}

std::string Database::move_aside() {
  close();
  char stamp[32];
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &parts);
  std::string aside = options_.path + ".corrupt-" + stamp;
  // Several in one second must not cover each other.
  for (int n = 2; ::access(aside.c_str(), F_OK) == 0 && n < 100; ++n)
    aside = options_.path + ".corrupt-" + stamp + "-" + std::to_string(n);
  if (::rename(options_.path.c_str(), aside.c_str()) != 0) return {};
  for (const char* suffix : {"-wal", "-shm"})
    std::rename((options_.path + suffix).c_str(), (aside + suffix).c_str());
  return aside;
}

// `version` 0 where there is no schema yet.
Status Database::schema_version(int& version) const {
  version = 0;
  Statement s(db_.get(), "SELECT value FROM meta WHERE key = 'schema_version'");
  const int code = s.step();
  if (code == SQLITE_ROW) version = static_cast<int>(s.integer(0));
  // A plain error is "no such table": a file that is new.
  return (code & 0xff) == SQLITE_ERROR ? Status{} : status(code);
}

Status Database::migrate() {
  // A file with nothing to change is not written to: it may be locked or read-only, and its
  // history is wanted all the same.
  const auto steps = migrations();
  int have = 0;
  auto result = schema_version(have);
  if (!result || have >= steps.back().version) return result;
  result = execute("BEGIN IMMEDIATE");
  if (!result) return result;
  result = execute("CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL)");
  if (result) result = schema_version(have);
  for (const auto& step : steps) {
    if (!result) break;
    if (step.version <= have) continue;
    result = execute(step.sql);
    if (!result) break;
    Statement s(db_.get(), "INSERT OR REPLACE INTO meta VALUES('schema_version', ?)");
    s.bind(std::to_string(step.version));
    result = status(s.step());
  }
  if (result) result = execute("COMMIT");
  if (!result) execute("ROLLBACK");
  return result;
}

Status Database::load(Snapshot& out, std::int64_t now_wall_us) {
  auto result = load_flips(out);
  if (result) result = load_keys(out, now_wall_us);
  for (std::size_t i = 0; i < table_count && result; ++i) {
    result = load_table(static_cast<Table>(i), out.rows[i]);
  }
  return result;
}

Status Database::load_flips(Snapshot& out) {
  Statement flips(
      db_.get(), "SELECT " SB_FLIP_COLUMNS
                 " FROM (SELECT *, rowid AS place, row_number() OVER (PARTITION BY service ORDER BY"
                 " rowid DESC) AS age FROM flip) WHERE age <= ? ORDER BY place");
  flips.bind(static_cast<std::int64_t>(options_.history_per_service));
  int code = flips.step();
  for (; code == SQLITE_ROW; code = flips.step()) out.flips.push_back(read_flip(flips));
  return code == SQLITE_DONE ? Status{} : status(code);
}

Status Database::load_keys(Snapshot& out, std::int64_t now_wall_us) {
  Statement keys(db_.get(),
                 "SELECT principal, key, request, status, body, expires_at FROM idempotency"
                 " WHERE expires_at > ? ORDER BY expires_at");
  keys.bind(now_wall_us);
  int code = keys.step();
  for (; code == SQLITE_ROW; code = keys.step())
    out.idempotency.push_back({keys.text(0), keys.text(1), keys.text(2),
                               static_cast<unsigned>(keys.integer(3)), keys.text(4),
                               keys.integer(5)});
  return code == SQLITE_DONE ? Status{} : status(code);
}

Status Database::load_table(Table table, std::vector<Row>& out) {
  const TableInfo& about = info(table);
  const std::string columns(about.columns), order(about.order);
  const std::string sql = "SELECT " + columns + " FROM " + std::string(about.name) + " ORDER BY " +
                          order + " DESC LIMIT ?";
  Statement rows(db_.get(), sql.c_str());
  rows.bind(static_cast<std::int64_t>(about.loaded));
  int code = rows.step();
  for (; code == SQLITE_ROW; code = rows.step()) {
    Row row{table, {}};
    for (std::size_t i = 0; i < about.column_count; ++i) {
      row.values.push_back(rows.value(static_cast<int>(i)));
    }
    out.push_back(std::move(row));
  }
  std::reverse(out.begin(), out.end());
  return code == SQLITE_DONE ? Status{} : status(code);
}

Status Database::put(const Row& row) {
  const TableInfo& about = info(row.table);
  SB_ASSERT(row.values.size() == about.column_count);
  std::string sql = "INSERT OR REPLACE INTO " + std::string(about.name) + "(" +
                    std::string(about.columns) + ") VALUES(?";
  for (std::size_t i = 1; i < about.column_count; ++i) sql += ",?";
  sql += ")";
  Statement s(db_.get(), sql.c_str());
  for (const Value& value : row.values) s.bind(value);
  return status(s.step());
}

// Seq 0 and the origin's hash: there is no entry.
Status Database::audit_tail(AuditMark& tail) {
  tail = {0, std::string(audit_origin)};
  Statement s(db_.get(), "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1");
  const int code = s.step();
  if (code == SQLITE_ROW) tail = {static_cast<std::uint64_t>(s.integer(0)), s.text(1)};
  return status(code);
}

Status Database::put(const AuditEntry& entry) {
  AuditMark tail;
  const auto found = audit_tail(tail);
  if (!found) return found;
  const std::uint64_t seq = tail.seq + 1;
  const std::string text = audit_text(seq, entry);
  const std::string hash = audit_hash(tail.hash, text);
  Statement s(db_.get(),
              "INSERT INTO audit(seq, at, actor, auth, source, action, text, prev_hash, hash)"
              " VALUES(?,?,?,?,?,?,?,?,?)");
  s.bind(static_cast<std::int64_t>(seq)).bind(entry.wall_us).bind(entry.actor);
  s.bind(entry.auth).bind(entry.source).bind(entry.action).bind(text).bind(tail.hash).bind(hash);
  const auto result = status(s.step());
  if (result) audit_mark_ = {seq, hash};
  return result;
}

Status Database::audit_after(std::uint64_t seq, std::size_t limit, std::vector<AuditRow>& out) {
  Statement rows(db_.get(),
                 "SELECT seq, at, actor, auth, source, action, text, prev_hash, hash FROM audit"
                 " WHERE seq > ? ORDER BY seq LIMIT ?");
  rows.bind(static_cast<std::int64_t>(seq)).bind(static_cast<std::int64_t>(limit));
  int code = rows.step();
  for (; code == SQLITE_ROW; code = rows.step()) {
    out.push_back({static_cast<std::uint64_t>(rows.integer(0)), rows.integer(1), rows.text(2),
                   rows.text(3), rows.text(4), rows.text(5), rows.text(6), rows.text(7),
                   rows.text(8)});
  }
  return code == SQLITE_DONE ? Status{} : status(code);
}

// A row that is told more about keeps its place (rowid): places are the order in which things
// happened, which neither a clock that is set back nor epochs of a restored state folder can tell.
Status Database::put(const FlipRow& row) {
  Statement s(
      db_.get(),
      "INSERT INTO flip(" SB_FLIP_COLUMNS
      ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
      " ON CONFLICT(id) DO UPDATE SET service = excluded.service, epoch = excluded.epoch,"
      " kind = excluded.kind, from_color = excluded.from_color, to_color = excluded.to_color,"
      " from_release = excluded.from_release, to_release = excluded.to_release,"
      " actor = excluded.actor, auth = excluded.auth, reason = excluded.reason,"
      " idem_key = excluded.idem_key, state = excluded.state, moved = excluded.moved,"
      " durable = excluded.durable, forced = excluded.forced, superseded = excluded.superseded,"
      " t_decided = excluded.t_decided, t_persisted = excluded.t_persisted,"
      " t_switched = excluded.t_switched, t_first_new = excluded.t_first_new,"
      " t_last_old = excluded.t_last_old, t_drained = excluded.t_drained,"
      " t_verified = excluded.t_verified, wall_requested = excluded.wall_requested,"
      " boot_id = excluded.boot_id, receipt = excluded.receipt");
  s.bind(row.id).bind(row.service).bind(static_cast<std::int64_t>(row.epoch));
  s.bind(row.kind).bind(row.from_color).bind(row.to_color);
  s.bind(row.from_release).bind(row.to_release);
  s.bind(row.actor).bind(row.auth).bind(row.reason).bind(row.idem_key).bind(row.state);
  for (bool flag : {row.moved, row.durable, row.forced, row.superseded}) s.bind(std::int64_t{flag});
  for (const auto& time : {row.t_decided, row.t_persisted, row.t_switched, row.t_first_new,
                           row.t_last_old, row.t_drained, row.t_verified})
    s.bind(time);
  s.bind(row.wall_us).bind(row.boot_id).bind(row.receipt);
  return status(s.step());
}

Status Database::put(const IdempotencyRow& row) {
  Statement s(db_.get(),
              "INSERT OR REPLACE INTO idempotency(principal, key, request, status, body, "
              "expires_at) VALUES(?,?,?,?,?,?)");
  s.bind(row.principal).bind(row.key).bind(row.request).bind(std::int64_t{row.status});
  s.bind(row.body).bind(row.expires_wall_us);
  return status(s.step());
}

Status Database::forget_expired(std::int64_t now_wall_us) {
  Statement s(db_.get(), "DELETE FROM idempotency WHERE expires_at <= ?");
  s.bind(now_wall_us);
  return status(s.step());
}

}  // namespace switchback::ledger
