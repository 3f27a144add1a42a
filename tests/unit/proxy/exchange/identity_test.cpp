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
  CHECK(stage.client.held.any());
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
  CHECK_FALSE(stage.client.held.any());
  CHECK(stage.client.notes.back() == "finished reusable");
}

TEST_CASE("a private connection whose answer is not complete is not kept") {
  Stage stage;
  stage.get();
  stage.respond(401, "half", false, ntlm);
  stage.exchange.on_downstream_gone(Reason::client_reset);
  CHECK(stage.blue.notes.back() == "release closed");
  CHECK_FALSE(stage.client.held.any());
}

TEST_CASE("a preview leaves the active color's private connection where it is") {
  Stage stage;
  stage.get();
  stage.respond(401, "", true, ntlm);
  stage.ask("GET", "/", {{"X-Switchback-Preview", "green"}});
  stage.begin();
  stage.respond(200, "", true, {}, Color::green);
  CHECK(stage.client.held.from(&stage.blue));
  stage.blue.notes.clear();
  stage.get();
  CHECK(stage.blue.notes.front() == "lent again");
  stage.respond(200, "", true);
}

TEST_CASE("credentials of a connection are not given one that is stale") {
  Stage stage;
  stage.blue.lots = {{.kept = true, .alive = false}, {}};
  stage.ask("GET", "/", token);
  stage.begin();
  CHECK(stage.blue.notes ==
        Notes{"asks", "release closed", "asks for a fresh one", "private", "request GET /", "end"});
  stage.respond(200, "", true);
}

TEST_CASE("private connections: one a pool, and it goes back where it came from") {
  Notes notes;
  Stage stage;
  UpstreamUser& user = stage.exchange;
  Servers one{"one"}, two{"two"};
  Server first{notes, user, "one:80"};
  Server second{notes, user, "two:80"};
  Server third{notes, user, "one:80"};
  Reservations held;
  held.expect(&one);
  held.hold(first);
  held.expect(&two);
  held.hold(second);
  CHECK(held.lend(&one, user) == &first);
  CHECK_FALSE(held.from(&one));
  held.hold(first);  // without a new word about where it belongs
  CHECK(held.from(&one));
  CHECK(held.from(&two));
  CHECK(notes == Notes{"lent again"});
  held.expect(&one);
  held.hold(third);
  CHECK(notes.back() == "ended");
  held.forget(second);
  CHECK_FALSE(held.from(&two));
  CHECK(held.lend(&two, user) == nullptr);
  held.end_all();
  CHECK(notes == Notes{"lent again", "ended", "ended"});
}

TEST_CASE("private connections: of too many the oldest ends") {
  Notes notes;
  Stage stage;
  UpstreamUser& user = stage.exchange;
  std::vector<std::unique_ptr<Servers>> pools;
  std::vector<std::unique_ptr<Server>> servers;
  Reservations held;
  for (unsigned i = 0; i <= Reservations::most; ++i) {
    pools.push_back(std::make_unique<Servers>("pool"));
    servers.push_back(std::make_unique<Server>(notes, user, "a:80"));
    held.expect(pools.back().get());
    held.hold(*servers.back());
  }
  CHECK(notes == Notes{"ended"});
  CHECK_FALSE(held.from(pools.front().get()));
  CHECK(held.from(pools.back().get()));
}
