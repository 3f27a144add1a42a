// limits.client_gone: what becomes of a request whose client has gone.
#include <atomic>

#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tls_client.hpp"
#include "tests/support/wire_server.hpp"

using namespace switchback;
using namespace switchback::test;

namespace {

// /stays is answered when the test says so; on all others only the end of the connection is waited
// for.
struct SlowServer {
  std::atomic<int> asked{0}, left{0};
  std::atomic<bool> answers{false};
  WireServer server{{.serve = [this](WireConnection& connection) {
    WireRequest request;
    if (!connection.read_request(request)) return;
    ++asked;
    if (request.target == "/stays") {
      until([&] { return answers.load(); });
      connection.answer("late");
    } else if (connection.wait_for_input()) {
      ++left;  // nothing but an end can come
    }
  }}};
};

std::string post(const std::string& target) {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
}

}  // namespace

TEST_CASE("a client that is gone takes its attempt along, one that only listens does not",
          "[client_gone]") {
  SlowServer slow;
  Plane plane(service_of("shop", {slow.server.address()}, {}));
  const bool reset = GENERATE(true, false);
  RawClient listens = plane.client(), gone = plane.client();
  listens.send(post("/stays"));
  listens.half_close();
  REQUIRE(until([&] { return slow.asked == 1; }));
  gone.send(post("/"));
  REQUIRE(until([&] { return slow.asked == 2; }));
  reset ? gone.reset() : gone.close();
  REQUIRE(until([&] { return slow.left == 1; }));
  slow.answers = true;
  CHECK(listens.read_response().body == "late");
}

TEST_CASE("finish: a request is carried to its end though nobody waits for it", "[client_gone]") {
  SlowServer slow;
  config::Service service = service_of("shop", {slow.server.address()}, {});
  service.limits.client_gone = config::ClientGone::finish;
  Plane plane(service);
  RawClient client = plane.client();
  client.send(post("/"));
  REQUIRE(until([&] { return slow.asked == 1; }));
  client.reset();
  RawClient other = plane.client();  // the loop goes round meanwhile
  other.send(post("/"));
  REQUIRE(until([&] { return slow.asked == 2; }));
  CHECK(slow.left == 0);
}

TEST_CASE("over TLS an end is the end of both directions", "[client_gone]") {
  SlowServer slow;
  Authority authority;
  const CertificateFiles files = authority.issue({.names = "DNS:shop.test"});
  config::Config config;
  config.services.push_back(service_of("shop", {slow.server.address()}, {}));
  config::ListenerTls tls;
  tls.certificates = {{files.cert, files.key}};
  config.listeners.push_back({address_of("127.0.0.1:0"), tls});
  Plane plane(config, 1);
  TlsClientOptions trusting;
  trusting.ca = authority.ca();
  {
    TlsClient client(plane.address(), trusting);
    REQUIRE(client.send(post("/")));
    REQUIRE(until([&] { return slow.asked == 1; }));
  }
  CHECK(until([&] { return slow.left == 1; }));
  CHECK(until([&] {
    return plane.reason_count(http::Reason::client_closed) +
               plane.reason_count(http::Reason::client_reset) ==
           1;
  }));
}

TEST_CASE("a receipt's columns add up with clients that went", "[client_gone]") {
  SlowServer slow;
  TestServer green("green");
  Plane plane(service_of("shop", {slow.server.address()}, {green.address()}));
  RawClient listens = plane.client(), resets = plane.client(), closes = plane.client();
  listens.send(post("/stays"));
  listens.half_close();
  resets.send(post("/"));
  closes.send(post("/"));
  REQUIRE(until([&] { return slow.asked == 3; }));
  const auto record = plane.flip(Color::green);
  REQUIRE(record);
  resets.reset();
  closes.close();
  REQUIRE(until([&] { return slow.left == 2; }));
  slow.answers = true;
  CHECK(listens.read_response().body == "late");
  REQUIRE(plane.drained(record));
  const auto counts = record->counts()[static_cast<std::size_t>(drain::TrafficClass::request)];
  CHECK(counts.accepted == 3);
  CHECK(counts.ended[static_cast<std::size_t>(drain::Outcome::client_gone)] == 2);
  CHECK(counts.ended[static_cast<std::size_t>(drain::Outcome::completed)] == 1);
}
