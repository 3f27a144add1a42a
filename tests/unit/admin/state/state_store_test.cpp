#include "admin/state/state_store.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace switchback;
using namespace switchback::state;
namespace fs = std::filesystem;

namespace {

config::Config with_services(std::vector<std::string> names,
                             config::InitialColor initial = config::InitialColor::blue) {
  config::Config config;
  for (auto& name : names) {
    config::Service service;
    service.name = name;
    service.initial = initial;
    config.services.push_back(service);
  }
  return config;
}

SlotValue value_of(std::uint64_t epoch, Color active) {
  SlotValue value;
  value.epoch = epoch;
  value.active = active;
  value.last = LastSwitch::promotion;
  return value;
}

// Collects what the lane says and lets a test wait for it.
struct Answers {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> errors;

  OnWritten next() {
    return [this](const std::string& error) {
      std::lock_guard lock(mutex);
      errors.push_back(error);
      changed.notify_all();
    };
  }
  std::vector<std::string> wait(std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(20), [&] { return errors.size() >= count; });
    return errors;
  }
};

// A disk that answers only when told to.
struct Disk {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  unsigned syncs = 0, waiting = 0;

  StateHooks hooks() {
    return {[this](int) {
      std::unique_lock lock(mutex);
      ++waiting;
      changed.notify_all();
      changed.wait(lock, [this] { return open; });
      ++syncs;
      return 0;
    }};
  }
  void wait_until_asked() {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(20), [this] { return waiting > 0; });
  }
  void let_go() {
    std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
};

}  // namespace

TEST_CASE("without state a service starts with its initial color and epoch 1") {
  const test::TempDir dir;
  auto store = StateStore::open(dir / "state", dir / "run");
  const auto blue = store->seeds(with_services({"shop"}));
  REQUIRE(blue.size() == 1);
  CHECK(blue[0].service == "shop");
  CHECK(blue[0].active == Color::blue);
  CHECK(blue[0].epoch == 1);
  CHECK_FALSE(store->last("shop"));
  const auto green = store->seeds(with_services({"shop", "cart"}, config::InitialColor::green));
  CHECK(green[1].active == Color::green);
}

TEST_CASE("folders are made, private, and the id stays") {
  const test::TempDir dir;
  std::string id;
  {
    auto store = StateStore::open(dir / "a/state", dir / "b/run");
    id = store->id();
    CHECK(id.size() == 32);
  }
  struct stat info {};
  REQUIRE(::stat((dir / "a/state").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0750);
  CHECK(StateStore::open(dir / "a/state", dir / "b/run")->id() == id);
}

TEST_CASE("the run slot alone survives a kill") {
  const test::TempDir dir;
  {
    auto store = StateStore::open(dir / "state", dir / "run");
    store->seeds(with_services({"shop"}));
    REQUIRE(store->write_run("shop", value_of(2, Color::green)).empty());
  }
  auto store = StateStore::open(dir / "state", dir / "run");
  const auto seeds = store->seeds(with_services({"shop"}));
  CHECK(seeds[0].active == Color::green);
  CHECK(seeds[0].epoch == 2);
  CHECK(store->opened_behind("shop"));
}

TEST_CASE("the state slot alone survives the loss of power") {
  const test::TempDir dir;
  {
    auto store = StateStore::open(dir / "state", dir / "run");
    store->seeds(with_services({"shop"}));
    Answers answers;
    store->write_run("shop", value_of(2, Color::green));
    store->write_state("shop", value_of(2, Color::green), answers.next());
    REQUIRE(answers.wait(1) == std::vector<std::string>{""});
  }
  fs::remove_all(dir / "run");
  auto store = StateStore::open(dir / "state", dir / "run");
  CHECK(store->seeds(with_services({"shop"}))[0].active == Color::green);
  CHECK_FALSE(store->opened_behind("shop"));
}

TEST_CASE("the higher epoch wins, whichever file has it") {
  const test::TempDir dir;
  {
    auto store = StateStore::open(dir / "state", dir / "run");
    store->seeds(with_services({"shop"}));
    Answers answers;
    store->write_run("shop", value_of(5, Color::green));
    store->write_state("shop", value_of(6, Color::blue), answers.next());
    answers.wait(1);
  }
  auto store = StateStore::open(dir / "state", dir / "run");
  const auto seeds = store->seeds(with_services({"shop"}));
  CHECK(seeds[0].epoch == 6);
  CHECK(seeds[0].active == Color::blue);
}

TEST_CASE("run slots of another life are ignored") {
  const test::TempDir dir;
  std::string old_id;
  {
    auto store = StateStore::open(dir / "state", dir / "run");
    old_id = store->id();
    store->seeds(with_services({"shop"}));
    store->write_run("shop", value_of(9, Color::green));
  }
  fs::remove_all(dir / "state");
  std::string new_id;
  {
    auto store = StateStore::open(dir / "state", dir / "run");
    new_id = store->id();
    CHECK(new_id != old_id);
    CHECK(store->seeds(with_services({"shop"}))[0].epoch == 1);
  }
  // Even where the file itself is put in the place of the new life's.
  fs::copy_file(dir / ("run/slots-" + old_id.substr(0, 8) + "/shop.slot"),
                dir / ("run/slots-" + new_id.substr(0, 8) + "/shop.slot"),
                fs::copy_options::overwrite_existing);
  auto store = StateStore::open(dir / "state", dir / "run");
  CHECK(store->seeds(with_services({"shop"}))[0].epoch == 1);
}

TEST_CASE("services do not see each other's slots") {
  const test::TempDir dir;
  auto store = StateStore::open(dir / "state", dir / "run");
  store->seeds(with_services({"shop", "cart"}));
  store->write_run("shop", value_of(2, Color::green));
  CHECK(store->last("shop")->epoch == 2);
  CHECK_FALSE(store->last("cart"));
  CHECK_THAT(store->write_run("nobody", value_of(2, Color::green)), ContainsSubstring("nobody"));
}

TEST_CASE("a stalled disk holds one write per service and stalls nobody") {
  const test::TempDir dir;
  Disk disk;
  Answers answers;
  auto store = StateStore::open(dir / "state", dir / "run", disk.hooks());
  store->seeds(with_services({"shop"}));
  store->write_state("shop", value_of(2, Color::green), answers.next());
  disk.wait_until_asked();
  for (std::uint64_t epoch = 3; epoch <= 100; ++epoch)
    store->write_state("shop", value_of(epoch, epoch % 2 ? Color::blue : Color::green),
                       answers.next());
  CHECK(store->last("shop")->epoch == 100);
  disk.let_go();
  const auto errors = answers.wait(99);
  REQUIRE(errors.size() == 99);
  for (const auto& error : errors) CHECK(error.empty());
  CHECK(disk.syncs == 2);
  store.reset();
  fs::remove_all(dir / "run");
  CHECK(StateStore::open(dir / "state", dir / "run")->seeds(with_services({"shop"}))[0].epoch ==
        100);
}

TEST_CASE("a failing disk is an answer, and a later write may succeed") {
  const test::TempDir dir;
  std::atomic<bool> broken{true};
  Answers answers;
  auto store = StateStore::open(dir / "state", dir / "run", {[&](int) {
                                  errno = ENOSPC;
                                  return broken ? -1 : 0;
                                }});
  store->seeds(with_services({"shop"}));
  store->write_state("shop", value_of(2, Color::green), answers.next());
  CHECK_THAT(answers.wait(1)[0], ContainsSubstring("No space left on device"));
  broken = false;
  store->write_state("shop", value_of(2, Color::green), answers.next());
  CHECK(answers.wait(2)[1].empty());
}

TEST_CASE("a retry of an old value never undoes a newer one") {
  const test::TempDir dir;
  Answers answers;
  {
    auto store = StateStore::open(dir / "state", dir / "run");
    store->seeds(with_services({"shop"}));
    store->write_state("shop", value_of(7, Color::green), answers.next());
    answers.wait(1);
    store->write_state("shop", value_of(6, Color::blue), answers.next());
    CHECK(answers.wait(2)[1].empty());
  }
  CHECK(StateStore::open(dir / "state", dir / "run")->seeds(with_services({"shop"}))[0].epoch == 7);
}

TEST_CASE("a state folder that is removed under it is made anew, with every service's slot") {
  const test::TempDir dir;
  Answers answers;
  auto store = StateStore::open(dir / "state", dir / "run");
  const std::string id = store->id();
  store->seeds(with_services({"shop", "cart"}));
  store->write_state("cart", value_of(5, Color::green), answers.next());
  store->write_state("shop", value_of(7, Color::green), answers.next());
  answers.wait(2);
  fs::remove_all(dir / "state");
  // Found out by whatever is written next: here a rehearsal, on the other lane.
  store->write_scratch("shop", value_of(1, Color::blue), answers.next());
  CHECK(answers.wait(3)[2].empty());
  // One after the other: the second is behind all that the rehearsal had ordered to be mended.
  for (std::uint64_t epoch : {8, 9}) {
    store->write_state("shop", value_of(epoch, Color::blue), answers.next());
    CHECK(answers.wait(epoch - 4).back().empty());
  }
  CHECK_THROWS_WITH(StateStore::open(dir / "state", dir / "run2"),
                    ContainsSubstring("is in use by another switchback"));
  store.reset();
  fs::remove_all(dir / "run");
  const auto next = StateStore::open(dir / "state", dir / "run");
  CHECK(next->id() == id);
  const auto seeds = next->seeds(with_services({"shop", "cart"}));
  CHECK(seeds[0].epoch == 9);
  CHECK(seeds[1].epoch == 5);
  CHECK(seeds[1].active == Color::green);
}

TEST_CASE("a run folder that is removed under it is made anew") {
  const test::TempDir dir;
  auto store = StateStore::open(dir / "state", dir / "run");
  store->seeds(with_services({"shop"}));
  REQUIRE(store->write_run("shop", value_of(2, Color::green)).empty());
  fs::remove_all(dir / "run");
  REQUIRE(store->write_run("shop", value_of(3, Color::green)).empty());
  store.reset();
  CHECK(StateStore::open(dir / "state", dir / "run")->seeds(with_services({"shop"}))[0].epoch == 3);
}

TEST_CASE("a state folder that became another life's is not written to") {
  const test::TempDir dir;
  Answers answers;
  auto store = StateStore::open(dir / "state", dir / "run");
  store->seeds(with_services({"shop"}));
  fs::remove_all(dir / "state");
  { const auto other = StateStore::open(dir / "state", dir / "run2"); }
  store->write_state("shop", value_of(2, Color::green), answers.next());
  CHECK_THAT(answers.wait(1)[0], ContainsSubstring("another life's"));
}

TEST_CASE("one state folder has one owner") {
  const test::TempDir dir;
  auto store = StateStore::open(dir / "state", dir / "run");
  CHECK_THROWS_WITH(StateStore::open(dir / "state", dir / "run2"),
                    ContainsSubstring("state_dir: ") &&
                        ContainsSubstring("is in use by another switchback (pid "));
}

TEST_CASE("a folder that cannot be used is one line with key, path and mend") {
  const test::TempDir dir;
  std::ofstream(dir / "file") << "x";
  const auto check = [](auto open, const std::string& key, const std::string& path) {
    try {
      open();
      FAIL("no error");
    } catch (const StateError& error) {
      const std::string text = error.what();
      CHECK_THAT(text, ContainsSubstring(key + ": " + path));
      CHECK_THAT(text, ContainsSubstring("(") && ContainsSubstring(key));
      CHECK(text.find('\n') == std::string::npos);
    }
  };
  check([&] { StateStore::open(dir / "file", dir / "run"); }, "state_dir", dir / "file");
  check([&] { StateStore::open(dir / "file/state", dir / "run"); }, "state_dir",
        dir / "file/state");
  check([&] { StateStore::open(dir / "state", dir / "file/run"); }, "run_dir", dir / "file/run");
  check([&] { StateStore::open("/proc/switchback", dir / "run"); }, "state_dir",
        "/proc/switchback");
}

TEST_CASE("a damaged id is said, not guessed") {
  const test::TempDir dir;
  StateStore::open(dir / "state", dir / "run");
  std::ofstream(dir / "state/id", std::ios::trunc) << "123\n";
  CHECK_THROWS_WITH(StateStore::open(dir / "state", dir / "run"),
                    ContainsSubstring("state/id: is damaged"));
}

TEST_CASE("a state folder that may only be read still says which color is meant") {
  if (::geteuid() != 0) return;  // takes another user, whom modes hold back
  switchback::test::TempDir dir;
  const auto config = with_services({"shop"});
  SlotValue value;
  value.epoch = 7;
  value.active = Color::green;
  value.last = LastSwitch::promotion;
  const auto write = [](StateStore& store, const SlotValue& v) {
    std::promise<std::string> said;
    store.write_state("shop", v, [&](const std::string& error) { said.set_value(error); });
    return said.get_future().get();
  };
  {
    const auto store = StateStore::open(dir / "state", dir / "run");
    store->seeds(config);
    REQUIRE(write(*store, value) == "");
  }
  const auto nobody = 65534U;
  for (const auto& entry : fs::recursive_directory_iterator(dir / "run"))
    REQUIRE(::chown(entry.path().c_str(), nobody, nobody) == 0);
  REQUIRE(::chown((dir / "run").c_str(), nobody, nobody) == 0);
  for (const char* readable : {"", "state", "state/slots"})
    fs::permissions(dir / readable, fs::perms(0755));
  for (const char* file : {"state/id", "state/lock", "state/slots/shop.slot"})
    fs::permissions(dir / file, fs::perms(0644));
  REQUIRE(::seteuid(nobody) == 0);
  std::string fault;
  bool behind = false;
  std::optional<SlotValue> last;
  {
    const auto store = StateStore::open(dir / "state", dir / "run");
    store->seeds(config);
    last = store->last("shop");
    behind = store->opened_behind("shop");
    ++value.epoch;
    fault = write(*store, value);
    CHECK(store->write_run("shop", value) == "");
    // Written as soon as it may be, without a restart.
    REQUIRE(::seteuid(0) == 0);
    CHECK(write(*store, value) == "");
  }
  REQUIRE(last);
  CHECK(last->epoch == 7);
  CHECK(last->active == Color::green);
  CHECK(behind);  // so that the alarm stands from the start
  CHECK_THAT(fault, ContainsSubstring("Permission denied"));
}
