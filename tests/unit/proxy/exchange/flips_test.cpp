// A flip between any two events of a request: it ends where it began unless it had to begin anew,
// what begins behind the barrier begins on the new color, and every receipt adds up.
#include <functional>

#include "tests/unit/proxy/exchange/stage.hpp"

using namespace switchback;
using namespace switchback::exchange;
using namespace switchback::exchange::stage;
using drain::Outcome;
using Step = std::function<void(Stage&)>;
using Steps = std::vector<Step>;

namespace {

std::uint64_t accepted(const drain::SwitchRecord& record) {
  std::uint64_t sum = 0;
  for (const drain::ClassCounts& counts : record.counts()) sum += counts.accepted;
  return sum;
}

bool adds_up(const drain::SwitchRecord& record) {
  for (const drain::ClassCounts& counts : record.counts()) {
    std::uint64_t ended = 0;
    for (const std::uint64_t n : counts.ended) ended += n;
    if (counts.accepted != ended + counts.in_flight()) return false;
  }
  return true;
}

struct Result {
  Notes client;
  std::uint64_t moved = 0;
  std::size_t asked_of_green = 0;
};

// The steps, with the flip's two halves (the word, the barrier) before those numbers.
Result play(const Steps& steps, std::size_t word_at, std::size_t barrier_at) {
  Stage stage;
  std::shared_ptr<drain::SwitchRecord> record;
  for (std::size_t i = 0; i <= steps.size(); ++i) {
    if (i == word_at) stage.store(Color::green);
    if (i == barrier_at) record = stage.barrier();
    if (i < steps.size()) steps[i](stage);
  }
  INFO("word before step " << word_at << ", barrier before step " << barrier_at);
  CHECK_FALSE(stage.exchange.active());
  CHECK(adds_up(*record));
  CHECK(record->drained());
  CHECK(accepted(*record) <= 1);
  return {stage.client.notes, Stage::count(*record, Outcome::moved), stage.green.lent.size()};
}

void everywhere(const Steps& steps, const std::function<void(const Result&, std::size_t)>& judge) {
  for (std::size_t word = 0; word <= steps.size(); ++word) {
    for (std::size_t barrier = word; barrier <= steps.size(); ++barrier) {
      judge(play(steps, word, barrier), word);
    }
  }
}

Color side(const Stage& stage) {
  return stage.green.lent.empty() ? Color::blue : Color::green;
}

}  // namespace

TEST_CASE("an upload and its answer end on the color on which they began") {
  const Steps steps = {
      [](Stage& s) { s.post(6); },
      [](Stage& s) { s.upload("abc", false); },
      [](Stage& s) { s.upload("def", true); },
      [](Stage& s) { s.respond(200, "x", false, {}, side(s)); },
      [](Stage& s) { s.more("y", true, side(s)); },
  };
  everywhere(steps, [](const Result& result, std::size_t word) {
    CHECK(result.client == Notes{"head 200", "body x", "body y", "end", "finished reusable"});
    CHECK(result.asked_of_green == (word == 0 ? 1 : 0));
    CHECK(result.moved == 0);
  });
}

TEST_CASE("a repeat goes to the color that is active then, and the old receipt says so") {
  const Steps steps = {
      [](Stage& s) {
        s.blue.lots = {{.kept = true}};
        s.green.lots = {{.kept = true}};
        s.get();
      },
      [](Stage& s) { s.fail(Reason::server_reset, side(s)); },
      [](Stage& s) { s.respond(200, "", true, {}, side(s)); },
  };
  everywhere(steps, [](const Result& result, std::size_t word) {
    CHECK(result.client == Notes{"head 200", "end", "finished reusable"});
    CHECK(result.asked_of_green == (word == 0 ? 2 : word == 1 ? 1 : 0));
    CHECK(result.moved <= (word == 1 ? 1U : 0U));
  });
}

TEST_CASE("who waits for a connection goes on to the new color when its turn comes") {
  const Steps steps = {
      [](Stage& s) {
        s.blue.lots = {{.status = AcquireStatus::queued}, {}};
        s.get();
      },
      [](Stage& s) {
        if (s.blue.waiter) s.blue.waiter->on_turn();
      },
      [](Stage& s) { s.respond(200, "", true, {}, side(s)); },
  };
  everywhere(steps, [](const Result& result, std::size_t word) {
    CHECK(result.client == Notes{"head 200", "end", "finished reusable"});
    CHECK(result.asked_of_green == (word <= 1 ? 1 : 0));
  });
}

TEST_CASE("who waits at a closed door begins on the color that is active when it opens") {
  Stage stage;
  stage.control.store({Color::blue, true, 1});
  stage.get();
  CHECK(stage.stats.waiting.read() == 1);
  stage.control.store({Color::green, true, 2});
  stage.runtime.door.open_some();
  CHECK(stage.client.notes.empty());  // shut still
  stage.control.store({Color::green, false, 2});
  stage.runtime.door.open_some();
  stage.respond(200, "", true, {}, Color::green);
  CHECK(stage.client.notes == Notes{"head 200", "end", "finished reusable"});
  CHECK(stage.blue.lent.empty());
}

TEST_CASE("the drain's deadline: 504 before a head, a cut after it") {
  config::Service service = Stage::default_service();
  service.drain.timeout = config::Duration(5'000);
  Stage stage(service);
  SECTION("before") {
    stage.get();
    const auto record = stage.flip_to(Color::green);
    stage.advance(config::Duration(5'020));
    CHECK(stage.client.notes == Notes{"own 504", "finished reusable"});
    CHECK(Stage::count(*record, Outcome::forced) == 1);
    CHECK(adds_up(*record));
  }
  SECTION("after") {
    stage.get();
    stage.respond(200, "a", false);
    const auto record = stage.flip_to(Color::green);
    stage.advance(config::Duration(5'020));
    CHECK(stage.client.notes == Notes{"head 200", "body a", "finished abort"});
    CHECK(Stage::count(*record, Outcome::forced) == 1);
  }
  SECTION("a flip back turns the drain round") {
    stage.get();
    const auto first = stage.flip_to(Color::green);
    stage.advance(config::Duration(2'000));
    const auto second = stage.flip_to(Color::blue);
    stage.advance(config::Duration(20'000));
    stage.respond(200, "", true);
    CHECK(stage.client.notes == Notes{"head 200", "end", "finished reusable"});
    CHECK(Stage::count(*first, Outcome::completed) == 1);
    CHECK(accepted(*second) == 0);
  }
}

TEST_CASE("an event stream is counted as one, and has a deadline of its own") {
  config::Service service = Stage::default_service();
  service.drain.timeout = config::Duration(1'000);
  service.drain.stream = config::Duration(9'000);
  Stage stage(service);
  stage.get();
  stage.respond(200, "data", false, {{"Content-Type", "text/event-stream"}});
  const auto record = stage.flip_to(Color::green);
  stage.advance(config::Duration(8'900));
  CHECK(stage.exchange.active());
  stage.advance(config::Duration(200));
  CHECK_FALSE(stage.exchange.active());
  const auto streams = record->counts()[static_cast<std::size_t>(drain::TrafficClass::stream)];
  CHECK(streams.ended[static_cast<std::size_t>(Outcome::forced)] == 1);
}

TEST_CASE("the preview reaches the standby on purpose, also while the door is shut") {
  Stage stage;
  stage.control.store({Color::blue, true, 1});
  stage.ask("GET", "/", {{"X-Switchback-Preview", "1"}});
  stage.begin();
  stage.respond(200, "", true, {}, Color::green);
  CHECK(stage.blue.lent.empty());
  CHECK(stage.client.notes == Notes{"head 200", "end", "finished reusable"});
}
