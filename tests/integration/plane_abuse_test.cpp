// Clients that mean harm, or whose networks do: every stage cut off, floods, drips, readers that do
// not read; and what so many of them cost.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include "tests/integration/abuse.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using http::Reason;
using std::chrono::milliseconds;

namespace {
const std::string piece(64 * 1024, 'x');
constexpr milliseconds quiet_time{60};

// What answers the clients that come after all the abuse.
void check_alive(Plane& plane) {
  RawClient client = plane.client();
  client.send(get("/ok"));
  CHECK(client.read_response().status == 200);
}

sockaddr_in port_of(const std::string& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port =
      htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  return to;
}
}  // namespace

TEST_CASE("a client may leave at every stage", "[abuse]") {
  const End how = GENERATE(End::fin, End::rst);
  TestServer blue("blue");
  Plane plane(once(blue.address()));
  const std::vector<std::string> stages = {
      "",
      "\r\n",
      "GE",
      "GET / HTTP/1.1\r\nHost: a\r\n",
      get("/hang"),
      get("/sse?events=0&ms=5"),
      get("/ok?bytes=50000000"),
      get("/nowhere/404") + get("/hang"),
      "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + piece,
      "POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
      "POST /hang HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n",
      "PUT /sink HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
      "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n" + piece,
      "BAD\r\n\r\n",
  };
  for (const std::string& bytes : stages) {
    RawClient client = plane.client();
    client.send(bytes);
    if (bytes.find("/hang") != std::string::npos && bytes.find("POST") != 0) {
      const std::uint64_t before = blue.requests();
      CHECK(until([&] { return blue.requests() >= std::max<std::uint64_t>(before, 1); }));
      if (how == End::fin) {  // a FIN after a whole request is no cancel: only a reset is
        client.reset();
        continue;
      }
    }
    if (bytes.find("/sse") != std::string::npos) client.read_until("data: 1");
    if (bytes.find("50000000") != std::string::npos) client.read_head();
    end(client, how);
  }
  CHECK(all_gone(plane));
  check_alive(plane);
}

TEST_CASE("a client may leave while it waits at the door or for a connection", "[abuse]") {
  TestServer blue("blue");
  Plane plane(once(blue.address()));
  REQUIRE(plane->pause("shop"));
  std::vector<RawClient> waiting;
  for (int i = 0; i < 40; ++i) {
    waiting.push_back(plane.client());
    waiting.back().send(get("/ok"));
  }
  CHECK(until([&] { return plane.view().waiting == 40; }));
  for (std::size_t i = 0; i < 40; i += 2) waiting[i].reset();
  CHECK(until([&] { return plane.view().waiting == 20; }));
  REQUIRE(plane->resume("shop"));
  for (std::size_t i = 1; i < 40; i += 2) CHECK(waiting[i].read_response().status == 200);
  CHECK(plane.view().waiting == 0);
  waiting.clear();
  CHECK(all_gone(plane));
}

TEST_CASE("a client may leave while its connection to a server is being made", "[abuse]") {
  // A listener whose backlog is full answers no SYN.
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at = port_of("127.0.0.1:0");
  socklen_t size = sizeof at;
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&at), size) == 0);
  REQUIRE(::listen(listener, 0) == 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    ::connect(fillers.back(), reinterpret_cast<sockaddr*>(&at), size);
  }
  config::Service service = once("127.0.0.1:" + std::to_string(ntohs(at.sin_port)));
  service.timeouts.connect = std::chrono::seconds(60);
  service.health_check.interval = std::chrono::hours(1);
  service.health_check.timeout = std::chrono::minutes(1);
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get("/ok"));
  REQUIRE(until([&] { return plane.in_flight(Color::blue) == 1; }));
  client.reset();
  CHECK(all_gone(plane));
  for (const int fd : fillers) ::close(fd);
  ::close(listener);
}

TEST_CASE("a shutdown sends away who waits at the door", "[abuse]") {
  TestServer blue("blue");
  Plane plane(once(blue.address()));
  REQUIRE(plane->pause("shop"));
  RawClient client = plane.client();
  client.send(get("/ok"));
  REQUIRE(until([&] { return plane.view().waiting == 1; }));
  std::atomic<bool> done{false};
  plane->shut_down(std::chrono::minutes(5), [&] { done = true; });
  CHECK(client.read_response().status == 503);
  CHECK(client.wait_for_end());
  client.close();
  CHECK(until([&] { return done.load(); }));
}

TEST_CASE("requests that come byte by byte are served", "[abuse]") {
  TestServer blue("blue");
  Plane plane(once(blue.address()));
  RawClient client = plane.client();
  const std::string bytes =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
      "3;e=\"v\"\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 42\r\nX-Other: 1\r\n\r\n" +
      get("/ok?bytes=3");
  for (const char c : bytes) client.send({&c, 1});
  const RawResponse answer = client.read_response();
  CHECK(answer.status == 200);
  CHECK_THAT(answer.body, ContainsSubstring("abcde"));
  CHECK_THAT(answer.body, ContainsSubstring("X-Sum"));
  CHECK(client.read_response().body == body_of(3));
}

TEST_CASE("a head that drips is cut by its deadline, not by its last byte", "[abuse]") {
  TestServer blue("blue");
  config::Service service = once(blue.address());
  service.timeouts.request_head = milliseconds(200);
  Plane plane(service);
  RawClient client = plane.client();
  client.send("GET / HTTP/1.1\r\nX: ");
  CHECK(until([&] {
    client.try_send("a");
    return plane.reason_count(Reason::head_timeout) == 1;
  }));
  CHECK(client.read_response().status == 408);
}

TEST_CASE("floods of requests that are answered at once leave others their turn", "[abuse]") {
  TestServer blue("blue");
  config::Config config;
  config.services.push_back(once(blue.address()));
  config.services.back().match = config::Match{{"shop.test"}, "/"};
  Plane plane(config, 1);
  const std::string strange = "GET / HTTP/1.1\r\nHost: nowhere\r\n\r\n";
  std::string flood;
  while (flood.size() < 60'000) flood += strange;
  std::atomic<bool> stop{false};
  RawClient attacker = plane.client();
  std::thread writer([&] {
    while (!stop && attacker.try_send(flood)) {
    }
  });
  std::thread reader([&] {
    while (!attacker.read_some().empty()) {
    }
  });
  for (int i = 0; i < 20; ++i) {
    RawClient client = plane.client();
    client.send(get("/ok"));
    CHECK(client.read_response().status == 200);
  }
  stop = true;
  writer.join();
  attacker.half_close();
  reader.join();
  attacker.close();
  CHECK(all_gone(plane));
}

TEST_CASE("a flood that reads no answers is held up, and all of it is answered later", "[abuse]") {
  TestServer blue("blue");
  Plane plane(once(blue.address()));
  const std::string path = GENERATE("/ok?bytes=20000", "/status/204");
  RawClient client = plane.client();
  const std::string one = get(path);
  std::size_t sent = 0, count = 0;
  for (; count < 3000 && sent < 100'000'000; ++count) {
    pollfd ready{client.fd(), POLLOUT, 0};
    if (::poll(&ready, 1, 50) == 0) break;
    client.send(one);
    sent += one.size();
  }
  for (std::size_t i = 0; i < count; ++i) {
    const RawResponse answer = client.read_response();
    REQUIRE(answer.complete);
    REQUIRE((answer.status == 204 || answer.body.size() == 20000));
  }
  client.close();
  CHECK(all_gone(plane));
}

TEST_CASE("own answers that nobody reads end with their client", "[abuse]") {
  TestServer blue("blue");
  config::Config config;
  config.services.push_back(once(blue.address()));
  config.services.back().match = config::Match{{"shop.test"}, "/"};
  Plane plane(config, 1);
  std::string flood;
  while (flood.size() < 60'000) flood += "GET / HTTP/1.1\r\nHost: nowhere\r\n\r\n";
  RawClient client = plane.client();
  client.send_until_blocked(flood, quiet_time);
  const bool reload = GENERATE(false, true);
  if (reload) {  // the service is replaced under an answer that waits
    config::Config other = plane.config();
    other.services.front().name = "other";
    plane->reload(other, {});
    plane->reload(other, {});
  }
  client.reset();
  CHECK(until([&] { return open_sessions(plane) == 0; }));
  check_alive(plane);
}

TEST_CASE("an upload whose server stops reading is held up", "[abuse]") {
  TestServer stuck(raw([](RawClient& server) {
    server.read_head();
    pollfd closed{server.fd(), POLLRDHUP, 0};
    ::poll(&closed, 1, 20'000);
  }));
  Plane plane(once(stuck.address()));
  RawClient client = plane.client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
  const std::size_t before = resident_bytes();
  const std::size_t sent = client.send_until_blocked(piece, quiet_time);
  CHECK(sent < 64'000'000);  // kernels' buffers and one of ours
  CHECK(resident_bytes() < before + 32'000'000);
  client.reset();
  CHECK(all_gone(plane));
}

TEST_CASE("out of descriptors: accepting pauses and goes on", "[abuse]") {
  TestServer blue("blue");
  Plane plane(once(blue.address()));
  check_alive(plane);
  const sockaddr_in to = port_of(plane.address());
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  std::vector<int> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(::socket(AF_INET, SOCK_STREAM, 0));
  rlimit low = old;
  low.rlim_cur = static_cast<rlim_t>(clients.back()) + 5;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  for (const int fd : clients) {
    CHECK(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  const bool paused = until([&] { return plane->stats().workers[0]->accept_pauses.read() > 0; });
  RawClient last = RawClient::adopt(clients.back());
  clients.pop_back();
  for (const int fd : clients) ::close(fd);  // and what the proxy held for them
  last.send(get("/nothing-is-needed-for-this"));
  const int status = last.read_response().status;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK(paused);
  CHECK(status == 200);
  last.close();
  CHECK(all_gone(plane));
}

TEST_CASE("idle connections are small", "[abuse]") {
  constexpr int count = 5000;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 2 * count + 100) return;  // both ends are in this process
  TestServer blue("blue");
  Plane plane(once(blue.address()));
  check_alive(plane);
  REQUIRE(until([&] { return open_sessions(plane) == 0; }));
  const sockaddr_in to = port_of(plane.address());
  std::vector<int> clients(count, -1);
  const std::size_t before = resident_bytes();
  for (int i = 0; i < count; ++i) {
    clients[i] = ::socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(::connect(clients[i], reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  REQUIRE(until([&] { return open_sessions(plane) == count; }));
  const std::size_t each = (resident_bytes() - before) / count;
  INFO("bytes each: " << each);
  if (memory_is_measured) CHECK(each < 1024);
  for (const int fd : clients) ::close(fd);
  CHECK(all_gone(plane));
}
