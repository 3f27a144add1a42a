#include "admin/ledger/ledger.hpp"

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

#include "admin/ledger/migrations.hpp"
#include "proxy/base/clock.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace switchback::ledger;
using namespace std::chrono_literals;
using switchback::test::TempDir;
namespace fs = std::filesystem;

namespace {

FlipRow row_of(const std::string& id, std::uint64_t epoch, const std::string& service = "shop") {
  FlipRow row;
  row.id = id;
  row.service = service;
  row.epoch = epoch;
  row.kind = "promote";
  row.from_color = "blue";
  row.to_color = "green";
  row.state = "switched";
  row.moved = true;
  row.t_decided = 1000;
  row.t_switched = 2000;
  row.wall_us = static_cast<std::int64_t>(epoch);
  row.receipt = "{\"epoch\":" + std::to_string(epoch) + "}";
  return row;
}

LedgerOptions quick(const std::string& path) {
  LedgerOptions options;
  options.path = path;
  options.busy_timeout = 1ms;
  options.retry_first = 1ms;
  options.retry_most = 5ms;
  options.open_wait = 20s;
  return options;
}

// What the ledger said, to be waited for.
struct Said {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::string> standing;
  std::map<std::string, int> cleared;
  std::optional<Snapshot> loaded;

  Listener listener() {
    return {[this](Snapshot snapshot) {
              std::lock_guard lock(mutex);
              loaded = std::move(snapshot);
              changed.notify_all();
            },
            [this](const std::string& code, const std::string& text) {
              std::lock_guard lock(mutex);
              standing[code] = text;
              changed.notify_all();
            },
            [this](const std::string& code) {
              std::lock_guard lock(mutex);
              standing.erase(code);
              ++cleared[code];
              changed.notify_all();
            }};
  }
  template <class Predicate>
  bool wait(Predicate predicate) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, predicate);
  }
  bool wait_alarm(const std::string& code) {
    return wait([&] { return standing.count(code) != 0; });
  }
  bool wait_cleared(const std::string& code) {
    return wait([&] { return cleared.count(code) != 0; });
  }
};

// A connection of somebody else.
struct Intruder {
  explicit Intruder(const std::string& path) {
    REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  }
  ~Intruder() { sqlite3_close(db); }
  void run(const char* sql) {
    REQUIRE(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  }
  sqlite3* db = nullptr;
};

std::size_t rows_in(const std::string& path) {
  Said said;
  auto ledger = Ledger::open(quick(path));
  const auto snapshot = ledger->attach(said.listener());
  REQUIRE(snapshot);
  return snapshot->flips.size();
}

}  // namespace

TEST_CASE("what is put comes back at the next start, oldest first") {
  const TempDir dir;
  const auto path = dir / "ledger.db";
  auto full = row_of("01B", 3);
  full.from_release = "v1.2";
  full.to_release = "v1.3";
  full.actor = "uid 0 (root)";
  full.auth = "peer";
  full.reason = "it's; DROP TABLE flip; --";
  full.idem_key = "k";
  full.durable = false;
  full.forced = full.superseded = true;
  full.t_persisted = 5;
  full.t_first_new = 6;
  full.t_last_old = 7;
  full.t_drained = 8;
  full.boot_id = "boot";
  {
    auto ledger = Ledger::open(quick(path));
    ledger->put(row_of("01A", 2));
    ledger->put(full);
    ledger->put(
        IdempotencyRow{"token ci", "k", "to green", 200, "{}", switchback::wall_us() + 60'000'000});
    ledger->put(IdempotencyRow{"token ci", "old", "to green", 200, "{}", 1});
    REQUIRE(ledger->flush(20s));
    CHECK(ledger->stats().written == 4);
  }
  auto ledger = Ledger::open(quick(path));
  Said said;
  const auto snapshot = ledger->attach(said.listener());
  REQUIRE(snapshot);
  REQUIRE(snapshot->flips.size() == 2);
  CHECK(snapshot->flips[0].id == "01A");
  const auto& back = snapshot->flips[1];
  CHECK(back.id == "01B");
  CHECK(back.reason == full.reason);
  CHECK(back.from_release == "v1.2");
  CHECK(back.to_release == "v1.3");
  CHECK(back.actor == full.actor);
  CHECK(back.idem_key == "k");
  CHECK_FALSE(back.durable);
  CHECK(back.moved);
  CHECK(back.forced);
  CHECK(back.superseded);
  CHECK(back.t_decided == 1000);
  CHECK(back.t_persisted == 5);
  CHECK(back.t_switched == 2000);
  CHECK(back.t_drained == 8);
  CHECK_FALSE(back.t_verified);
  CHECK(back.receipt == full.receipt);
  CHECK(back.boot_id == "boot");
  REQUIRE(snapshot->idempotency.size() == 1);
  CHECK(snapshot->idempotency[0].key == "k");
  CHECK(said.standing.empty());
}

TEST_CASE("a later put of the same flip replaces it") {
  const TempDir dir;
  {
    auto ledger = Ledger::open(quick(dir / "ledger.db"));
    ledger->put(row_of("01A", 2));
    REQUIRE(ledger->flush(20s));
    auto drained = row_of("01A", 2);
    drained.state = "drained";
    ledger->put(drained);
    REQUIRE(ledger->flush(20s));
  }
  auto ledger = Ledger::open(quick(dir / "ledger.db"));
  Said said;
  const auto snapshot = ledger->attach(said.listener());
  REQUIRE(snapshot->flips.size() == 1);
  CHECK(snapshot->flips[0].state == "drained");
}

TEST_CASE("rows come back in the order things happened, whatever the clock said") {
  const TempDir dir;
  {
    auto ledger = Ledger::open(quick(dir / "ledger.db"));
    for (std::uint64_t epoch = 2; epoch < 6; ++epoch) {
      auto row = row_of("F" + std::to_string(epoch), epoch);
      row.wall_us = epoch == 5 ? 1 : row.wall_us;  // the clock was set back before the last
      ledger->put(row);
      REQUIRE(ledger->flush(20s));
    }
    auto drained = row_of("F3", 3);  // told more about, after the others had come
    drained.state = "drained";
    ledger->put(drained);
    REQUIRE(ledger->flush(20s));
  }
  auto options = quick(dir / "ledger.db");
  options.history_per_service = 3;
  auto ledger = Ledger::open(options);
  Said said;
  const auto snapshot = ledger->attach(said.listener());
  REQUIRE(snapshot->flips.size() == 3);
  CHECK(snapshot->flips[0].id == "F3");
  CHECK(snapshot->flips[0].state == "drained");
  CHECK(snapshot->flips[1].id == "F4");
  CHECK(snapshot->flips[2].id == "F5");
}

TEST_CASE("only the newest of each service are loaded") {
  const TempDir dir;
  {
    auto ledger = Ledger::open(quick(dir / "ledger.db"));
    for (std::uint64_t epoch = 2; epoch < 12; ++epoch) {
      ledger->put(row_of("S" + std::to_string(epoch), epoch));
      ledger->put(row_of("C" + std::to_string(epoch), epoch, "cart"));
    }
    REQUIRE(ledger->flush(20s));
  }
  auto options = quick(dir / "ledger.db");
  options.history_per_service = 3;
  auto ledger = Ledger::open(options);
  Said said;
  const auto snapshot = ledger->attach(said.listener());
  REQUIRE(snapshot->flips.size() == 6);
  for (const auto& row : snapshot->flips) CHECK(row.epoch >= 9);
}

TEST_CASE("a ledger that somebody locks is made good when they let go") {
  const TempDir dir;
  const auto path = dir / "ledger.db";
  auto ledger = Ledger::open(quick(path));
  Said said;
  ledger->attach(said.listener());
  {
    Intruder intruder(path);
    intruder.run("BEGIN EXCLUSIVE");
    ledger->put(row_of("01A", 2));
    ledger->put(row_of("01B", 3));
    REQUIRE(said.wait_alarm("ledger_unwritable"));
    CHECK_THAT(said.standing["ledger_unwritable"], ContainsSubstring("locked"));
    CHECK(ledger->stats().queued == 2);
    intruder.run("ROLLBACK");
  }
  REQUIRE(ledger->flush(20s));
  CHECK(said.wait_cleared("ledger_unwritable"));
  ledger.reset();
  CHECK(rows_in(path) == 2);
}

TEST_CASE("a ledger that is locked at the start is loaded later") {
  const TempDir dir;
  const auto path = dir / "ledger.db";
  {
    auto ledger = Ledger::open(quick(path));
    ledger->put(row_of("01A", 2));
    REQUIRE(ledger->flush(20s));
  }
  Said said;
  std::unique_ptr<Ledger> ledger;
  {
    Intruder intruder(path);
    intruder.run("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE");
    ledger = Ledger::open(quick(path));
    CHECK_FALSE(ledger->attach(said.listener()));
    REQUIRE(said.wait_alarm("ledger_unwritable"));
    ledger->put(row_of("01B", 3));
    intruder.run("ROLLBACK");
  }
  REQUIRE(said.wait([&] { return said.loaded.has_value(); }));
  CHECK(said.loaded->flips.size() == 1);
  REQUIRE(ledger->flush(20s));
  CHECK(said.wait_cleared("ledger_unwritable"));
  ledger.reset();
  CHECK(rows_in(path) == 2);
}

TEST_CASE("a corrupt file is moved aside and said") {
  const TempDir dir;
  const auto path = dir / "ledger.db";
  std::ofstream(path) << std::string(8192, 'x');
  auto ledger = Ledger::open(quick(path));
  Said said;
  REQUIRE(ledger->attach(said.listener()));
  CHECK_THAT(said.standing["ledger_corrupt"],
             ContainsSubstring("moved aside to " + path + ".corrupt-"));
  ledger->put(row_of("01A", 2));
  REQUIRE(ledger->flush(20s));
  ledger.reset();
  CHECK(rows_in(path) == 1);
  std::size_t aside = 0;
  for (const auto& entry : fs::directory_iterator(dir.path()))
    if (entry.path().string().find("ledger.db.corrupt-") != std::string::npos &&
        fs::file_size(entry) == 8192)
      ++aside;
  CHECK(aside == 1);
}

TEST_CASE("a file damaged behind its header is moved aside too") {
  const TempDir dir;
  const auto path = dir / "ledger.db";
  {
    auto ledger = Ledger::open(quick(path));
    for (std::uint64_t epoch = 2; epoch < 200; ++epoch)
      ledger->put(row_of("01" + std::to_string(epoch), epoch));
    REQUIRE(ledger->flush(20s));
  }
  const auto size = fs::file_size(path);
  REQUIRE(size > 16384);
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(4096);
    file << std::string(size - 4096, '\xee');
  }
  auto ledger = Ledger::open(quick(path));
  Said said;
  ledger->attach(said.listener());
  ledger->put(row_of("02A", 900));
  REQUIRE(ledger->flush(20s));
  CHECK(said.wait_alarm("ledger_corrupt"));
  ledger.reset();
  CHECK(rows_in(path) == 1);
}

TEST_CASE("a ledger whose folder is missing is written when the folder comes") {
  const TempDir dir;
  const auto path = dir / "gone/ledger.db";
  auto ledger = Ledger::open(quick(path));
  Said said;
  ledger->attach(said.listener());
  REQUIRE(said.wait_alarm("ledger_unwritable"));
  ledger->put(row_of("01A", 2));
  fs::create_directory(dir / "gone");
  REQUIRE(ledger->flush(20s));
  CHECK(said.wait_cleared("ledger_unwritable"));
  ledger.reset();
  CHECK(rows_in(path) == 1);
}

TEST_CASE("a ledger removed while in use is begun anew and said") {
  const TempDir dir;
  const auto path = dir / "ledger.db";
  auto ledger = Ledger::open(quick(path));
  Said said;
  ledger->attach(said.listener());
  ledger->put(row_of("01A", 2));
  REQUIRE(ledger->flush(20s));
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(path + suffix);
  ledger->put(row_of("01B", 3));
  REQUIRE(ledger->flush(20s));
  CHECK(said.wait_alarm("ledger_lost"));
  ledger.reset();
  CHECK(rows_in(path) == 1);
}

TEST_CASE("the queue is bounded: what is lost is counted and said") {
  const TempDir dir;
  auto options = quick(dir / "gone/ledger.db");
  options.queue_limit = 8;
  auto ledger = Ledger::open(options);
  Said said;
  ledger->attach(said.listener());
  for (std::uint64_t epoch = 2; epoch < 30; ++epoch)
    ledger->put(row_of("01" + std::to_string(epoch), epoch));
  CHECK(ledger->stats().dropped >= 28 - 9);
  CHECK(ledger->stats().queued <= 9);
  REQUIRE(said.wait_alarm("ledger_overflow"));
  CHECK_THAT(said.standing["ledger_overflow"], ContainsSubstring("rows were lost"));
  // An update of a row that waits takes no room, not even while the lane has it in hand: attempts
  // to write go on meanwhile.
  const auto dropped = ledger->stats().dropped;
  const auto retries = ledger->stats().retries;
  while (ledger->stats().retries < retries + 20) ledger->put(row_of("015", 5));
  CHECK(ledger->stats().dropped == dropped);
}

TEST_CASE("after detach nobody is called") {
  const TempDir dir;
  auto ledger = Ledger::open(quick(dir / "ledger.db"));
  {
    Said said;
    ledger->attach(said.listener());
    ledger->detach();
  }
  fs::remove(dir / "ledger.db");
  ledger->put(row_of("01A", 2));
  CHECK(ledger->flush(20s));
}

TEST_CASE("a file of a newer schema is written on") {
  const TempDir dir;
  const auto path = dir / "ledger.db";
  CHECK(rows_in(path) == 0);
  {
    Intruder newer(path);
    newer.run(
        "CREATE TABLE of_tomorrow(seq INTEGER PRIMARY KEY); ALTER TABLE flip ADD COLUMN gate TEXT "
        "DEFAULT ''; UPDATE meta SET value = '99' WHERE key = 'schema_version'");
  }
  {
    auto ledger = Ledger::open(quick(path));
    ledger->put(row_of("01A", 2));
    REQUIRE(ledger->flush(20s));
  }
  CHECK(rows_in(path) == 1);
}

TEST_CASE("migrations are numbered from one, without a gap") {
  int expected = 1;
  for (const auto& step : migrations()) CHECK(step.version == expected++);
  CHECK(expected > 1);
}

namespace {

// In a process of its own, whose files may not grow: 0 when everything went as it should.
int full_disk_child(const std::string& path) {
  std::signal(SIGXFSZ, SIG_IGN);
  auto ledger = Ledger::open(quick(path));
  Said said;
  ledger->attach(said.listener());
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = 4096;
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 10;
  for (std::uint64_t epoch = 2; epoch < 52; ++epoch)
    ledger->put(row_of("01" + std::to_string(epoch), epoch));
  if (!said.wait_alarm("ledger_unwritable")) return 11;
  if (ledger->stats().dropped != 0) return 12;
  limit.rlim_cur = before;
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 13;
  if (!ledger->flush(20s)) return 14;
  if (!said.wait_cleared("ledger_unwritable")) return 15;
  return ledger->stats().written == 50 ? 0 : 16;
}

}  // namespace

TEST_CASE("a full disk is waited out, nothing is lost") {
  const TempDir dir;
  const auto path = dir / "ledger.db";
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(full_disk_child(path));
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(rows_in(path) == 50);
}
