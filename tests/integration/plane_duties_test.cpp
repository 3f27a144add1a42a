// Duties of an intermediary that one exchange of a vector does not show: what belongs to a
// connection, to the way a message has come, or to several requests in a row (docs/http-duties.md).
#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using http::Reason;

namespace {

config::Network loopback() {
  config::Network network;
  const std::uint8_t bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 0};
  std::copy(std::begin(bytes), std::end(bytes), network.bytes);
  network.prefix_bits = 104;
  return network;
}

// A server that answers the head of every request with the same bytes.
struct Saying {
  explicit Saying(std::string bytes) {
    TestServerOptions options;
    options.raw = [bytes](RawClient& client) {
      for (;;) {
        client.read_head();
        client.send(bytes);
      }
    };
    server = std::make_unique<TestServer>(options);
    config::Service service = service_of("shop", {server->address()}, {});
    service.health_check.interval = std::chrono::hours(1);
    plane = std::make_unique<Plane>(service);
  }
  std::unique_ptr<TestServer> server;
  std::unique_ptr<Plane> plane;
};

}  // namespace

TEST_CASE("a Date that Connection names is the server's own, and the client gets one", "[duties]") {
  Saying shop(
      "HTTP/1.1 200 OK\r\nDate: yesterday\r\nConnection: Date\r\nContent-Length: 0\r\n\r\n");
  RawClient client = shop.plane->client();
  client.send(get("/"));
  const RawResponse answer = client.read_response();
  CHECK(answer.count("Date") == 1);  // RFC 9110 §6.6.1: there has to be one
  CHECK(answer.field("Date").size() == 29);
  CHECK_FALSE(answer.has("Connection"));
}

TEST_CASE("Max-Forwards counts the hops of OPTIONS and TRACE", "[duties]") {
  struct Row {
    std::string request, forwarded;
    int status;
  };
  const Row row = GENERATE(values<Row>({
      {"OPTIONS /echo?raw=1|Max-Forwards: 5", "4", 200},
      {"OPTIONS /echo?raw=1|Max-Forwards: 007", "6", 200},
      {"TRACE /echo?raw=1|Max-Forwards: 1", "0", 200},
      {"OPTIONS /echo?raw=1|Max-Forwards: 4294967295", "4294967294", 200},
      {"OPTIONS /echo?raw=1|Max-Forwards: 99999999999999999999", "4294967294", 200},
      {"OPTIONS /echo?raw=1|Max-Forwards: 9\r\nMax-Forwards: 3", "2", 200},
      {"GET /echo?raw=1|Max-Forwards: 0", "0", 200},
      {"OPTIONS /echo?raw=1|Max-Forwards: soon", "soon", 200},
      {"OPTIONS /echo?raw=1|Max-Forwards: 0", "", 200},
      {"OPTIONS *|Max-Forwards: 0", "", 200},
      {"OPTIONS /echo?raw=1|Max-Forwards: 3\r\nMax-Forwards: 0", "", 200},
      {"TRACE /echo?raw=1|Max-Forwards: 0", "", 501},
  }));
  CAPTURE(row.request);
  TestServer server("blue");
  Plane plane(service_of("shop", {server.address()}, {}));
  RawClient client = plane.client();
  const std::size_t bar = row.request.find('|');
  client.send(row.request.substr(0, bar) + " HTTP/1.1\r\nHost: a\r\n" +
              row.request.substr(bar + 1) + "\r\n\r\n");
  CHECK(client.read_response().status == row.status);
  const std::vector<SeenRequest> seen = server.seen();
  REQUIRE(seen.size() == (row.forwarded.empty() ? 0u : 1u));
  if (seen.empty()) return;
  CHECK(seen[0].field("Max-Forwards") == row.forwarded);
  CHECK(seen[0].head.find("Max-Forwards") == seen[0].head.rfind("Max-Forwards"));
}

TEST_CASE("a proxy that is its own server answers 508", "[duties]") {
  // RFC 9110 §7.6: no message goes to oneself for ever. Its listener's port is known when it runs.
  RefusingPort nobody;
  Plane plane(service_of("shop", {nobody.address()}, {}));
  config::Config config = plane.config();
  config.services[0].blue.servers = {
      {address_of(plane.address().substr(std::string("http://").size())), 1}};
  config.services[0].health_check.interval = std::chrono::hours(1);
  config.services[0].retries.attempts = 0;
  plane->reload(config, {});
  RawClient client = plane.client();
  REQUIRE(until([&] {  // until every worker has the new server
    client.send(get("/"));
    return client.read_response().status == 508;
  }));
  CHECK(plane.reason_count(Reason::loop_detected) >= 1);
  CHECK(until([&] { return plane.quiet(); }));
}

TEST_CASE("a long row of proxies of this kind is no loop", "[duties]") {
  TestServer server("blue");
  Plane plane(service_of("shop", {server.address()}, {}));
  const auto through = [](unsigned hops) {
    std::string list = "Via: 1.0 fred, 1.1 switchback-2";
    for (unsigned i = 0; i < hops; ++i) list += ", 1.1  switchback (inner)";
    return list + "\r\n";
  };
  RawClient client = plane.client();
  client.send(get("/", through(7)));
  CHECK(client.read_response().status == 200);
  client.send(get("/", through(8)));
  CHECK(client.read_response().status == 508);
  client.send(get("/", through(4) + through(4)));
  CHECK(client.read_response().status == 508);
  CHECK(server.requests() == 1);
}

TEST_CASE("an https address is not served to who comes without TLS", "[duties]") {
  const bool trusts = GENERATE(false, true);
  TestServer server("blue");
  config::Service service = service_of("shop", {server.address()}, {});
  if (trusts) service.forwarded.trust = {loopback()};
  Plane plane(service);
  RawClient client = plane.client();
  const std::string line = "GET https://shop.test/ HTTP/1.1\r\nHost: shop.test\r\n";
  client.send(line + "\r\n");
  const RawResponse plain = client.read_response();
  CHECK(plain.status == 421);
  CHECK_FALSE(plain.has("Connection"));  // nothing is wrong with the connection
  client.send(line + "X-Forwarded-Proto: https\r\n\r\n");
  CHECK(client.read_response().status == (trusts ? 200 : 421));
  client.send("GET http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\n\r\n");
  CHECK(client.read_response().status == 200);
}

TEST_CASE("an HTTP/1.0 client keeps its connection if it asks to, own answers included",
          "[duties]") {
  TestServer server("blue");
  config::Service service = service_of("shop", {server.address()}, {});
  service.match = config::Match{{"shop.test"}, "/"};
  Plane plane(service);
  RawClient client = plane.client();
  for (const auto& [host, status] :
       {std::pair{"shop.test", 200}, {"other", 404}, {"shop.test", 200}}) {
    client.send("GET / HTTP/1.0\r\nHost: " + std::string(host) +
                "\r\nConnection: Keep-Alive\r\n\r\n");
    const RawResponse answer = client.read_response();
    CHECK(answer.status == status);
    CHECK(answer.field("Connection") == "keep-alive");
  }
  for (const auto& host : {"shop.test", "other"}) {
    RawClient once = plane.client();
    once.send("GET / HTTP/1.0\r\nHost: " + std::string(host) + "\r\n\r\n");
    CHECK(once.read_response().field("Connection") == "close");
    CHECK(once.wait_for_end());
  }
}

TEST_CASE("behind a request that ends its connection nothing is read", "[duties]") {
  // RFC 9112 §9.6; and §9.3 for HTTP/1.0 without keep-alive.
  const std::string first = GENERATE("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                                     "GET /ok HTTP/1.0\r\nHost: a\r\n\r\n");
  TestServer server("blue");
  Plane plane(service_of("shop", {server.address()}, {}));
  RawClient client = plane.client();
  client.send(first + get("/second"));
  const RawResponse answer = client.read_response();
  CHECK(answer.status == 200);
  CHECK(answer.field("Connection") == "close");
  CHECK(client.wait_for_end());
  CHECK(until([&] { return plane.quiet(); }));
  CHECK(server.requests() == 1);
}

TEST_CASE("a final answer before the content ends the connection and says so", "[duties]") {
  // RFC 9110 §10.1.1: the client may send the content now, or not.
  Saying shop("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  RawClient client = shop.plane->client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
  const RawResponse answer = client.read_response(false, true);
  CHECK(answer.status == 401);
  CHECK(answer.field("Connection") == "close");
  CHECK(client.wait_for_end());
}

TEST_CASE("a 417 is told at once and the content is not waited for", "[duties]") {
  TestServer server("blue");
  Plane plane(service_of("shop", {server.address()}, {}));
  RawClient client = plane.client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: coffee\r\nContent-Length: 9\r\n\r\n");
  const RawResponse answer = client.read_response();
  CHECK(answer.status == 417);
  CHECK(answer.field("Connection") == "close");
  CHECK(answer.has("Date"));
  CHECK(server.requests() == 0);
}

TEST_CASE("own answers to HEAD have the head of the answer to GET, and no body", "[duties]") {
  TestServer server("blue");
  config::Service service = service_of("shop", {server.address()}, {});
  service.match = config::Match{{"shop.test"}, "/"};
  Plane plane(service);
  RawClient client = plane.client();
  client.send("GET / HTTP/1.1\r\nHost: other\r\n\r\n");
  const RawResponse by_get = client.read_response();
  client.send("HEAD / HTTP/1.1\r\nHost: other\r\n\r\n" + get("/ok"));
  const RawResponse by_head = client.read_response(true);
  CHECK(by_head.status == 404);
  CHECK(by_head.field("Content-Length") == std::to_string(by_get.body.size()));
  const RawResponse next = client.read_response();
  CHECK(next.status == 200);
  CHECK(next.body == "ok");
}

TEST_CASE("requests in one piece are sent on one at a time, whatever became of the first",
          "[duties]") {
  // RFC 9112 §9.3.1, §9.3.2: the second is begun when the first has its answer, a POST included.
  TestServer server("blue");
  config::Service service = service_of("shop", {server.address()}, {});
  service.retries.attempts = 0;
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get("/drop") + "POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" +
              get("/truncate") + get("/never"));
  CHECK(client.read_response().status == 502);
  CHECK(client.read_response().status == 200);
  CHECK_FALSE(client.read_response().complete);  // and with it the connection has ended
  CHECK(until([&] { return plane.quiet(); }));
  std::vector<std::string> targets;
  for (const SeenRequest& request : server.seen()) targets.push_back(request.target);
  CHECK(targets == std::vector<std::string>{"/drop", "/ok", "/truncate"});
}
