// Servers that fail, fill up and come back, behind a running data plane.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

#include "tests/integration/abuse.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using namespace std::chrono_literals;

namespace {

config::Service round_robin(const std::vector<std::string>& blue,
                            const std::vector<std::string>& green = {}) {
  config::Service service = service_of("shop", blue, green);
  service.balance.policy = config::BalancePolicy::round_robin;
  service.health_check.interval = 1h;  // once: what happens then is the requests' business
  return service;
}

// A service whose servers take one connection each.
config::Service narrow(const std::vector<std::string>& blue,
                       const std::vector<std::string>& green = {}, unsigned limit = 1) {
  config::Service service = round_robin(blue, green);
  service.limits.connections_per_server = limit;
  service.limits.queue_timeout = 0s;
  return service;
}

const worker::ServerView& server_in(const worker::ServiceView& view, std::size_t i) {
  return view.pools[index_of(Color::blue)].servers.at(i);
}

bool checked(Plane& plane) {
  return plane.observer().wait([&] {
    const auto view = plane.view();
    for (const auto& server : view.pools[index_of(Color::blue)].servers) {
      if (server.health != upstream::Health::healthy) return false;
    }
    return true;
  });
}

std::uint64_t waiting(Plane& plane, Color color = Color::blue) {
  return plane.view().pools[index_of(color)].waiting;
}

bool until_waiting(Plane& plane, std::uint64_t n, Color color = Color::blue) {
  return until([&] { return waiting(plane, color) == n; });
}

// After a request's head a server of this kind does this, for ever.
void misbehave(const std::string& how, RawClient& server) {
  if (how == "hang") {
    server.read_to_end();
    return;
  }
  while (server.read_until("\r\n\r\n") != "") {
    if (how == "close") return;
    if (how == "reset") return server.reset();
    if (how == "garbage") return server.send("no such thing as HTTP\r\n\r\n");
    server.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  }
}

}  // namespace

TEST_CASE("a server that fails requests in a row is taken out, however it fails", "[servers]") {
  const std::string how = GENERATE("status", "close", "reset", "garbage", "hang", "refuse");
  INFO(how);
  TestServer good("good");
  TestServer bad(TestServerOptions{
      .name = "bad", .raw = [how](RawClient& server) {
        try {
          misbehave(how, server);
        } catch (const std::runtime_error&) {  // a check's connection says nothing
        }
      }});
  config::Service service = round_robin({bad.address(), good.address()});
  service.timeouts.response_head = 100ms;
  service.outlier.consecutive_failures = 3;
  Plane plane(service);
  REQUIRE(checked(plane));
  if (how == "refuse") bad.stop();
  RawClient client = plane.client();
  int sent = 0;
  for (; sent < 20 && server_in(plane.view(), 0).ejections == 0; ++sent) {
    client.send(get("/"));
    const RawResponse answer = client.read_response();
    const bool repeated = how == "refuse" || how == "close" || how == "reset";
    if (repeated) CHECK(answer.status == 200);  // by the other server
  }
  CHECK(sent <= 7);  // every other one, three times
  const worker::ServiceView view = plane.view();
  CHECK(server_in(view, 0).ejected_for > 5s);
  CHECK_THAT(server_in(view, 0).ejection, ContainsSubstring("3 failures in a row, the last: "));
  CHECK(server_in(view, 0).share_percent == 0);
  CHECK(server_in(view, 0).health == upstream::Health::healthy);  // another matter
  CHECK(server_in(view, 1).share_percent == 100);
  for (int i = 0; i < 20; ++i) {
    client.send(get("/"));
    CHECK(client.read_response().status == 200);
  }
}

TEST_CASE("an ejected server comes back by itself, and a flip there and back clears nothing",
          "[servers]") {
  std::atomic<bool> fails{true};
  TestServer good("good"), green("green");
  TestServer bad(TestServerOptions{
      .name = "bad", .raw = [&](RawClient& server) {
        try {
          while (server.read_until("\r\n\r\n") != "") {
            server.send(fails ? "HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n"
                              : "HTTP/1.1 200 OK\r\nX-Served-By: bad\r\nContent-Length: 0\r\n\r\n");
          }
        } catch (const std::runtime_error&) {
        }
      }});
  config::Service service = round_robin({bad.address(), good.address()}, {green.address()});
  service.outlier.consecutive_failures = 1;
  service.outlier.ejection = 1500ms;
  Plane plane(service);
  REQUIRE(checked(plane));
  RawClient client = plane.client();
  while (server_in(plane.view(), 0).ejections == 0) {
    client.send(get("/"));
    client.read_response();
  }
  fails = false;
  REQUIRE(plane.flip(Color::green));
  REQUIRE(plane.flip(Color::blue));
  CHECK(server_in(plane.view(), 0).ejected_for > 0ms);
  CHECK(until([&] {
    client.send(get("/"));
    return client.read_response().field("X-Served-By") == "bad";
  }));
  CHECK(server_in(plane.view(), 0).ejected_for == 0ms);
  CHECK(server_in(plane.view(), 0).ejections == 1);
}

TEST_CASE("the last server is never taken out, and its answers go on", "[servers]") {
  TestServer only("only"), second("second");
  config::Service service = round_robin({only.address(), second.address()});
  service.outlier.consecutive_failures = 1;
  service.outlier.max_ejected = 100;
  Plane plane(service);
  REQUIRE(checked(plane));
  RawClient client = plane.client();
  for (int i = 0; i < 20; ++i) {
    client.send(get("/status/503"));
    CHECK(client.read_response().body == "503");  // the server's, not the proxy's
  }
  const worker::ServiceView view = plane.view();
  CHECK(server_in(view, 0).ejections + server_in(view, 1).ejections == 1);
  CHECK(server_in(view, 0).ejections_withheld + server_in(view, 1).ejections_withheld > 0);
}

TEST_CASE("a server that hangs in connect holds no request that another could take", "[servers]") {
  TestServer good("good");
  // A listener whose backlog is full drops every SYN.
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof any;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&any), size) == 0);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&any), &size) == 0);
  REQUIRE(::listen(fd, 0) == 0);
  std::vector<int> fillers;
  for (int i = 0; i < 3; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ::connect(fillers.back(), reinterpret_cast<sockaddr*>(&any), size);
  }
  config::Service service =
      round_robin({"127.0.0.1:" + std::to_string(ntohs(any.sin_port)), good.address()});
  service.timeouts.connect = 50ms;
  service.outlier.consecutive_failures = 3;
  // Both checks are still waiting, and say nothing: one that had passed would get everything.
  service.health_check.path = "/hang";
  service.health_check.timeout = 24h;
  Plane plane(service);
  RawClient client = plane.client();
  for (int i = 0; i < 30; ++i) {
    client.send(get("/"));
    CHECK(client.read_response().status == 200);
  }
  CHECK(server_in(plane.view(), 0).ejections == 1);
  CHECK_THAT(server_in(plane.view(), 0).ejection, ContainsSubstring("connect_timeout"));
  for (const int filler : fillers) ::close(filler);
  ::close(fd);
}

TEST_CASE("a stale kept connection is no failure of its server", "[servers]") {
  TestServer closing(
      TestServerOptions{.name = "closing", .close_after = 1, .announce_close = false});
  TestServer other("other");
  config::Service service = round_robin({closing.address(), other.address()});
  service.outlier.consecutive_failures = 1;
  Plane plane(service);
  REQUIRE(checked(plane));
  RawClient client = plane.client();
  for (int i = 0; i < 60; ++i) {
    client.send(get("/"));
    CHECK(client.read_response().status == 200);
  }
  CHECK(server_in(plane.view(), 0).ejections == 0);
}

TEST_CASE("a server takes as many connections as it may, and everybody is served", "[servers]") {
  const unsigned workers = GENERATE(1u, 2u);
  TestServer blue(TestServerOptions{.name = "blue"});
  Plane plane(narrow({blue.address()}, {}, 3), workers);
  REQUIRE(checked(plane));
  REQUIRE(until([&] { return blue.connections() == 1; }));  // the check's
  const std::uint64_t by_checks = 1;
  std::atomic<int> served{0}, most{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 24; ++c) {
    clients.emplace_back([&] {
      RawClient client = plane.client();
      for (int i = 0; i < 40; ++i) {
        client.send(get("/ok?bytes=100"));
        served += client.read_response().status == 200;
        const auto open = static_cast<int>(server_in(plane.view(), 0).connections);
        for (int seen = most; open > seen && !most.compare_exchange_weak(seen, open);) {
        }
      }
    });
  }
  for (auto& client : clients) client.join();
  CHECK(served == 24 * 40);
  CHECK(most <= 3);
  CHECK(most >= 2);
  CHECK(waiting(plane) == 0);
  // Connections were carried from worker to worker, not closed and made anew.
  CHECK(blue.connections() - by_checks <= 3);
  CHECK(server_in(plane.view(), 0).connections <= 3);
}

TEST_CASE("an idle connection of another worker is no reason to wait", "[servers]") {
  TestServer blue("blue");
  Plane plane(narrow({blue.address()}), 4);
  REQUIRE(checked(plane));
  REQUIRE(until([&] { return blue.connections() == 1; }));  // the check's
  const std::uint64_t by_checks = 1;
  std::vector<RawClient> clients;
  for (int i = 0; i < 24; ++i) {  // they spread over the workers
    clients.push_back(plane.client());
    clients.back().send(get("/"));
    CHECK(clients.back().read_response().status == 200);
  }
  CHECK(blue.connections() - by_checks == 1);
}

TEST_CASE("who waits is served in the order of coming, whatever the worker", "[servers]") {
  TestServer blue("blue");
  Plane plane(narrow({blue.address()}), 3);
  REQUIRE(checked(plane));
  RawClient holder = plane.client();
  holder.send(get("/hold"));
  REQUIRE(blue.wait_for_held(1));
  std::vector<RawClient> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(plane.client());
    clients.back().send(get("/turn/" + std::to_string(i)));
    REQUIRE(until_waiting(plane, static_cast<std::uint64_t>(i) + 1));
  }
  blue.release_held();
  CHECK(holder.read_response().status == 200);
  for (auto& client : clients) CHECK(client.read_response().status == 200);
  std::vector<std::string> turns;
  for (const SeenRequest& seen : blue.seen()) {
    if (seen.target.starts_with("/turn/")) turns.push_back(seen.target);
  }
  REQUIRE(turns.size() == 12);
  for (int i = 0; i < 12; ++i) CHECK(turns[i] == "/turn/" + std::to_string(i));
}

TEST_CASE("the queue is bounded in number and in time", "[servers]") {
  TestServer blue("blue");
  config::Service service = narrow({blue.address()});
  service.limits.queue = 2;
  service.limits.queue_timeout = 300ms;
  Plane plane(service);
  REQUIRE(checked(plane));
  RawClient holder = plane.client(), first = plane.client(), second = plane.client(),
            third = plane.client();
  holder.send(get("/hold"));
  REQUIRE(blue.wait_for_held(1));
  first.send(get("/"));
  second.send(get("/"));
  REQUIRE(until(
      [&] { return waiting(plane) == 2 || plane.reason_count(http::Reason::queue_timeout) > 0; }));
  third.send(get("/"));
  for (RawClient* client : {&third, &first, &second}) {
    const RawResponse answer = client->read_response();
    CHECK(answer.status == 503);
    CHECK(answer.field("Retry-After") == "1");
  }
  // Counted once the answer is on its way: the client may be ahead of the counter.
  REQUIRE(until([&] {
    return plane.reason_count(http::Reason::queue_timeout) +
               plane.reason_count(http::Reason::queue_full) ==
           3;
  }));
  CHECK(plane.reason_count(http::Reason::queue_timeout) >= 2);
  blue.release_held();
  CHECK(holder.read_response().status == 200);
  first.send(get("/"));  // the connection goes on
  CHECK(first.read_response().status == 200);
}

TEST_CASE("a client that goes away leaves the queue", "[servers]") {
  TestServer blue("blue");
  Plane plane(narrow({blue.address()}));
  REQUIRE(checked(plane));
  RawClient holder = plane.client(), gone = plane.client(), stays = plane.client();
  holder.send(get("/hold"));
  REQUIRE(blue.wait_for_held(1));
  gone.send(get("/gone"));
  REQUIRE(until_waiting(plane, 1));
  stays.send(get("/stays"));
  REQUIRE(until_waiting(plane, 2));
  gone.reset();
  REQUIRE(until_waiting(plane, 1));
  blue.release_held();
  CHECK(stays.read_response().status == 200);
  for (const SeenRequest& seen : blue.seen()) CHECK(seen.target != "/gone");
}

TEST_CASE("a flip takes those who wait along, and none of them fails", "[servers]") {
  const unsigned workers = GENERATE(1u, 2u);
  TestServer blue("blue"), green("green");
  config::Service service = narrow({blue.address()}, {green.address()}, 2);
  service.limits.queue = 8;
  Plane plane(service, workers);
  REQUIRE(checked(plane));
  RawClient holder = plane.client(), second = plane.client();
  holder.send(get("/hold"));
  second.send(get("/hold"));
  REQUIRE(blue.wait_for_held(2));
  std::vector<RawClient> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(plane.client());
    clients.back().send("POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 2\r\n\r\nhi");
  }
  REQUIRE(until_waiting(plane, 8));
  const auto record = plane.flip(Color::green);
  REQUIRE(record);
  for (auto& client : clients) {
    const RawResponse answer = client.read_response();
    CHECK(answer.status == 200);
    CHECK(answer.field("X-Served-By") == "green");
  }
  blue.release_held();
  CHECK(holder.read_response().field("X-Served-By") == "blue");
  CHECK(second.read_response().field("X-Served-By") == "blue");
  REQUIRE(plane.drained(record));
  const auto counts = record->counts()[0];
  CHECK(counts.accepted == 10);
  const auto ended = [&](drain::Outcome how) {
    return counts.ended[static_cast<std::size_t>(how)];
  };
  CHECK(ended(drain::Outcome::moved) == 8);
  CHECK(ended(drain::Outcome::completed) == 2);
  CHECK(ended(drain::Outcome::failed) == 0);
}

TEST_CASE("flips there and back while everybody queues fail nobody", "[servers]") {
  TestServer blue("blue"), green("green");
  Plane plane(narrow({blue.address()}, {green.address()}, 2), 2);
  REQUIRE(checked(plane));
  std::atomic<bool> over{false};
  std::atomic<int> served{0}, failed{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 16; ++c) {
    clients.emplace_back([&, c] {
      RawClient client = plane.client();
      while (!over) {
        client.send(c % 2 ? get("/ok?bytes=10")
                          : "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 2\r\n\r\nhi");
        ++(client.read_response().status == 200 ? served : failed);
      }
    });
  }
  for (int i = 0; i < 30; ++i) {
    const int before = served;
    CHECK(plane.flip(i % 2 ? Color::blue : Color::green));
    CHECK(until([&] { return served > before + 20; }));
  }
  over = true;
  for (auto& client : clients) client.join();
  CHECK(failed == 0);
  CHECK(until([&] { return plane.quiet() && waiting(plane) + waiting(plane, Color::green) == 0; }));
}

TEST_CASE("a tunnel holds its place until it ends", "[servers]") {
  TestServer blue("blue");
  Plane plane(narrow({blue.address()}));
  REQUIRE(checked(plane));
  RawClient tunnel = plane.client(), client = plane.client();
  tunnel.send(get("/upgrade", "Connection: Upgrade\r\nUpgrade: echo\r\n"));
  REQUIRE(tunnel.read_head().find("101") != std::string::npos);
  client.send(get("/"));
  REQUIRE(until_waiting(plane, 1));
  CHECK(server_in(plane.view(), 0).connections == 1);
  tunnel.close();
  CHECK(client.read_response().status == 200);
}

TEST_CASE("reloads change the limit for those who wait", "[servers]") {
  TestServer blue("blue");
  Plane plane(narrow({blue.address()}), 2);
  REQUIRE(checked(plane));
  RawClient holder = plane.client(), client = plane.client();
  holder.send(get("/hold"));
  REQUIRE(blue.wait_for_held(1));
  client.send(get("/"));
  REQUIRE(until_waiting(plane, 1));
  config::Config changed = plane.config();
  changed.services[0].limits.connections_per_server = 0;
  plane->reload(changed, {});
  CHECK(client.read_response().status == 200);
  changed.services[0].limits.connections_per_server = 1;
  plane->reload(changed, {});
  blue.release_held();
  CHECK(holder.read_response().status == 200);
  CHECK(until([&] {
    client.send(get("/"));
    return client.read_response().status == 200 && server_in(plane.view(), 0).connections <= 1;
  }));
}

TEST_CASE("weight 0 takes nothing new and finishes what it has", "[servers]") {
  TestServer one("one"), two("two");
  Plane plane(round_robin({one.address(), two.address()}));
  REQUIRE(checked(plane));
  RawClient holder = plane.client(), client = plane.client();
  holder.send(get("/hold"));
  REQUIRE(until([&] { return one.held() + two.held() == 1; }));
  TestServer& holding = one.held() ? one : two;
  config::Config changed = plane.config();
  changed.services[0].blue.servers[one.held() ? 0 : 1].weight = 0;
  plane->reload(changed, {});
  REQUIRE(until([&] {  // the worker has adopted it when the other serves twice running
    std::string served;
    for (int i = 0; i < 2; ++i) {
      client.send(get("/"));
      served += client.read_response().field("X-Served-By");
    }
    return served.find(holding.name()) == std::string::npos;
  }));
  const std::uint64_t before = holding.requests();
  for (int i = 0; i < 20; ++i) {
    client.send(get("/"));
    CHECK(client.read_response().status == 200);
  }
  CHECK(holding.requests() == before);
  holding.release_held();
  CHECK(holder.read_response().status == 200);
}
