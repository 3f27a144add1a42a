// What one client address may take, through a running data plane: connections, requests a second,
// the ceiling over all, and what gives way when descriptors run out.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/integration/abuse.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using http::Reason;
using std::chrono::milliseconds;

namespace {

config::Config limited(const std::string& server, const config::Clients& clients) {
  config::Config config;
  config.services.push_back(once(server));
  config.clients = clients;
  return config;
}

std::int64_t open_on_all(Plane& plane) {
  std::int64_t sum = 0;
  for (const auto* worker : plane->stats().workers) sum += worker->open_connections.read();
  return sum;
}

std::uint64_t sum_of(Plane& plane, stats::Counter stats::WorkerStats::*counter) {
  std::uint64_t sum = 0;
  for (const auto* worker : plane->stats().workers) sum += (worker->*counter).read();
  return sum;
}

bool serves(Plane& plane) {
  RawClient client = plane.client();
  client.send(get("/ok"));
  return client.read_response().status == 200;
}

// A request that is under way until the server is told.
RawClient busy(Plane& plane, TestServer& server) {
  RawClient client = plane.client();
  const std::size_t before = server.held();
  client.send(get("/hold"));
  REQUIRE(server.wait_for_held(before + 1));
  return client;
}

config::Network loopback(unsigned bits) {
  config::Network network;
  const std::uint8_t bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 0};
  std::copy(std::begin(bytes), std::end(bytes), network.bytes);
  network.prefix_bits = 96 + bits;
  return network;
}

// A connection from another address of this machine.
RawClient from(const std::string& address, std::uint8_t last) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in own{}, to{};
  own.sin_family = to.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(0x7f000000u | last);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port =
      htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own) == 0);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  return RawClient::adopt(fd);
}

}  // namespace

TEST_CASE("one address holds so many connections on all workers together", "[guard]") {
  TestServer blue("blue");
  config::Clients clients;
  clients.connections = 5;
  Plane plane(limited(blue.address(), clients), 2);
  std::vector<RawClient> held;
  for (int i = 0; i < 5; ++i) held.push_back(busy(plane, blue));
  for (std::uint64_t i = 1; i <= 20; ++i) {
    RawClient refused = plane.client();
    CHECK(refused.wait_for_end());
    CHECK(plane.reason_count(Reason::client_limited) == i);
  }
  CHECK(open_on_all(plane) == 5);
  RawClient other = from(plane.address(), 9);  // others are not its fault
  other.send(get("/ok"));
  CHECK(other.read_response().status == 200);
  blue.release_held();
  for (RawClient& client : held) CHECK(client.read_response().status == 200);
  held.clear();
  other.close();
  CHECK(until([&] { return open_on_all(plane) == 0; }));
  for (int i = 0; i < 5; ++i) CHECK(serves(plane));  // every place was given back
}

TEST_CASE("new connections over their rate are refused", "[guard]") {
  TestServer blue("blue");
  config::Clients clients;
  clients.connections_per_second = 2;
  Plane plane(limited(blue.address(), clients), 2);
  std::vector<RawClient> all;
  for (int i = 0; i < 40; ++i) all.push_back(plane.client());
  std::uint64_t refused = 0;
  REQUIRE(until([&] {
    refused = plane.reason_count(Reason::client_limited);
    return refused + static_cast<std::uint64_t>(open_on_all(plane)) == 40;
  }));
  CHECK(refused >= 20);
  CHECK(open_on_all(plane) >= 2);
  all.clear();
  CHECK(until([&] {  // with rest comes the next one
    RawClient client = plane.client();
    if (!client.try_send(get("/ok"))) return false;
    try {
      return client.read_response().status == 200;
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
}

TEST_CASE("requests over their rate get 429 on a connection that goes on", "[guard]") {
  TestServer blue("blue");
  config::Clients clients;
  clients.requests_per_second = 1;
  Plane plane(limited(blue.address(), clients), 1);
  RawClient client = plane.client();
  const std::string post =
      "POST /sink HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\n\r\nhello";
  int served = 0, limited_count = 0;
  for (int i = 0; i < 30; ++i) {
    client.send(i % 2 ? post : get("/ok"));
    const RawResponse answer = client.read_response();
    if (answer.status == 200) ++served;
    if (answer.status != 429) continue;
    ++limited_count;
    CHECK(answer.field("Retry-After") == "1");
    CHECK_FALSE(answer.has("Connection"));
  }
  CHECK(served >= 1);
  CHECK(served + limited_count == 30);
  CHECK(limited_count >= 20);
  CHECK(until([&] {
    return plane.reason_count(Reason::rate_limited) == static_cast<std::uint64_t>(limited_count);
  }));
  // With the second's rest it is served again, on the same connection.
  CHECK(until([&] {
    client.send(get("/ok"));
    return client.read_response().status == 200;
  }));
  CHECK(blue.requests() == static_cast<std::uint64_t>(served) + 1);
}

TEST_CASE("exempt networks and unix sockets are never limited", "[guard]") {
  TestServer blue("blue");
  config::Clients clients;
  clients.connections = 1;
  clients.connections_per_second = 1;
  clients.requests_per_second = 1;
  clients.exempt.push_back(loopback(8));
  Plane plane(limited(blue.address(), clients), 1);
  std::vector<RawClient> held;
  for (int i = 0; i < 10; ++i) held.push_back(busy(plane, blue));
  for (int i = 0; i < 10; ++i) CHECK(serves(plane));
  blue.release_held();
  CHECK(plane.reason_count(Reason::client_limited) == 0);
  CHECK(plane.reason_count(Reason::rate_limited) == 0);
}

TEST_CASE("a reload brings limits, changes them and takes them away", "[guard]") {
  TestServer blue("blue");
  Plane plane(limited(blue.address(), {}), 2);
  std::vector<RawClient> held;
  for (int i = 0; i < 4; ++i) held.push_back(busy(plane, blue));
  config::Config config = plane.config();
  config.clients.connections = 5;
  plane->reload(config, {});
  // The four that were there count: one more may come.
  std::vector<RawClient> more;
  REQUIRE(until([&] {  // every worker has heard of it when one is refused
    more.push_back(plane.client());
    pollfd ended{more.back().fd(), POLLIN, 0};
    return ::poll(&ended, 1, 20) == 1;
  }));
  more.pop_back();
  CHECK(plane.reason_count(Reason::client_limited) >= 1);
  CHECK(until([&] { return open_on_all(plane) >= 5; }));
  config.clients.connections = 0;
  plane->reload(config, {});
  CHECK(until([&] {
    RawClient client = plane.client();
    if (!client.try_send(get("/ok"))) return false;
    try {
      return client.read_response().status == 200;
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
  for (int i = 0; i < 10; ++i) held.push_back(busy(plane, blue));
  blue.release_held();
  for (RawClient& client : held) CHECK(client.read_response().status == 200);
  held.clear();
  more.clear();
  CHECK(until([&] { return open_on_all(plane) == 0; }));
}

TEST_CASE("the ceiling keeps who comes next waiting, not away", "[guard]") {
  TestServer blue("blue");
  config::Clients clients;
  clients.max_connections = 3;
  Plane plane(limited(blue.address(), clients), 2);
  std::vector<RawClient> held;
  for (int i = 0; i < 3; ++i) held.push_back(busy(plane, blue));
  std::vector<RawClient> waiting;
  for (int i = 0; i < 6; ++i) {
    waiting.push_back(plane.client());
    waiting.back().send(get("/ok", "Connection: close\r\n"));
  }
  REQUIRE(until([&] { return sum_of(plane, &stats::WorkerStats::ceiling_waits) > 0; }));
  CHECK(open_on_all(plane) == 3);
  CHECK(blue.requests() == 3);
  held.back().reset();  // one ends, and one after the other has its turn
  for (RawClient& client : waiting) CHECK(client.read_response().status == 200);
  CHECK(sum_of(plane, &stats::WorkerStats::accept_pauses) == 0);
  held.pop_back();
  blue.release_held();
  for (RawClient& client : held) CHECK(client.read_response().status == 200);
}

TEST_CASE("a ceiling that is raised or lifted by a reload lets the waiting in", "[guard]") {
  const unsigned raised = GENERATE(0u, 10u);
  TestServer blue("blue");
  config::Clients clients;
  clients.max_connections = 1;
  Plane plane(limited(blue.address(), clients), 2);
  RawClient held = busy(plane, blue);
  RawClient waiting = plane.client();
  waiting.send(get("/ok"));
  REQUIRE(until([&] { return sum_of(plane, &stats::WorkerStats::ceiling_waits) > 0; }));
  config::Config config = plane.config();
  config.clients.max_connections = raised;
  plane->reload(config, {});
  CHECK(waiting.read_response().status == 200);
  blue.release_held();
  CHECK(held.read_response().status == 200);
}

TEST_CASE("out of descriptors: the longest idle give way, the busy never", "[guard]") {
  TestServer blue("blue");
  Plane plane(once(blue.address()));
  RawClient working = busy(plane, blue);
  RawClient idle = plane.client();
  idle.send(get("/ok"));
  CHECK(idle.read_response().status == 200);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(
      std::stoi(plane.address().substr(plane.address().rfind(':') + 1))));
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  std::vector<int> clients;
  for (int i = 0; i < 60; ++i) clients.push_back(::socket(AF_INET, SOCK_STREAM, 0));
  rlimit low = old;
  low.rlim_cur = static_cast<rlim_t>(clients.back()) + 8;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  for (const int fd : clients) {
    CHECK(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  const stats::WorkerStats& stats = *plane->stats().workers[0];
  const bool evicted = until([&] { return stats.evicted_clients.read() > 0; });
  const bool was_first = evicted && idle.wait_for_end();
  // Who comes last is served while all the others sit there and say nothing.
  RawClient last = RawClient::adopt(clients.back());
  clients.pop_back();
  last.send(get("/nothing-is-needed-for-this"));
  const int status = last.read_response().status;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK(evicted);
  CHECK(was_first);
  CHECK(status == 200);
  blue.release_held();
  CHECK(working.read_response().status == 200);
  for (const int fd : clients) ::close(fd);
  working.close();
  last.close();
  CHECK(all_gone(plane));
}
