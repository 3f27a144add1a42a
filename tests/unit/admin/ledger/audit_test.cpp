#include "admin/ledger/audit.hpp"

#include <sqlite3.h>

#include <condition_variable>
#include <mutex>

#include "admin/ledger/ledger.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace switchback::ledger;
using namespace std::chrono_literals;
using switchback::test::TempDir;

namespace {

LedgerOptions at(const std::string& path) {
  LedgerOptions options;
  options.path = path;
  options.retry_first = 1ms;
  options.open_wait = 20s;
  return options;
}

AuditEntry entry(int n) {
  AuditEntry out;
  out.wall_us = 1000 + n;
  out.actor = "token ci \"quoted\"\n";
  out.auth = "token";
  out.source = "unix";
  out.action = "flip";
  out.body = "{\"n\":" + std::to_string(n) + "}";
  return out;
}

void write(const std::string& path, int from, int to) {
  auto ledger = Ledger::open(at(path));
  for (int n = from; n < to; ++n) ledger->append(entry(n));
  REQUIRE(ledger->flush(20s));
}

void tamper(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  char* fault = nullptr;
  const int code = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &fault);
  INFO(sql << ": " << (fault ? fault : ""));
  sqlite3_free(fault);
  sqlite3_close(db);
  REQUIRE(code == SQLITE_OK);
}

}  // namespace

TEST_CASE("the hash is SHA-256 over the previous hash and the stored text") {
  CHECK(
      audit_text(1, entry(7)) ==
      R"({"seq":1,"at_us":1007,"actor":"token ci \"quoted\"\u000a","auth":"token","source":"unix",)"
      R"("action":"flip","body":{"n":7}})");
  // printf 'a\nb' | sha256sum
  CHECK(audit_hash("a", "b") == "7e18f737311b2dc3b2f269dd78396b0351f14fb66efa879f768cb23181883c78");
}

TEST_CASE("a chain goes on over restarts and holds") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  write(path, 0, 5);
  write(path, 5, 9);
  const AuditCheck check = verify_audit(path);
  CHECK(check.readable);
  CHECK(check.entries == 9);
  CHECK(check.first_bad == 0);
  CHECK(check.head.size() == 64);

  auto ledger = Ledger::open(at(path));
  ledger->append(entry(9));
  REQUIRE(ledger->flush(20s));
  CHECK(ledger->audit_head() == verify_audit(path).head);
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<AuditRow> rows;
  bool done = false;
  ledger->audit_after(7, 2, [&](std::vector<AuditRow> got, std::string fault) {
    std::lock_guard lock(mutex);
    CHECK(fault.empty());
    rows = std::move(got);
    done = true;
    changed.notify_all();
  });
  std::unique_lock lock(mutex);
  REQUIRE(changed.wait_for(lock, 20s, [&] { return done; }));
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].seq == 8);
  CHECK(rows[1].prev_hash == rows[0].hash);
}

TEST_CASE("whatever is done to a row is found, and where") {
  const struct {
    const char* sql;
    std::uint64_t first_bad;
  } cases[] = {
      {"UPDATE audit SET text = replace(text, '\"n\":3', '\"n\":4') WHERE seq = 4", 4},
      {"UPDATE audit SET actor = 'somebody else' WHERE seq = 2", 2},
      {"UPDATE audit SET action = 'nothing' WHERE seq = 2", 2},
      {"UPDATE audit SET at = 5 WHERE seq = 3", 3},
      {"DELETE FROM audit WHERE seq = 5", 5},
      {"DELETE FROM audit WHERE seq = 1", 1},
      {"UPDATE audit SET hash = prev_hash WHERE seq = 6", 6},
      {"UPDATE audit SET prev_hash = hash WHERE seq = 6", 6},
      {"UPDATE audit SET seq = 100 WHERE seq = 8", 8},
  };
  for (const auto& c : cases) {
    const TempDir dir;
    const std::string path = dir / "ledger.db";
    write(path, 0, 8);
    REQUIRE(verify_audit(path).first_bad == 0);
    tamper(path, c.sql);
    INFO(c.sql);
    const AuditCheck check = verify_audit(path);
    CHECK(check.first_bad == c.first_bad);
    CHECK_FALSE(check.fault.empty());
  }
}

TEST_CASE("a file that is no ledger is said to be unreadable, not sound") {
  const TempDir dir;
  CHECK_FALSE(verify_audit(dir / "none.db").readable);
}

TEST_CASE("rows of every table come back as they were put, the newest of a key") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    auto ledger = Ledger::open(at(path));
    for (std::size_t i = 0; i < table_count; ++i) {
      const auto table = static_cast<Table>(i);
      for (std::int64_t version = 1; version <= 3; ++version) {
        Row row{table, {}};
        for (std::size_t c = 0; c < info(table).column_count; ++c) {
          row.values.emplace_back(c < info(table).key_columns ? Value{std::string("key")}
                                                              : Value{version});
        }
        ledger->put(std::move(row));
      }
    }
    REQUIRE(ledger->flush(20s));
    CHECK(ledger->stats().dropped == 0);
  }
  auto ledger = Ledger::open(at(path));
  const auto snapshot = ledger->attach(
      {[](Snapshot) {}, [](std::string code, std::string text) { FAIL(code << ": " << text); },
       [](std::string) {}});
  REQUIRE(snapshot);
  for (std::size_t i = 0; i < table_count; ++i) {
    INFO(info(static_cast<Table>(i)).name);
    const auto& rows = snapshot->rows[i];
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].text(0) == "key");
    const auto last = info(static_cast<Table>(i)).column_count - 1;
    // A column of texts gives back the digits.
    CHECK((rows[0].integer(last) == 3 || rows[0].text(last) == "3"));
  }
}
