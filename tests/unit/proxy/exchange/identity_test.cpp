// A connection on which the server knows who the client is belongs to that client alone.
#include "tests/unit/proxy/exchange/stage.hpp"

using namespace switchback;
using namespace switchback::exchange;
using namespace switchback::exchange::stage;

namespace {
const Fields ntlm = {{"WWW-Authenticate", "Negotiate, NTLM"}};
const Fields token = {{"Authorization", "NTLM TlRMTVNTUAAB"}};
}  // namespace

TEST_CASE("a challenge makes the connection private; the client's next request uses it again") {
  Stage stage;
  stage.get();
  stage.respond(401, "", true, ntlm);
  CHECK(stage.blue.notes == Notes{"asks", "request GET /", "end", "private", "release reserved"});
  CHECK(stage.client.held.held());
  stage.blue.notes.clear();
  stage.ask("GET", "/a", token);
  stage.begin();
  CHECK(stage.blue.notes == Notes{"lent again", "private", "request GET /a", "end"});
  stage.respond(200, "hello", true);
  stage.blue.notes.clear();
  stage.get("/b");  // without credentials: the connection itself is known
  CHECK(stage.blue.notes == Notes{"lent again", "request GET /b", "end"});
  stage.respond(200, "", true);
  CHECK(stage.blue.lent.size() == 1);
}

TEST_CASE("an answer to a challenge is enough") {
  Stage stage;
  stage.ask("GET", "/", {{"Proxy-Authorization", "negotiate YII="}});
  stage.begin();
  stage.respond(200, "", true);
  CHECK(stage.blue.notes.back() == "release reserved");
}

TEST_CASE("credentials of a connection are not sent again on another one") {
  config::Service service = Stage::default_service();
  service.retries.attempts = 3;
  Stage stage(service);
  stage.blue.lots = {{.kept = true}, {}};
  stage.ask("GET", "/", token);
  stage.begin();
  stage.fail(Reason::server_closed);
  CHECK(stage.client.notes == Notes{"own 502", "finished reusable"});
  CHECK(stage.blue.lent.size() == 1);
}

TEST_CASE("a flip leaves the old color's private connection behind") {
  Stage stage;
  stage.get();
  stage.respond(401, "", true, ntlm);
  stage.flip_to(Color::green);
  stage.get();
  CHECK(stage.blue.notes.back() == "ended");
  stage.respond(200, "", true, {}, Color::green);
  CHECK_FALSE(stage.client.held.held());
  CHECK(stage.client.notes.back() == "finished reusable");
}

TEST_CASE("a private connection whose answer is not complete is not kept") {
  Stage stage;
  stage.get();
  stage.respond(401, "half", false, ntlm);
  stage.exchange.on_downstream_gone(Reason::client_reset);
  CHECK(stage.blue.notes.back() == "release closed");
  CHECK_FALSE(stage.client.held.held());
}
