#include "admin/release/event_hub.hpp"

#include "tests/support/catch.hpp"

using namespace switchback::release;

namespace {

std::vector<std::uint64_t> replayed(EventHub& hub, std::uint64_t last_id) {
  std::vector<std::uint64_t> ids;
  hub.unsubscribe(hub.subscribe(last_id, [&](const Event& event) { ids.push_back(event.id); }));
  return ids;
}

}  // namespace

TEST_CASE("events are numbered without a gap and the oldest go first") {
  EventHub hub(3, 100);
  for (int i = 0; i < 5; ++i) hub.emit("alarm", {{"n", i}});
  CHECK(replayed(hub, 0) == std::vector<std::uint64_t>{102, 103, 104});
  CHECK(replayed(hub, 103) == std::vector<std::uint64_t>{104});
  CHECK(replayed(hub, 104).empty());
  CHECK(replayed(hub, Controller::events_live_only).empty());
}

TEST_CASE("a listener hears what comes, until it leaves") {
  EventHub hub(8, 1);
  std::vector<std::string> heard;
  const auto handle = hub.subscribe(Controller::events_live_only, [&](const Event& event) {
    heard.push_back(event.type + event.json);
  });
  hub.emit("health", {{"server", "a\nb"}});
  hub.unsubscribe(handle);
  hub.emit("health", {});
  CHECK(heard == std::vector<std::string>{R"(health{"server":"a\nb"})"});
}

TEST_CASE("a listener may leave, and send another away, from within its call") {
  EventHub hub(8, 1);
  std::uint64_t first = 0, second = 0;
  int calls = 0;
  first = hub.subscribe(0, [&](const Event&) {
    ++calls;
    hub.unsubscribe(first);
    hub.unsubscribe(second);
  });
  second = hub.subscribe(0, [&](const Event&) { calls += 100; });
  hub.emit("alarm", {});
  hub.emit("alarm", {});
  CHECK(calls == 1);
}

TEST_CASE("an alarm is raised once and cleared once") {
  EventHub hub(8, 1);
  AlarmBoard alarms(hub);
  std::vector<std::string> types;
  hub.subscribe(0, [&](const Event& event) { types.push_back(event.type); });
  alarms.raise("ledger_unwritable", "disk full");
  alarms.raise("ledger_unwritable", "still full");
  REQUIRE(alarms.all().size() == 1);
  CHECK(alarms.all()[0].text == "still full");
  CHECK(alarms.all()[0].since_wall_us > 0);
  alarms.clear("ledger_unwritable");
  alarms.clear("ledger_unwritable");
  CHECK(alarms.all().empty());
  CHECK(types == std::vector<std::string>{"alarm", "alarm.cleared"});
}
