// Flips on the running data plane: what began stays, what begins moves, every receipt adds up.
#include <set>

#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using drain::Outcome;
using drain::TrafficClass;
using std::chrono::milliseconds;

namespace {

std::uint64_t ended(const drain::ClassCounts& counts, Outcome outcome) {
  return counts.ended[static_cast<std::size_t>(outcome)];
}

const drain::ClassCounts& of(const drain::Counts& counts, TrafficClass c) {
  return counts[static_cast<std::size_t>(c)];
}

struct TwoColors {
  TestServer blue{"blue"}, green{"green"};
  config::Service service = service_of("shop", {blue.address()}, {green.address()});
};

}  // namespace

TEST_CASE("the same client connection is served by one color, then the other", "[flip]") {
  TwoColors two;
  Plane plane(two.service, 2);
  RawClient client = plane.client();
  for (int i = 0; i < 20; ++i) {
    const Color want = i % 2 == 0 ? Color::blue : Color::green;
    if (i > 0) REQUIRE(plane.flip(want));
    client.send(get("/ok"));
    CHECK(client.read_response().field("X-Served-By") == to_string(want));
  }
}

TEST_CASE("requests begun before a flip finish where they began", "[flip]") {
  TwoColors two;
  Plane plane(two.service, 2);
  RawClient held = plane.client();
  held.send(get("/hold"));
  REQUIRE(two.blue.wait_for_held(1));
  const auto record = plane.flip(Color::green);
  REQUIRE(record);
  CHECK_FALSE(record->drained());
  CHECK(plane.view().pools[0].draining);
  RawClient other_client = plane.client();
  other_client.send(get("/ok"));
  CHECK(other_client.read_response().field("X-Served-By") == "green");
  CHECK(record->first_new_ns() > 0);
  two.blue.release_held();
  CHECK(held.read_response().field("X-Served-By") == "blue");
  REQUIRE(plane.drained(record));
  const auto counts = record->counts();
  CHECK(of(counts, TrafficClass::request).accepted == 1);
  CHECK(ended(of(counts, TrafficClass::request), Outcome::completed) == 1);
  held.send(get("/ok"));  // its connection was not closed
  CHECK(held.read_response().field("X-Served-By") == "green");
}

TEST_CASE("an upload keeps its color to its end", "[flip]") {
  TwoColors two;
  Plane plane(two.service);
  RawClient client = plane.client();
  client.send("POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + body_of(100000));
  REQUIRE(two.blue.wait_for_requests(1));
  const auto record = plane.flip(Color::green);
  client.send(body_of(100000));
  CHECK(client.read_response().field("X-Served-By") == "blue");
  CHECK(plane.drained(record));
}

TEST_CASE("the drain's deadline: 504 before a head, a cut after it", "[flip]") {
  TwoColors two;
  two.service.drain.timeout = milliseconds(100);
  Plane plane(two.service);
  RawClient silent = plane.client(), streaming = plane.client();
  silent.send(get("/hold"));
  REQUIRE(two.blue.wait_for_held(1));
  streaming.send(get("/slow-body?bytes=1000&ms=5000"));
  streaming.read_head();
  const auto record = plane.flip(Color::green);
  CHECK(silent.read_response().status == 504);
  REQUIRE(plane.drained(record));
  const auto counts = record->counts();
  CHECK(of(counts, TrafficClass::request).accepted == 2);
  CHECK(ended(of(counts, TrafficClass::request), Outcome::forced) == 2);
}

TEST_CASE("streams and tunnels drain in their own class", "[flip]") {
  TwoColors two;
  two.service.drain.websocket = milliseconds(60);
  two.service.drain.stream = milliseconds(150);
  Plane plane(two.service);
  RawClient sse = plane.client(), tunnel = plane.client();
  sse.send(get("/sse?events=0&ms=20"));
  sse.read_until("data: 0");
  tunnel.send(get("/upgrade", "Connection: Upgrade\r\nUpgrade: echo\r\n"));
  tunnel.read_until("hello blue\n");
  const auto record = plane.flip(Color::green);
  REQUIRE(plane.drained(record));
  const auto counts = record->counts();
  CHECK(of(counts, TrafficClass::stream).accepted == 1);
  CHECK(ended(of(counts, TrafficClass::stream), Outcome::forced) == 1);
  CHECK(of(counts, TrafficClass::tunnel).accepted == 1);
  CHECK(ended(of(counts, TrafficClass::tunnel), Outcome::forced) == 1);
  CHECK(of(counts, TrafficClass::request).accepted == 0);
}

TEST_CASE("a rollback turns the drain round", "[flip]") {
  TwoColors two;
  two.service.drain.timeout = milliseconds(200);
  Plane plane(two.service);
  RawClient held = plane.client();
  held.send(get("/hold"));
  REQUIRE(two.blue.wait_for_held(1));
  const auto there = plane.flip(Color::green);
  const auto back = plane.flip(Color::blue);
  RawClient later = plane.client();
  // Longer than the deadline that was cancelled, by the server's own clock.
  later.send(get("/ok?ms=400"));
  CHECK(later.read_response().field("X-Served-By") == "blue");
  CHECK_FALSE(there->drained());
  two.blue.release_held();
  CHECK(held.read_response().status == 200);
  REQUIRE(plane.drained(there));
  CHECK(ended(of(there->counts(), TrafficClass::request), Outcome::completed) == 1);
  CHECK(ended(of(there->counts(), TrafficClass::request), Outcome::forced) == 0);
  CHECK(plane.drained(back));
}

TEST_CASE("a request whose server dies in a flip goes on to the new color", "[flip]") {
  TwoColors two;
  Plane plane(two.service);
  RawClient client = plane.client();
  client.send(get("/hold"));
  REQUIRE(two.blue.wait_for_held(1));
  const auto record = plane.flip(Color::green);
  two.blue.stop();
  REQUIRE(two.green.wait_for_held(1));
  two.green.release_held();
  CHECK(client.read_response().field("X-Served-By") == "green");
  REQUIRE(plane.drained(record));
  CHECK(ended(of(record->counts(), TrafficClass::request), Outcome::moved) == 1);
}

TEST_CASE("the preview field reaches the standby, and nothing else does", "[flip]") {
  TwoColors two;
  Plane plane(two.service);
  RawClient client = plane.client();
  client.send(get("/ok", "X-Switchback-Preview: 1\r\n"));
  CHECK(client.read_response().field("X-Served-By") == "green");
  client.send(get("/ok", "X-Switchback-Preview: blue\r\n"));
  CHECK(client.read_response().field("X-Served-By") == "blue");
  client.send(get("/ok"));
  CHECK(client.read_response().field("X-Served-By") == "blue");
}

TEST_CASE("a shut door holds requests in order, and they take the color active then", "[flip]") {
  TwoColors two;
  two.service.limits.queue = 3;
  Plane plane(two.service);
  REQUIRE(plane->pause("shop"));
  std::vector<RawClient> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(plane.client());
    waiting.back().send(get("/ok?bytes=" + std::to_string(i)));
    REQUIRE(until([&] { return plane.view().waiting == static_cast<std::uint64_t>(i) + 1; }));
  }
  RawClient fourth = plane.client();
  fourth.send(get("/ok"));
  const RawResponse full = fourth.read_response();
  CHECK(full.status == 503);
  CHECK(full.has("Retry-After"));
  REQUIRE(plane.flip(Color::green));
  REQUIRE(plane->resume("shop"));
  for (std::size_t i = 0; i < 3; ++i) {
    const RawResponse answer = waiting[i].read_response();
    CHECK(answer.field("X-Served-By") == "green");
    CHECK(answer.body == body_of(i));
  }
  // They leave in order (door_test), each on a connection of its own: which of these the server's
  // threads hear first is theirs.
  std::set<std::string> targets;
  for (const auto& request : two.green.seen()) targets.insert(request.target);
  CHECK(targets == std::set<std::string>{"/ok?bytes=0", "/ok?bytes=1", "/ok?bytes=2"});
}

TEST_CASE("a reload changes pools and keeps what runs", "[flip]") {
  TwoColors two;
  TestServer next("next");
  Plane plane(two.service, 2);
  RawClient held = plane.client(), client = plane.client();
  held.send(get("/hold"));
  REQUIRE(two.blue.wait_for_held(1));
  config::Config config = plane.config();
  config.services[0].blue.servers = {{address_of(next.address()), 1}};
  config.services.push_back(service_of("extra", {two.green.address()}, {}));
  config.services.back().match = config::Match{{"extra.test"}, "/"};
  plane->reload(config, {});
  CHECK(until([&] {
    client.send(get("/ok"));
    return client.read_response().field("X-Served-By") == "next";
  }));
  client.send("GET /ok HTTP/1.1\r\nHost: extra.test\r\n\r\n");
  CHECK(client.read_response().field("X-Served-By") == "green");
  two.blue.release_held();
  CHECK(held.read_response().field("X-Served-By") == "blue");
}

TEST_CASE("shutting down answers what runs and ends", "[flip]") {
  TwoColors two;
  Plane plane(two.service, 2);
  RawClient held = plane.client(), idle = plane.client();
  held.send(get("/hold"));
  REQUIRE(two.blue.wait_for_held(1));
  idle.send(get("/ok"));
  idle.read_response();
  std::mutex mutex;
  std::condition_variable ended_cv;
  bool done = false;
  plane->shut_down(std::chrono::seconds(10), [&] {
    const std::lock_guard lock(mutex);
    done = true;
    ended_cv.notify_all();
  });
  CHECK(idle.wait_for_end());
  two.blue.release_held();
  const RawResponse answer = held.read_response();
  CHECK(answer.status == 200);
  CHECK(answer.field("Connection") == "close");
  std::unique_lock lock(mutex);
  CHECK(ended_cv.wait_for(lock, patience, [&] { return done; }));
}
