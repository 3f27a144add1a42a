// The anchor of the audit chain, by a clock that the test moves.
#include "admin/people/keeper.hpp"

#include <boost/asio/io_context.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/until.hpp"

namespace switchback::people {
namespace {

using namespace std::chrono_literals;

struct World {
  World() {
    KeeperOptions options;
    options.tick = 1ms;
    options.now_us = [this] { return ++looks, now_us; };
    keeper.emplace(io, people, *ledger, folder / "audit-anchor",
                   Keeper::Notices{[](auto, auto) {}, [](auto) {},
                                   [this](const Anchor& anchor) { told.push_back(anchor); }},
                   options);
    keeper->start({});
  }
  template <class Condition>
  bool runs_until(Condition condition) {
    return test::until([&] {
      io.restart();
      io.poll();
      return condition();
    });
  }
  // One more entry, in the file; and the keeper has looked at it a few times.
  void entry() {
    people.audit().note({now_us, "dana", "token", "", "flip", "{}"});
    const auto seq = people.audit().mark().seq;
    REQUIRE(runs_until([&] { return people.audit().mark().seq > seq; }));
    const auto seen = looks;
    REQUIRE(runs_until([&] { return looks > seen + 20; }));
  }
  std::vector<Anchor> file() const { return read_anchors(folder / "audit-anchor").anchors; }

  const test::TempDir folder;
  std::unique_ptr<ledger::Ledger> ledger = ledger::Ledger::open({.path = folder / "ledger.db"});
  People people{{}, ledger.get()};
  boost::asio::io_context io;
  std::int64_t now_us = 1'800'000'000'000'000;
  std::uint64_t looks = 0;
  std::vector<Anchor> told;
  std::optional<Keeper> keeper;
};

TEST_CASE("the head is anchored every hour in which something happened, and told to others") {
  World world;
  world.entry();
  REQUIRE(world.runs_until([&] { return world.file().size() == 1; }));
  const auto begun = world.now_us;
  world.now_us = begun + 59 * 60'000'000LL;
  world.entry();
  CHECK(world.told.size() == 1);
  world.now_us = begun + hour_us;
  REQUIRE(world.runs_until([&] { return world.file().size() == 2; }));
  world.now_us = begun + 3 * hour_us;  // nothing has happened: there is nothing to hold on to
  const auto seen = world.looks;
  REQUIRE(world.runs_until([&] { return world.looks > seen + 20; }));
  CHECK(world.told.size() == 2);
  world.entry();
  REQUIRE(world.runs_until([&] { return world.file().size() == 3; }));
  REQUIRE(world.told.size() == 3);
  const auto anchors = world.file();
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(anchors[i].seq == i + 1);
    CHECK(anchors[i].hash == world.told[i].hash);
  }
  CHECK(anchors[1].at_us == begun + hour_us);
}

TEST_CASE("many entries are anchored before the hour is over, and an end anchors the rest") {
  World world;
  world.entry();
  REQUIRE(world.runs_until([&] { return world.file().size() == 1; }));
  for (int i = 0; i < 257; ++i)
    world.people.audit().note({world.now_us, "dana", "token", "", "flip", "{}"});
  REQUIRE(world.runs_until([&] { return world.told.size() == 2; }));
  REQUIRE(world.runs_until([&] { return world.people.audit().mark().seq == 258; }));
  world.keeper->finish();
  CHECK(world.told.back().seq == 258);
  world.keeper.reset();  // its lane has written what it was given
  CHECK(world.file().back().seq == 258);
}

}  // namespace
}  // namespace switchback::people
