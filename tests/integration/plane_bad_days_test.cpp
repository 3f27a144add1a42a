// Servers and clients that misbehave: what the client sees, what is counted, what is never reused.
#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using http::Reason;
using std::chrono::milliseconds;

namespace {
config::Service impatient(const std::string& server) {
  config::Service service = service_of("shop", {server}, {});
  service.timeouts.response_head = milliseconds(150);
  service.timeouts.connect = milliseconds(300);
  service.retries.attempts = 0;
  return service;
}
}  // namespace

TEST_CASE("a server that refuses: 502 and the reason", "[bad]") {
  RefusingPort dead;
  config::Service service = impatient(dead.address());
  service.health_check.interval = milliseconds(60000);
  Plane plane(service);
  // The first check marks it; before that a request finds out by itself. Both are honest answers.
  RawClient client = plane.client();
  client.send(get("/"));
  const RawResponse answer = client.read_response();
  CHECK((answer.status == 502 || answer.status == 503));
  CHECK(answer.has("X-Request-Id"));
  CHECK(until([&] {
    return plane.reason_count(Reason::connect_refused) + plane.reason_count(Reason::no_server) == 1;
  }));
}

TEST_CASE("no healthy server: 503 with Retry-After, the connection goes on", "[bad]") {
  RefusingPort dead;
  Plane plane(impatient(dead.address()));
  REQUIRE(plane.observer().wait(
      [&] { return plane.view().pools[0].servers[0].health == upstream::Health::unreachable; }));
  RawClient client = plane.client();
  for (int i = 0; i < 2; ++i) {
    client.send(get("/"));
    const RawResponse answer = client.read_response();
    CHECK(answer.status == 503);
    CHECK(answer.has("Retry-After"));
  }
}

TEST_CASE("servers that break off, lie or say nothing", "[bad]") {
  struct Case {
    const char* path;
    int status;
    Reason reason;
  };
  const Case c = GENERATE(
      Case{"/reset", 502, Reason::server_reset}, Case{"/drop", 502, Reason::server_closed},
      Case{"/garbage", 502, Reason::bad_response}, Case{"/hang", 504, Reason::response_timeout},
      Case{"/big-head?bytes=100000", 502, Reason::response_too_large});
  TestServer blue("blue");
  Plane plane(impatient(blue.address()));
  RawClient client = plane.client();
  client.send(get(c.path));
  const RawResponse answer = client.read_response();
  INFO(c.path);
  CHECK(answer.status == c.status);
  CHECK(until([&] { return plane.reason_count(c.reason) == 1; }));
  // The client's connection lives on; the server's was not used again.
  client.send(get("/ok"));
  const RawResponse next = client.read_response();
  CHECK(next.status == 200);
  CHECK(next.field("X-Connection") != "1");
}

TEST_CASE("an answer that breaks off is never completed", "[bad]") {
  const std::string path = GENERATE("/truncate", "/truncate?rst=1", "/truncate?chunked=1");
  TestServer blue("blue");
  Plane plane(impatient(blue.address()));
  RawClient client = plane.client();
  client.send(get(path));
  const RawResponse answer = client.read_response();
  INFO(path);
  CHECK(answer.status == 200);
  CHECK_FALSE(answer.complete);
  CHECK(until([&] { return plane.reason_count(Reason::response_truncated) == 1; }));
  CHECK(until([&] { return plane.quiet(); }));
}

TEST_CASE("an answer before the request has ended reaches the client", "[bad]") {
  const std::string path = GENERATE("/early", "/early?keep=1");
  TestServer blue("blue");
  Plane plane(impatient(blue.address()));
  for (int i = 0; i < 20; ++i) {
    RawClient client = plane.client();
    client.send("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
    client.try_send(body_of(100000));
    const RawResponse answer = client.read_response();
    CHECK(answer.status == 413);
    CHECK(answer.complete);
    CHECK(client.wait_for_end());
  }
}

TEST_CASE("stale kept connections cost no request", "[bad]") {
  TestServerOptions options;
  options.close_after = 3;
  options.announce_close = false;
  TestServer blue(options);
  Plane plane(impatient(blue.address()));
  RawClient client = plane.client();
  for (int i = 0; i < 300; ++i) {
    const bool put = i % 3 == 0;
    client.send(put ? "PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                    : get("/ok?bytes=10"));
    const RawResponse answer = client.read_response();
    REQUIRE(answer.status == 200);
  }
}

TEST_CASE("a refused server is left for another", "[bad]") {
  RefusingPort dead;
  TestServer alive("alive");
  config::Service service = service_of("shop", {dead.address(), alive.address()}, {});
  service.health_check.interval = milliseconds(60000);
  service.retries.attempts = 1;
  Plane plane(service);
  RawClient client = plane.client();
  for (int i = 0; i < 50; ++i) {
    client.send("POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    REQUIRE(client.read_response().status == 200);
  }
}

TEST_CASE("a POST that a server has had is never sent twice", "[bad]") {
  TestServer blue("blue");
  config::Service service = service_of("shop", {blue.address()}, {});
  service.retries.attempts = 3;
  Plane plane(service);
  RawClient client = plane.client();
  client.send("POST /drop HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  CHECK(client.read_response().status == 502);
  CHECK(blue.requests() == 1);
  client.send(get("/drop"));
  CHECK(client.read_response().status == 502);
  CHECK(blue.requests() == 5);  // a GET: once and three more
}

TEST_CASE("slow heads and slow bodies are cut by deadline", "[bad]") {
  TestServer blue("blue");
  config::Service service = service_of("shop", {blue.address()}, {});
  service.timeouts.request_head = milliseconds(100);
  service.timeouts.request_body_idle = milliseconds(100);
  Plane plane(service);
  RawClient slow = plane.client();
  slow.send("GET / HTTP/1.1\r\nHost:");
  CHECK(slow.read_response().status == 408);
  CHECK(slow.wait_for_end());
  RawClient body = plane.client();
  body.send("POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  CHECK(body.read_response().status == 408);
  RawClient silent = plane.client();
  CHECK(silent.wait_for_end());
}

TEST_CASE("limits are answered with their status", "[bad]") {
  TestServer blue("blue");
  config::Service service = service_of("shop", {blue.address()}, {});
  service.limits.head = 4096;
  service.limits.fields = 20;
  service.limits.body = 1000;
  Plane plane(service);
  const auto status = [&](const std::string& bytes) {
    RawClient client = plane.client();
    client.send(bytes);
    return client.read_response().status;
  };
  CHECK(status(get("/", "X: " + std::string(5000, 'a') + "\r\n")) == 431);
  std::string many;
  for (int i = 0; i < 30; ++i) many += "X" + std::to_string(i) + ": 1\r\n";
  CHECK(status(get("/", many)) == 431);
  CHECK(status("POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n") == 413);
  CHECK(status("POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" +
               std::string(1024, 'a') + "\r\n0\r\n\r\n") == 413);
  CHECK(status("POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" +
               std::string(1000, 'a')) == 200);
}

TEST_CASE("a client that goes away is not waited for", "[bad]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  client.send(get("/hold"));
  REQUIRE(blue.wait_for_held(1));
  CHECK(plane.in_flight(Color::blue) == 1);
  client.reset();
  CHECK(until([&] { return plane.quiet(); }));
  CHECK(until([&] { return plane.reason_count(Reason::client_reset) == 1; }));
}

TEST_CASE("a half-closed client still gets its answer", "[bad]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  client.send(get("/hold"));
  client.half_close();
  REQUIRE(blue.wait_for_held(1));
  blue.release_held();
  CHECK(client.read_response().status == 200);
  CHECK(client.wait_for_end());
}

TEST_CASE("a reader that stalls holds one buffer, and is cut", "[bad]") {
  TestServer blue("blue");
  config::Service service = service_of("shop", {blue.address()}, {});
  service.timeouts.write_idle = milliseconds(400);
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get("/ok?bytes=200000000"));
  client.read_head();
  CHECK(until([&] { return plane.reason_count(Reason::client_write_timeout) == 1; }));
  CHECK(until([&] { return plane.quiet(); }));
}
