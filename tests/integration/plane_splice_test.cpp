// Large bodies that pass through pipes: to the byte, whoever is slow, gone or dead, and no pipe is
// lost (the pool of a worker ends the process when one is missing at its end).
#include <set>

#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using http::Reason;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t pipeful = net::PipePool::pipe_bytes;
// More than the kernel's buffers of both connections take.
constexpr std::size_t endless = 200'000'000;

std::uint64_t spliced(Plane& plane) {
  std::uint64_t sum = 0;
  for (const auto* worker : plane->stats().workers) sum += worker->spliced_bytes.read();
  return sum;
}

std::string upload(const std::string& target, const std::string& body) {
  return "POST " + target +
         " HTTP/1.1\r\nHost: shop.test\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::string sum_of(const std::string& body) {
  return "bytes=" + std::to_string(body.size()) + " fnv=" + std::to_string(body_hash(body));
}

// Takes none of an answer that fills every buffer; back when the proxy waits for it.
RawClient stalled(Plane& plane, const std::string& target) {
  RawClient client = plane.client();
  client.send(get(target));
  client.read_head();
  return client;
}

}  // namespace

TEST_CASE("answers of any size come to the byte, on one connection", "[splice]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  std::set<std::string> connections;
  for (const std::size_t size : {std::size_t{65'536}, std::size_t{140'000}, pipeful, pipeful + 1,
                                 4 * pipeful - 1, std::size_t{5'000'000}}) {
    client.send(get("/ok?bytes=" + std::to_string(size)));
    const RawResponse response = client.read_response();
    CHECK(response.complete);
    CHECK((response.body == body_of(size)));
    connections.insert(response.field("X-Connection"));
  }
  CHECK(connections.size() == 1);  // to the server: each answer's end was found
  CHECK(spliced(plane) > 5'000'000);
}

TEST_CASE("an answer without a length ends with its connection", "[splice]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  client.send("GET /close-delimited?bytes=3000000 HTTP/1.0\r\n\r\n");
  client.read_head();
  CHECK((client.read_to_end() == body_of(3'000'000)));
  CHECK_FALSE(client.reset_seen());
  // To a client of HTTP/1.1 it goes in chunks, which are written and not spliced.
  const std::uint64_t before = spliced(plane);
  CHECK(before > 1'000'000);
  CHECK((fetch(plane.address(), "/close-delimited?bytes=3000000").body == body_of(3'000'000)));
  CHECK(spliced(plane) == before);
}

TEST_CASE("uploads come to the byte, and the next request behind them", "[splice]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  for (const std::size_t size : {pipeful - 1, 3 * pipeful, std::size_t{5'000'000}}) {
    const std::string body = body_of(size);
    client.send(upload("/sink", body) + get("/ok"));  // in one go: nothing behind it may be lost
    CHECK(client.read_response().body.starts_with(sum_of(body)));
    CHECK(client.read_response().body == "ok");
  }
  CHECK(spliced(plane) > 5'000'000);
}

TEST_CASE("a body that may have to be sent again is not spliced away", "[splice]") {
  TestServer blue("blue");
  config::Service service = service_of("shop", {blue.address()}, {});
  service.retries.methods = {"POST"};
  service.limits.replay = 128 * 1024;
  Plane plane(service);
  const std::string body = body_of(128 * 1024);
  RawClient client = plane.client();
  client.send(upload("/sink", body));
  CHECK(client.read_response().body.starts_with(sum_of(body)));
  CHECK(spliced(plane) == 0);
}

TEST_CASE("readers that stall keep their bytes, more of them than there are pipes", "[splice]") {
  const std::string body = body_of(8'000'000);
  TestServerOptions options;
  options.raw = [&](RawClient& connection) {  // one body for all, where TestServer has one each
    const bool check = connection.read_head().find("/healthz") != std::string::npos;
    const std::string length = std::to_string(check ? 0 : body.size());
    connection.try_send("HTTP/1.1 200 OK\r\nContent-Length: " + length + "\r\n\r\n");
    if (!check) connection.try_send(body);
    connection.wait_for_end();
  };
  TestServer blue(options);
  Plane plane(service_of("shop", {blue.address()}, {}));
  std::vector<RawClient> clients;
  for (std::size_t i = 0; i < net::PipePool::most_pipes + 4; ++i)
    clients.push_back(stalled(plane, "/"));
  REQUIRE(until([&] { return plane->stats().workers.front()->pipes_refused.read() > 0; }));
  CHECK((clients.front().read_exact(body.size()) == body));
  CHECK((clients.back().read_exact(body.size()) == body));
}

TEST_CASE("a reader that stalls is cut by its deadline, not taken for one that has all",
          "[splice]") {
  TestServer blue("blue");
  config::Service service = service_of("shop", {blue.address()}, {});
  service.timeouts.write_idle = milliseconds(300);
  Plane plane(service);
  RawClient client = stalled(plane, "/ok?bytes=" + std::to_string(endless));
  CHECK(until([&] { return plane.reason_count(Reason::client_write_timeout) == 1; }));
  CHECK(until([&] { return plane.quiet(); }));
  client.read_to_end();
  CHECK(client.reset_seen());
}

TEST_CASE("clients and servers that go in the middle", "[splice]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  stalled(plane, "/ok?bytes=" + std::to_string(endless)).reset();
  CHECK(until([&] { return plane.quiet(); }));
  for (const std::string end : {"", "&rst=1"}) {
    RawClient client = plane.client();
    client.send(get("/truncate?bytes=900000" + end));
    CHECK_FALSE(client.read_response().complete);
    CHECK(client.wait_for_end());
  }
  CHECK(until([&] { return plane.reason_count(Reason::response_truncated) == 2; }));
  RawClient sender = plane.client();
  sender.send("POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n" +
              body_of(1'000'000));
  REQUIRE(blue.wait_for_requests(1));
  sender.reset();
  CHECK(until([&] { return plane.quiet(); }));
  RawClient stays = stalled(plane, "/ok?bytes=" + std::to_string(endless));
  blue.stop();
  stays.read_to_end();
  CHECK(until([&] { return plane.quiet(); }));
}

TEST_CASE("a drain waits for a body in a pipe, and its deadline cuts it", "[splice]") {
  TestServer blue("blue"), green("green");
  config::Service service = service_of("shop", {blue.address()}, {green.address()});
  const bool patient = GENERATE(true, false);
  constexpr std::size_t size = 20'000'000;
  if (!patient) service.drain.timeout = milliseconds(100);
  Plane plane(service);
  RawClient client = stalled(plane, "/ok?bytes=" + std::to_string(size));
  const auto record = plane.flip(Color::green);
  if (patient) {
    CHECK_FALSE(record->drained());
    CHECK((client.read_exact(size) == body_of(size)));
  }
  REQUIRE(plane.drained(record));
  const auto ended = record->counts()[static_cast<std::size_t>(drain::TrafficClass::request)].ended;
  const auto outcome = patient ? drain::Outcome::completed : drain::Outcome::forced;
  CHECK(ended[static_cast<std::size_t>(outcome)] == 1);
  if (patient) return;
  CHECK(client.read_to_end().size() < size);
  CHECK(client.reset_seen());
}
