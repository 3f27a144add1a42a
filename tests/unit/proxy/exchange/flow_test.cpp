// Back-pressure both ways: who says "blocked" is given nothing more, and its source is not read.
#include "tests/unit/proxy/exchange/stage.hpp"

using namespace switchback;
using namespace switchback::exchange;
using namespace switchback::exchange::stage;

TEST_CASE("a client that takes no more pauses its server") {
  Stage stage;
  stage.get();
  stage.client.next = SendResult::blocked;
  CHECK(stage.respond(200, "a", false) == Flow::pause);
  stage.client.next = SendResult::sent;
  stage.exchange.on_downstream_writable();
  CHECK(stage.blue.notes.back() == "resume");
  CHECK(stage.more("b", false) == Flow::proceed);
  CHECK(stage.more("c", true) == Flow::over);
}

TEST_CASE("the last piece blocks: the server is free at once, the client's end is waited for") {
  Stage stage;
  stage.get();
  stage.client.next = SendResult::blocked;
  CHECK(stage.respond(200, "a", true) == Flow::over);
  CHECK(stage.blue.notes.back() == "release kept");
  CHECK(stage.exchange.active());
  stage.exchange.on_downstream_writable();
  CHECK(stage.client.notes == Notes{"head 200", "body a", "end", "finished reusable"});
}

TEST_CASE("a server that takes no more pauses its client") {
  Stage stage;
  stage.post(10);
  stage.server().next = SendResult::blocked;
  CHECK(stage.upload("abc", false) == Flow::pause);
  CHECK_FALSE(stage.client.reading);
  stage.server().next = SendResult::sent;
  stage.server().user->on_upstream_writable();
  CHECK(stage.client.reading);
  CHECK(stage.upload("defghij", true) == Flow::proceed);
  stage.respond(200, "", true);
  CHECK(stage.client.notes.back() == "finished reusable");
}

TEST_CASE("body bytes that come before there is a server wait with the client") {
  Stage stage;
  stage.blue.lots = {{.status = AcquireStatus::connecting}};
  stage.post(3);
  CHECK(stage.upload("abc", true) == Flow::pause);
  Piece piece(stage.reactor.buffers(), "abc", true);
  const BodyPiece& arrived = piece;
  stage.client.arrived = &arrived;
  stage.connected();
  CHECK(stage.blue.notes == Notes{"asks", "request POST /", "body abc", "end"});
  stage.respond(200, "", true);
  CHECK(stage.client.notes.back() == "finished reusable");
}

TEST_CASE("a 1xx that the client does not take holds back what follows it") {
  Stage stage;
  stage.get();
  stage.client.next = SendResult::blocked;
  CHECK(stage.respond(103, "", false) == Flow::pause);
  stage.client.next = SendResult::sent;
  stage.exchange.on_downstream_writable();
  CHECK(stage.blue.notes.back() == "resume");
  stage.respond(200, "", true);
  CHECK(stage.client.notes == Notes{"1xx 103", "head 200", "end", "finished reusable"});
}

TEST_CASE("HTTP/1.0 clients are not told a 1xx") {
  Stage stage;
  stage.ask("GET", "/");
  stage.request.minor_version = 0;
  stage.begin();
  CHECK(stage.respond(103, "", false) == Flow::proceed);
  CHECK(stage.client.notes.empty());
  stage.respond(200, "", true);
}

TEST_CASE("a client that goes takes its attempt along, whenever it goes") {
  Stage stage;
  const char* last = "release closed";
  SECTION("while its server is dialled") {
    stage.blue.lots = {{.status = AcquireStatus::connecting}};
    stage.get();
  }
  SECTION("before the answer") {
    stage.get();
  }
  SECTION("in its body") {
    stage.post(10);
    stage.upload("abc", false);
  }
  SECTION("in the answer") {
    stage.get();
    stage.respond(200, "a", false);
  }
  stage.exchange.on_downstream_gone(Reason::client_reset);
  CHECK(stage.client.notes.back() == "finished abort");
  CHECK(stage.blue.notes.back() == last);
  CHECK(stage.reasons(Reason::client_reset) == 1);
}

TEST_CASE("a client's socket that fails ends the exchange from inside its answer") {
  Stage stage;
  stage.get();
  stage.client.next = SendResult::failed;
  CHECK(stage.respond(200, "a", false) == Flow::over);
  CHECK(stage.client.notes == Notes{"head 200", "body a", "finished abort"});
  CHECK(stage.blue.notes.back() == "release closed");
}

TEST_CASE("an upgrade becomes a tunnel of raw bytes, both ways") {
  Stage stage;
  stage.ask("GET", "/", {{"Upgrade", "chat"}});
  stage.begin();
  CHECK(stage.respond(101, "", false, {{"Upgrade", "chat"}}) == Flow::proceed);
  CHECK(stage.exchange.in_tunnel());
  CHECK(stage.client.reading);
  CHECK(stage.runtime.gate.in_flight(Color::blue, drain::TrafficClass::tunnel) == 1);
  stage.upload("ping", false);
  stage.more("pong", false);
  SECTION("the client ends it, then the server") {
    stage.upload("", true);
    stage.more("", true);
    CHECK(stage.client.notes == Notes{"head 101", "raw", "body pong", "end", "finished close"});
  }
  SECTION("the server's connection breaks: a cut stays a cut") {
    stage.fail(Reason::server_reset);
    CHECK(stage.client.notes.back() == "finished abort");
  }
  SECTION("the client's connection breaks") {
    stage.exchange.on_downstream_gone(Reason::client_reset);
    CHECK(stage.client.notes.back() == "finished abort");
  }
  CHECK(stage.runtime.gate.in_flight(Color::blue, drain::TrafficClass::tunnel) == 0);
}

TEST_CASE("a repeat waits until the client has taken the lost attempt's 1xx") {
  Stage stage;
  stage.blue.lots = {{.kept = true}, {}};
  stage.get();
  stage.client.next = SendResult::blocked;
  CHECK(stage.respond(103, "", false) == Flow::pause);
  stage.fail(Reason::server_reset);
  CHECK(stage.blue.lent.size() == 1);
  SECTION("it takes it") {
    stage.client.next = SendResult::sent;
    stage.exchange.on_downstream_writable();
    CHECK(stage.blue.lent.size() == 2);
    stage.respond(200, "", true);
    CHECK(stage.client.notes == Notes{"1xx 103", "head 200", "end", "finished reusable"});
  }
  SECTION("a flip meanwhile sends the repeat to the new color") {
    const auto record = stage.flip_to(Color::green);
    stage.client.next = SendResult::sent;
    stage.exchange.on_downstream_writable();
    stage.respond(200, "", true, {}, Color::green);
    CHECK(stage.client.notes == Notes{"1xx 103", "head 200", "end", "finished reusable"});
    CHECK(Stage::count(*record, drain::Outcome::moved) == 1);
  }
  SECTION("it never does") {
    stage.advance(stage.service.timeouts.write_idle + config::Duration(20));
    CHECK(stage.client.notes == Notes{"1xx 103", "finished abort"});
  }
}
