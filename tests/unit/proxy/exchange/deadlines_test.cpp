// Every deadline of an exchange, and how fast each side has to move, on a clock of the test's own.
#include "tests/unit/proxy/exchange/stage.hpp"

using namespace switchback;
using namespace switchback::exchange;
using namespace switchback::exchange::stage;
using namespace std::chrono_literals;

namespace {

constexpr config::Duration grain = 20ms;  // a timer is late by a grain of the wheel at most

config::Service all_timeouts() {
  config::Service service = Stage::default_service();
  service.timeouts.request_body_idle = 3s;
  service.timeouts.response_head = 5s;
  service.timeouts.response_idle = 4s;
  service.timeouts.write_idle = 6s;
  service.limits.min_rate = 0;
  service.retries.attempts = 3;
  return service;
}

}  // namespace

TEST_CASE("a silent server is 504 and is not asked again") {
  Stage stage(all_timeouts());
  stage.get();
  stage.advance(5s - grain);
  CHECK(stage.client.notes.empty());
  stage.advance(2 * grain);
  CHECK(stage.client.notes == Notes{"own 504", "finished reusable"});
  CHECK(stage.reasons(Reason::response_timeout) == 1);
  CHECK(stage.blue.notes ==
        Notes{"asks", "request GET /", "end", "timed out response_timeout", "release closed"});
}

TEST_CASE("the server's time begins when it has the whole request") {
  Stage stage(all_timeouts());
  stage.post(4);
  for (int i = 0; i < 3; ++i) {
    stage.advance(2900ms);
    stage.upload("a", false);
  }
  CHECK(stage.client.notes.empty());
  stage.upload("a", true);
  stage.advance(4900ms);
  CHECK(stage.client.notes.empty());
  stage.advance(200ms);
  CHECK(stage.client.notes == Notes{"own 504", "finished reusable"});
}

TEST_CASE("a client that stops sending its body is 408") {
  Stage stage(all_timeouts());
  stage.post(4);
  stage.upload("a", false);
  stage.advance(3s + grain);
  CHECK(stage.client.notes == Notes{"own 408 close", "finished close"});
  CHECK(stage.reasons(Reason::body_timeout) == 1);
  CHECK(stage.blue.notes.back() == "release closed");
}

TEST_CASE("a server that takes nothing of the body has the time of an answer") {
  Stage stage(all_timeouts());
  stage.post(4);
  stage.server().next = SendResult::blocked;
  CHECK(stage.upload("a", false) == Flow::pause);
  CHECK_FALSE(stage.client.reading);
  stage.advance(4s);  // the client is not late: nobody reads from it
  CHECK(stage.client.notes.empty());
  stage.advance(1s + grain);
  CHECK(stage.client.notes == Notes{"own 504 close", "finished close"});
}

TEST_CASE("an answer that stops coming is cut") {
  Stage stage(all_timeouts());
  stage.get();
  stage.respond(200, "a", false);
  stage.advance(3900ms);
  stage.more("b", false);
  stage.advance(3900ms);
  CHECK(stage.client.notes == Notes{"head 200", "body a", "body b"});
  stage.advance(200ms);
  CHECK(stage.client.notes.back() == "finished abort");
}

TEST_CASE("without a limit an answer may pause for as long as it likes") {
  config::Service service = all_timeouts();
  service.timeouts.response_idle = 0ms;
  Stage stage(service);
  stage.get();
  stage.respond(200, "a", false);
  stage.advance(24h);
  CHECK(stage.exchange.active());
  stage.more("b", true);
  CHECK(stage.client.notes.back() == "finished reusable");
}

TEST_CASE("a reader that takes nothing is cut, one that takes a little is not") {
  Stage stage(all_timeouts());
  stage.get();
  stage.client.next = SendResult::blocked;
  CHECK(stage.respond(200, "a", false) == Flow::pause);
  SECTION("nothing") {
    stage.advance(6s + grain);
    CHECK(stage.client.notes.back() == "finished abort");
    CHECK(stage.reasons(Reason::client_write_timeout) == 1);
  }
  SECTION("its machine acknowledges some, without an event") {
    for (int i = 0; i < 5; ++i) {
      stage.advance(5900ms);
      stage.client.taken += 10;
      stage.advance(200ms);
      CHECK(stage.exchange.active());
    }
    stage.client.next = SendResult::sent;
    stage.exchange.on_downstream_writable();
    CHECK(stage.blue.notes.back() == "resume");
    stage.more("b", true);
    CHECK(stage.client.notes.back() == "finished reusable");
  }
}

TEST_CASE("limits.min_rate counts only the time in which the client is waited for") {
  config::Service service = all_timeouts();
  service.limits.min_rate = 100;
  service.limits.min_rate_window = 10s;
  service.timeouts.request_body_idle = 60s;
  service.timeouts.response_head = 600s;
  Stage stage(service);
  stage.post(1 << 20);
  SECTION("too slow a body is 408") {
    for (int i = 0; i < 6; ++i) {
      stage.advance(2s);
      if (stage.exchange.active()) stage.upload("a", false);
    }
    CHECK(stage.client.notes == Notes{"own 408 close", "finished close"});
    CHECK(stage.reasons(Reason::body_too_slow) == 1);
  }
  SECTION("a server that takes nothing is not the client's fault") {
    stage.server().next = SendResult::blocked;
    stage.upload("a", false);
    stage.advance(120s);
    CHECK(stage.exchange.active());
    stage.server().next = SendResult::sent;
    stage.server().user->on_upstream_writable();
    stage.upload(std::string(2000, 'b'), true);
    stage.respond(200, "", true);
    CHECK(stage.client.notes.back() == "finished reusable");
  }
}

TEST_CASE("an own answer that nobody takes does not hold its connection for ever") {
  Stage stage(all_timeouts());
  stage.blue.lots = {{.status = AcquireStatus::no_server}};
  stage.client.next = SendResult::blocked;
  stage.get();
  CHECK(stage.exchange.active());
  stage.advance(config::Timeouts{}.write_idle + grain);
  CHECK_FALSE(stage.exchange.active());
  CHECK(stage.client.notes.back() == "finished abort");
}

TEST_CASE("the process's limit: 503 before a head, a cut after it") {
  Stage stage(all_timeouts());
  SECTION("at the door") {
    stage.control.store({Color::blue, true, 1});
    stage.get();
    stage.exchange.on_shutdown_limit();
    CHECK(stage.client.notes == Notes{"own 503", "finished reusable"});
    CHECK(stage.runtime.door.empty());
    CHECK(stage.stats.waiting.read() == 0);
  }
  SECTION("at its server") {
    stage.get();
    stage.exchange.on_shutdown_limit();
    CHECK(stage.client.notes == Notes{"own 503", "finished reusable"});
  }
  SECTION("in its answer") {
    stage.get();
    stage.respond(200, "a", false);
    stage.exchange.on_shutdown_limit();
    CHECK(stage.client.notes == Notes{"head 200", "body a", "finished abort"});
  }
}
