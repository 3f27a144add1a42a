// Every row of "When it goes wrong" in docs/life-of-a-request.md, and every rule of a repeat.
#include "tests/unit/proxy/exchange/stage.hpp"

using namespace switchback;
using namespace switchback::exchange;
using namespace switchback::exchange::stage;
using Lot = Servers::Lot;

namespace {

constexpr Lot kept{.kept = true};
constexpr Lot dialled{.status = AcquireStatus::connecting};
constexpr Lot none{.status = AcquireStatus::no_server};
constexpr Lot in_queue{.status = AcquireStatus::queued};

config::Service with_attempts(unsigned attempts) {
  config::Service service = Stage::default_service();
  service.retries.attempts = attempts;
  return service;
}

}  // namespace

TEST_CASE("a request and its answer, without a body and with one") {
  Stage stage;
  stage.get("/a?b");
  CHECK(stage.server().notes == Notes{"asks", "request GET /a?b", "end"});
  CHECK(stage.respond(200, "hello", false) == Flow::proceed);
  CHECK(stage.more(" world", true) == Flow::over);
  CHECK(stage.client.notes ==
        Notes{"head 200", "body hello", "body  world", "end", "finished reusable"});
  CHECK(stage.blue.notes.back() == "release kept");
  CHECK_FALSE(stage.exchange.active());

  stage.post(6);
  CHECK(stage.client.reading);
  CHECK(stage.upload("abc", false) == Flow::proceed);
  CHECK(stage.upload("def", true) == Flow::proceed);
  stage.respond(201, "", true);
  CHECK(stage.client.notes.back() == "finished reusable");
  CHECK(stage.stats.color[0].bytes_in.read() == 6);
  CHECK(stage.stats.color[0].bytes_out.read() == 11);
  CHECK(stage.stats.color[0].by_status_class[2].read() == 2);
}

TEST_CASE("no service, no server, no turn") {
  Stage stage;
  SECTION("no server can be used") {
    stage.blue.lots = {none};
    stage.get();
    CHECK(stage.client.notes == Notes{"own 503", "finished reusable"});
    CHECK(stage.reasons(Reason::no_server) == 1);
  }
  SECTION("too many wait for a connection") {
    stage.blue.lots = {{.status = AcquireStatus::queue_full}};
    stage.get();
    CHECK(stage.reasons(Reason::queue_full) == 1);
  }
  SECTION("the turn does not come in time") {
    stage.blue.lots = {in_queue};
    stage.get();
    CHECK(stage.client.notes.empty());
    stage.advance(stage.service.limits.queue_timeout + config::Duration(20));
    CHECK(stage.client.notes == Notes{"own 503", "finished reusable"});
    CHECK(stage.reasons(Reason::queue_timeout) == 1);
    CHECK(stage.blue.waiter == nullptr);
  }
  SECTION("the turn comes") {
    stage.blue.lots = {in_queue};
    stage.get();
    stage.blue.waiter->on_turn();
    stage.respond(200, "", true);
    CHECK(stage.client.notes == Notes{"head 200", "end", "finished reusable"});
    CHECK(stage.stats.color[0].queue_waiting.read() == 0);
  }
  SECTION("the client leaves while it waits for its turn") {
    stage.blue.lots = {in_queue};
    stage.get();
    stage.exchange.on_downstream_gone(Reason::client_closed);
    CHECK(stage.blue.waiter == nullptr);
    CHECK(stage.client.notes == Notes{"finished abort"});
  }
  SECTION("the client's address has had its share") {
    stage.context.limits_requests = true;
    stage.client.admitted = false;
    stage.get();
    CHECK(stage.client.notes == Notes{"own 429", "finished reusable"});
    CHECK(stage.blue.notes.empty());
  }
}

TEST_CASE("a server that cannot be reached") {
  Stage stage(with_attempts(1));
  stage.blue.lots = {dialled, dialled};
  stage.get();
  const auto refuse = [&] {
    UpstreamUser* user = stage.server().user;
    user->on_connect_failed(Reason::connect_refused, ECONNREFUSED, "blue:80");
  };
  refuse();
  SECTION("another attempt goes through") {
    stage.connected();
    stage.respond(200, "", true);
    CHECK(stage.client.notes == Notes{"head 200", "end", "finished reusable"});
  }
  SECTION("all attempts fail: 502") {
    refuse();
    CHECK(stage.client.notes == Notes{"own 502", "finished reusable"});
    CHECK(stage.reasons(Reason::retries_exhausted) == 1);
  }
  CHECK(stage.stats.color[0].retries.read() == 1);
  CHECK(stage.stats.color[0].connects.read() == 2);
}

TEST_CASE("a POST may be repeated while nothing of it was written") {
  Stage stage(with_attempts(1));
  stage.blue.lots = {dialled, {}};
  stage.post(3);
  stage.server().user->on_connect_failed(Reason::connect_refused, ECONNREFUSED, "blue:80");
  CHECK(stage.upload("abc", true) == Flow::proceed);
  stage.respond(200, "", true);
  CHECK(stage.client.notes.back() == "finished reusable");
}

TEST_CASE("a server that takes too long to accept gets no second chance to be slow") {
  Stage stage(with_attempts(0));
  stage.blue.lots = {dialled};
  stage.get();
  stage.advance(stage.service.timeouts.connect + config::Duration(20));
  CHECK(stage.client.notes == Notes{"own 504", "finished reusable"});
  CHECK(stage.blue.notes == Notes{"asks", "timed out connect_timeout", "release closed"});
}

TEST_CASE("a kept connection that is dead") {
  Stage stage(with_attempts(0));
  SECTION("one free repeat, on a fresh connection") {
    stage.blue.lots = {kept, {}};
    stage.get();
    stage.fail(Reason::server_closed);
    CHECK(stage.blue.notes == Notes{"asks", "request GET /", "end", "release closed",
                                    "asks for a fresh one", "request GET /", "end"});
    stage.respond(200, "", true);
    CHECK(stage.client.notes.back() == "finished reusable");
  }
  SECTION("free once only") {
    stage.blue.lots = {kept, kept};
    stage.get();
    stage.fail(Reason::server_closed);
    stage.fail(Reason::server_reset);
    CHECK(stage.client.notes == Notes{"own 502", "finished reusable"});
  }
  SECTION("what must not be sent twice takes only a connection that lives") {
    stage.blue.lots = {{.kept = true, .alive = false}, {}};
    stage.post(3);
    CHECK(stage.blue.notes ==
          Notes{"asks", "release closed", "asks for a fresh one", "request POST /"});
    stage.upload("abc", true);
    stage.respond(200, "", true);
    CHECK(stage.client.notes.back() == "finished reusable");
  }
  SECTION("a POST that was written is not repeated") {
    stage.blue.lots = {kept};
    stage.post(3);
    stage.upload("abc", true);
    stage.fail(Reason::server_closed);
    CHECK(stage.client.notes == Notes{"own 502", "finished reusable"});
    CHECK(stage.reasons(Reason::server_closed) == 1);
  }
  SECTION("408 on a kept connection is no answer to this request") {
    stage.blue.lots = {kept, {}};
    stage.get();
    http::ResponseHead head;
    head.status = 408;
    head.keep_alive = false;
    UpstreamUser* user = stage.server().user;
    CHECK(user->on_response(&head, Piece(stage.reactor.buffers(), "", true)) == Flow::over);
    stage.respond(200, "", true);
    CHECK(stage.client.notes == Notes{"head 200", "end", "finished reusable"});
  }
}

TEST_CASE("a body is repeated while all of it is kept") {
  config::Service service = with_attempts(1);
  service.limits.replay = 8;
  Stage stage(service);
  stage.ask("PUT", "/", {}, http::BodyKind::chunked);
  stage.begin();
  stage.upload("abc", false);
  SECTION("small enough") {
    stage.upload("def", false);
    stage.fail(Reason::server_reset);
    CHECK(stage.blue.notes == Notes{"asks", "request PUT /", "body abc", "body def",
                                    "release closed", "asks", "request PUT /", "body abcdef"});
    stage.upload("g", true);
    stage.respond(200, "", true);
    CHECK(stage.client.notes.back() == "finished reusable");
  }
  SECTION("too large") {
    stage.upload("defghi", false);
    stage.fail(Reason::server_reset);
    CHECK(stage.client.notes == Notes{"own 502 close", "finished close"});
  }
  SECTION("not once the answer has begun") {
    stage.respond(200, "x", false);
    stage.fail(Reason::server_reset);
    CHECK(stage.client.notes == Notes{"head 200", "body x", "finished abort"});
  }
  SECTION("not with trailers, which are not kept") {
    Piece last(stage.reactor.buffers(), "z", true);
    BodyPiece piece = last;
    piece.trailers = "X: y\r\n";
    stage.exchange.on_request_body(piece);
    stage.fail(Reason::server_reset);
    CHECK(stage.client.notes == Notes{"own 502", "finished reusable"});
  }
}

TEST_CASE("who waits for 100 Continue has sent nothing that could be repeated halfway") {
  Stage stage(with_attempts(1));
  stage.ask("PUT", "/", {}, http::BodyKind::length, 3);
  stage.request.expect_continue = true;
  stage.begin();
  stage.respond(100, "", false);
  CHECK(stage.client.notes == Notes{"1xx 100"});
  SECTION("before its body: repeated") {
    stage.fail(Reason::server_reset);
    CHECK(stage.blue.lent.size() == 2);
    stage.upload("abc", true);
    stage.respond(200, "", true);
    CHECK(stage.client.notes == Notes{"1xx 100", "head 200", "end", "finished reusable"});
  }
  SECTION("after it: not") {
    stage.upload("abc", true);
    stage.fail(Reason::server_reset);
    CHECK(stage.client.notes == Notes{"1xx 100", "own 502", "finished reusable"});
  }
}

TEST_CASE("an answer that is no answer, or not all of it") {
  Stage stage(with_attempts(1));
  stage.get();
  SECTION("garbage: 502, never repeated") {
    stage.server().why = "line 3";
    stage.fail(Reason::bad_response);
    CHECK(stage.client.notes == Notes{"own 502", "finished reusable"});
    CHECK(stage.blue.lent.size() == 1);
  }
  SECTION("too large a head") {
    stage.fail(Reason::response_too_large);
    CHECK(stage.reasons(Reason::response_too_large) == 1);
  }
  SECTION("broken off behind its head: a cut, never a false end") {
    stage.respond(200, "half", false);
    stage.fail(Reason::server_closed);
    CHECK(stage.client.notes == Notes{"head 200", "body half", "finished abort"});
    CHECK(stage.reasons(Reason::response_truncated) == 1);
  }
  SECTION("101 that nobody asked for") {
    CHECK(stage.respond(101, "", false) == Flow::over);
    CHECK(stage.client.notes == Notes{"own 502", "finished reusable"});
  }
}

TEST_CASE("an answer before the request has ended closes the connection behind it") {
  Stage stage;
  stage.post(100);
  stage.upload("abc", false);
  stage.respond(413, "no", true);
  CHECK(stage.client.notes == Notes{"head 413", "body no", "end", "finished close"});
  CHECK(stage.blue.notes.back() == "release closed");
}

TEST_CASE("a server that takes no more of the body may still answer") {
  Stage stage;
  stage.post(100);
  stage.server().next = SendResult::failed;
  CHECK(stage.upload("abc", false) == Flow::pause);
  SECTION("and does") {
    stage.respond(413, "no", true);
    CHECK(stage.client.notes.back() == "finished close");
  }
  SECTION("and does not") {
    stage.fail(Reason::server_reset);
    CHECK(stage.client.notes == Notes{"own 502 close", "finished close"});
  }
}

TEST_CASE("limits of a body") {
  config::Service service = Stage::default_service();
  service.limits.body = 4;
  Stage stage(service);
  SECTION("by its length, before a server is asked") {
    stage.post(5);
    CHECK(stage.client.notes == Notes{"own 413 close", "finished close"});
    CHECK(stage.blue.notes.empty());
  }
  SECTION("by what comes") {
    stage.ask("PUT", "/", {}, http::BodyKind::chunked);
    stage.begin();
    stage.upload("abc", false);
    CHECK(stage.upload("de", false) == Flow::over);
    CHECK(stage.client.notes == Notes{"own 413 close", "finished close"});
    CHECK(stage.blue.notes.back() == "release closed");
  }
  SECTION("by what comes, after the answer has begun") {
    stage.ask("PUT", "/", {}, http::BodyKind::chunked);
    stage.begin();
    stage.respond(200, "x", false);
    CHECK(stage.upload("abcde", false) == Flow::over);
    CHECK(stage.client.notes == Notes{"head 200", "body x", "finished abort"});
  }
  SECTION("a body whose framing is wrong") {
    stage.ask("PUT", "/", {}, http::BodyKind::chunked);
    stage.begin();
    stage.exchange.on_request_rejected(Reason::bad_chunk);
    CHECK(stage.client.notes == Notes{"own 400 close", "finished close"});
  }
}
