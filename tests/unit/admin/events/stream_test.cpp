#include "admin/events/stream.hpp"

#include "admin/events/alarms.hpp"
#include "tests/support/catch.hpp"

using namespace switchback::events;

namespace {

std::vector<std::uint64_t> replayed(Stream& stream, std::uint64_t last_id) {
  std::vector<std::uint64_t> ids;
  stream.unsubscribe(
      stream.subscribe(last_id, [&](const Event& event) { ids.push_back(event.id()); }));
  return ids;
}

}  // namespace

TEST_CASE("events are numbered without a gap and the oldest go first") {
  Stream stream(3, 100);
  for (int i = 0; i < 5; ++i) stream.emit(AlarmCleared{std::to_string(i)});
  CHECK(replayed(stream, 0) == std::vector<std::uint64_t>{102, 103, 104});
  CHECK(replayed(stream, 103) == std::vector<std::uint64_t>{104});
  CHECK(replayed(stream, 104).empty());
  CHECK(replayed(stream, Stream::live_only).empty());
}

TEST_CASE("a listener hears what comes, until it leaves") {
  Stream stream(8, 1);
  std::vector<std::string> heard;
  const auto handle = stream.subscribe(Stream::live_only, [&](const Event& event) {
    heard.push_back(event.type() + event.as<HealthChanged>()->server);
  });
  CHECK(stream.listeners() == 1);
  stream.emit(HealthChanged{.server = "a"});
  stream.unsubscribe(handle);
  stream.emit(HealthChanged{.server = "b"});
  CHECK(heard == std::vector<std::string>{"healtha"});
  CHECK(stream.listeners() == 0);
}

TEST_CASE("a listener may leave, and send another away, from within its call") {
  Stream stream(8, 1);
  std::uint64_t first = 0, second = 0;
  int calls = 0;
  first = stream.subscribe(0, [&](const Event&) {
    ++calls;
    stream.unsubscribe(first);
    stream.unsubscribe(second);
  });
  second = stream.subscribe(0, [&](const Event&) { calls += 100; });
  stream.emit(AlarmCleared{});
  stream.emit(AlarmCleared{});
  CHECK(calls == 1);
}

TEST_CASE("an alarm is raised once and cleared once") {
  Stream stream(8, 1);
  Alarms alarms(stream);
  std::vector<std::string> types;
  stream.subscribe(0, [&](const Event& event) { types.push_back(event.type()); });
  alarms.raise("ledger_unwritable", "disk full");
  alarms.raise("ledger_unwritable", "still full");
  REQUIRE(alarms.standing().size() == 1);
  CHECK(alarms.standing()[0].text == "still full");
  CHECK(alarms.standing()[0].since_wall_us > 0);
  alarms.clear("ledger_unwritable");
  alarms.clear("ledger_unwritable");
  CHECK(alarms.standing().empty());
  CHECK(types == std::vector<std::string>{"alarm", "alarm.cleared"});
}
