// The fault table: the disk and the ledger.
#include <sqlite3.h>

#include <filesystem>

#include "tests/e2e/fault_scene.hpp"

using namespace switchback::test;

namespace {

namespace fs = std::filesystem;

FaultOptions on_a_faulty_machine() {
  FaultOptions options;
  options.faulty_machine = true;
  return options;
}

// Another program that has the ledger open.
class Stranger {
 public:
  explicit Stranger(const std::string& path) {
    REQUIRE(sqlite3_open(path.c_str(), &db_) == SQLITE_OK);
  }
  ~Stranger() { sqlite3_close(db_); }
  Stranger(const Stranger&) = delete;
  void run(const char* sql) {
    INFO(sql);
    REQUIRE(until([&] { return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK; }));
  }

 private:
  sqlite3* db_ = nullptr;
};

void fill_with_garbage(const std::string& path) {
  const auto size = fs::exists(path) ? fs::file_size(path) : 0;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file << std::string(size, '\xa5');
}

}  // namespace

TEST_CASE("nothing is wrong", "[faults]") {
  repeatedly([] {
    FaultScene scene("nothing is wrong");
    scene.begin();
    scene.roll_back();
    scene.made_good();
    scene.finish();
  });
}

TEST_CASE("the disk is full", "[faults]") {
  if (!FaultMachine::works()) return;
  repeatedly([] {
    FaultScene scene("disk full: slot and ledger", on_a_faulty_machine());
    scene.begin();
    scene.machine.fill_disk(true);
    scene.roll_back();
    CHECK_FALSE(scene.row.durable);
    scene.expect_alarm("state_not_durable");
    scene.expect_alarm("ledger_unwritable");
    CHECK(scene.machine.control().slots_refused > 0);
    CHECK(scene.machine.control().ledger_refused > 0);
    scene.machine.fill_disk(false);
    scene.made_good();
    scene.expect_cleared("state_not_durable");
    scene.expect_cleared("ledger_unwritable");
    scene.finish();
  });
}

TEST_CASE("syncs of the disk stall", "[faults]") {
  if (!FaultMachine::works()) return;
  repeatedly([] {
    FaultScene scene("fsync stalls", on_a_faulty_machine());
    scene.begin();
    scene.machine.stall_syncs();
    scene.roll_back();
    // Traffic has moved and the answer is here, and the disk still hangs.
    CHECK(scene.machine.control().stalled_now > 0);
    CHECK(scene.machine.control().slots_stalled > 0);
    CHECK_FALSE(scene.row.durable);
    CHECK(scene.instance.who_answers() == "blue");
    scene.expect_alarm("state_not_durable");
    REQUIRE(until([&] { return scene.machine.control().ledger_stalled > 0; }));
    if (long_run()) {
      const Moment begun = std::chrono::steady_clock::now();
      REQUIRE(until([&] { return ms_since(begun) > 5000; }));
    }
    CHECK_FALSE(scene.receipt().at("durable").as_bool());
    scene.machine.release_syncs();
    scene.made_good();
    scene.expect_cleared("state_not_durable");
    scene.finish();
  });
}

TEST_CASE("another process has locked the ledger", "[faults]") {
  repeatedly([] {
    FaultScene scene("ledger locked by another process");
    scene.begin();
    Stranger stranger(scene.ledger());
    stranger.run("BEGIN EXCLUSIVE");
    scene.roll_back();
    scene.expect_alarm("ledger_unwritable");
    stranger.run("ROLLBACK");
    scene.made_good();
    scene.expect_cleared("ledger_unwritable");
    scene.finish();
  });
}

TEST_CASE("garbage comes over the ledger's pages while it is in use", "[faults]") {
  repeatedly([] {
    FaultScene scene("ledger corrupt, while running");
    scene.begin();
    // A change by somebody else makes it read again what it knew, and find the garbage.
    Stranger stranger(scene.ledger());
    stranger.run("BEGIN IMMEDIATE; CREATE TABLE stranger(a); COMMIT");
    fill_with_garbage(scene.ledger());
    fill_with_garbage(scene.ledger() + "-wal");
    scene.roll_back();
    scene.expect_alarm("ledger_corrupt");
    scene.made_good("set aside, begun anew");
    scene.finish();
  });
}

TEST_CASE("the ledger is garbage at the start", "[faults]") {
  repeatedly([] {
    FaultScene scene("ledger corrupt, at the start");
    scene.instance.wait_until_checked();
    REQUIRE(flip_to(scene.instance.socket(), "green").status == 200);
    scene.instance.process->signal(SIGTERM);
    REQUIRE(scene.instance.process->wait() == 0);
    fill_with_garbage(scene.ledger());
    scene.instance.start();
    scene.begin();
    scene.expect_alarm("ledger_corrupt");
    scene.roll_back();
    scene.made_good("set aside, begun anew");
    scene.finish();
  });
}

TEST_CASE("the state folder is removed while it is in use", "[faults]") {
  repeatedly([] {
    FaultScene scene("state folder removed");
    scene.begin();
    fs::remove_all(scene.state_dir());
    scene.roll_back();
    scene.expect_alarm("ledger_lost");
    scene.made_good("folder, id, slot made anew");
    scene.finish();
    // "On disk" means in the folder: a life that finds only that goes on where this one was.
    scene.instance.process->signal(SIGKILL);
    scene.instance.process->wait();
    for (const auto& entry : fs::directory_iterator(scene.instance.folder.path()))
      if (entry.path().filename().string().starts_with("slots-")) fs::remove_all(entry.path());
    scene.instance.start();
    CHECK(scene.instance.who_answers() == "blue");
    CHECK(scene.status().at("last_flip").as_object().at("kind").as_string() == "rollback");
  });
}
