// Floods of all kinds against a running data plane: each is bounded in memory, cut by a deadline or
// a rate, and counted, while others are served. docs/limits.md has the figures of longer ones.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "tests/integration/abuse.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using http::Reason;
using std::chrono::milliseconds;

namespace {

// An answer is sent before it is counted.
bool counted(Plane& plane, Reason reason, std::uint64_t wanted) {
  return until([&] { return plane.reason_count(reason) == wanted; });
}

constexpr std::size_t mib = 1 << 20;

RawResponse ask(Plane& plane, const std::string& bytes) {
  RawClient client = plane.client();
  client.send(bytes);
  return client.read_response();
}

bool others_are_served(Plane& plane) {
  return ask(plane, get("/ok")).status == 200;
}

// Bytes a second that nobody reaches in a test, over windows that are over soon.
config::Service strict(const std::string& server) {
  config::Service service = once(server);
  service.limits.min_rate = 1'000'000'000;
  service.limits.min_rate_window = milliseconds(100);
  return service;
}

std::vector<RawClient> flood(Plane& plane, int count, const std::string& bytes) {
  std::vector<RawClient> clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(plane.client());
    clients.back().send(bytes);
  }
  return clients;
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

const std::string chunked_head =
    "POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string endless_head =
    "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n";

}  // namespace

TEST_CASE("a thousand slow heads are cut by their deadline", "[flood]") {
  constexpr int count = 1000;
  TestServer blue("blue");
  config::Service service = once(blue.address());
  service.timeouts.request_head = milliseconds(1500);
  Plane plane(service);
  CHECK(others_are_served(plane));
  const std::size_t before = resident_bytes();
  std::vector<RawClient> clients = flood(plane, count, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
  CHECK(others_are_served(plane));
  CHECK(until([&] {  // every byte asks for more time, and gets none
    for (RawClient& client : clients) client.try_send("a");
    return plane.reason_count(Reason::head_timeout) == count;
  }));
  if (memory_is_measured) CHECK(resident_bytes() < before + count * 24 * 1024);
  // The last one: what the first has sent since its end may have cost it the answer (a reset).
  CHECK(clients.back().read_response().status == 408);
  clients.clear();
  CHECK(all_gone(plane));
  CHECK(others_are_served(plane));
  if (memory_is_measured) CHECK(resident_bytes() < before + 16 * mib);
}

TEST_CASE("a slow head behind a pipelined request has its deadline too", "[flood]") {
  TestServer blue("blue");
  config::Service service = once(blue.address());
  service.timeouts.request_head = milliseconds(200);
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get("/ok") + get("/ok") + "GET / HT");
  CHECK(client.read_response().status == 200);
  CHECK(client.read_response().status == 200);
  CHECK(until([&] {
    client.try_send("T");
    return plane.reason_count(Reason::head_timeout) + plane.reason_count(Reason::bad_request_line) >
           0;
  }));
}

TEST_CASE("connections that say nothing, and that come and go, leave nothing behind", "[flood]") {
  TestServer blue("blue");
  config::Service service = once(blue.address());
  service.timeouts.request_head = milliseconds(500);
  Plane plane(service);
  CHECK(others_are_served(plane));
  const std::size_t before = resident_bytes();
  std::vector<RawClient> silent = flood(plane, 500, "");
  for (int i = 0; i < 3000; ++i) {
    RawClient client = plane.client();
    if (i % 3 == 0) client.reset();
    if (i % 3 == 1) client.half_close();
  }
  CHECK(others_are_served(plane));
  for (RawClient& client : silent) CHECK(client.wait_for_end());
  CHECK(all_gone(plane));
  if (memory_is_measured) CHECK(resident_bytes() < before + 8 * mib);
}

TEST_CASE("slow bodies are cut by their rate, before and behind an answer's beginning", "[flood]") {
  constexpr int count = 200;
  TestServer blue("blue");
  Plane plane(strict(blue.address()));
  std::vector<RawClient> clients = flood(plane, count, endless_head);
  std::atomic<bool> stop{false};
  std::thread drip([&] {
    while (!stop) {
      for (RawClient& client : clients) client.try_send("x");
    }
  });
  CHECK(counted(plane, Reason::body_too_slow, count));
  stop = true;
  drip.join();
  CHECK(clients.back().read_response().status == 408);
  clients.clear();
  CHECK(all_gone(plane));
  // With /mirror the answer begins with the body's first byte: no 408 can follow it.
  RawClient answered = plane.client();
  answered.send("POST /mirror HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
  const RawResponse answer = answered.read_response();
  CHECK(answer.status == 200);
  CHECK_FALSE(answer.complete);
  CHECK(counted(plane, Reason::body_too_slow, count + 1));
  CHECK(all_gone(plane));
}

TEST_CASE("a body within its rate may take many windows", "[flood]") {
  TestServer blue("blue");
  config::Service service = strict(blue.address());
  service.limits.min_rate = 1;
  service.limits.min_rate_window = milliseconds(300);
  Plane plane(service);
  RawClient client = plane.client();
  client.send("POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n");
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 3000; ++i) {
    client.send("x");
    // 500 µs each: five windows, none without a byte, however long a busy machine lets us wait.
    while (std::chrono::steady_clock::now() < begin + std::chrono::microseconds(500) * i) {
    }
  }
  CHECK(client.read_response().status == 200);
}

TEST_CASE("a client that waits for its server is never too slow", "[flood]") {
  TestServer blue("blue");
  Plane plane(strict(blue.address()));
  // Silent event streams, slow servers, slow answers: many windows long.
  RawClient events = plane.client(), slow = plane.client(), drips = plane.client();
  events.send(get("/sse?events=4&ms=150"));
  slow.send(get("/slow-head?ms=500"));
  drips.send(get("/slow-body?bytes=100&ms=60"));
  CHECK(events.read_response().complete);
  CHECK(slow.read_response().status == 200);
  CHECK(drips.read_response().complete);
  CHECK(plane.reason_count(Reason::client_too_slow) == 0);
  CHECK(plane.reason_count(Reason::body_too_slow) == 0);
}

TEST_CASE("an upload that its server holds up is not the client's fault", "[flood]") {
  TestServer stuck(raw([](RawClient& server) {
    server.read_head();
    pollfd closed{server.fd(), POLLRDHUP, 0};
    ::poll(&closed, 1, 20'000);
  }));
  config::Service service = strict(stuck.address());
  service.timeouts.response_head = milliseconds(1000);
  Plane plane(service);
  RawClient client = plane.client();
  client.send(endless_head);
  const std::string piece(64 * 1024, 'x');
  std::thread upload([&] {
    while (client.try_send(piece)) {
    }
  });
  CHECK(counted(plane, Reason::response_timeout, 1));
  CHECK(plane.reason_count(Reason::body_too_slow) == 0);
  client.read_to_end();
  upload.join();
}

TEST_CASE("readers that do not read are cut, and hold little", "[flood]") {
  constexpr int count = 100;
  const std::string piece(64 * 1024, 'x');
  TestServer endless(raw([&](RawClient& server) {
    const bool is_short = server.read_head().find(" /ok ") != std::string::npos;
    if (is_short) {
      server.try_send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    server.try_send("HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n");
    while (server.try_send(piece)) {
    }
  }));
  config::Service service = strict(endless.address());
  service.limits.min_rate_window = milliseconds(500);
  Plane plane(service);
  CHECK(others_are_served(plane));
  const std::size_t before = resident_bytes();
  std::vector<RawClient> clients = flood(plane, count, get("/"));
  // On a busy machine the first are cut before the last are there.
  CHECK(until([&] {
    return plane.in_flight(Color::blue) + plane.reason_count(Reason::client_too_slow) >= count;
  }));
  CHECK(others_are_served(plane));
  // One buffer for each reader; a thread's stack for each server, which is this process too.
  if (memory_is_measured) CHECK(resident_bytes() < before + count * 256 * 1024 + 8 * mib);
  CHECK(counted(plane, Reason::client_too_slow, count));
  for (RawClient& client : clients) client.reset();
  CHECK(all_gone(plane));
}

TEST_CASE("a reader whose progress the kernel hides is not cut for its silence", "[flood]") {
  TestServer blue("blue");
  config::Service service = once(blue.address());
  service.timeouts.write_idle = milliseconds(300);
  service.limits.min_rate = 0;
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get("/ok?bytes=20000000"));
  std::size_t got = 0;
  // A socket wakes its writer after megabytes; this one takes 64 KiB every 20 ms.
  const auto begin = std::chrono::steady_clock::now();
  for (int turn = 1; got < 6'000'000; ++turn) {
    got += client.read_exact(64 * 1024).size();
    while (std::chrono::steady_clock::now() < begin + milliseconds(20) * turn) {
    }
  }
  CHECK(plane.reason_count(Reason::client_write_timeout) == 0);
  CHECK(counted(plane, Reason::client_write_timeout, 1));  // it stopped
}

TEST_CASE("bombs in heads are refused with the limit's own answer", "[flood]") {
  TestServer blue("blue");
  Plane plane(once(blue.address()));
  CHECK(others_are_served(plane));
  const std::size_t before = resident_bytes();
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 20; ++i) {
    CHECK(ask(plane, begin + repeated("X: 1\r\n", 500)).status == 431);
    CHECK(ask(plane, begin + "Cookie: " + std::string(300'000, 'c')).status == 431);
    CHECK(ask(plane, begin + "Cookie: " + std::string(60'000, 'c') + "\r\n\r\n").status == 200);
    CHECK(ask(plane, begin + repeated("Cookie: a=b\r\n", 101)).status == 431);
    CHECK(ask(plane, "GET /" + std::string(17'000, 't')).status == 414);
    CHECK(ask(plane, std::string(70'000, 'M')).status == 501);
    CHECK(ask(plane, begin + std::string(2000, 'n') + ": 1\r\n\r\n").status == 431);
    CHECK(ask(plane, repeated("\r\n", 10'000)).status == 400);
  }
  CHECK(counted(plane, Reason::target_too_long, 20));
  CHECK(counted(plane, Reason::head_too_large, 40));
  CHECK(counted(plane, Reason::too_many_fields, 40));
  CHECK(all_gone(plane));
  if (memory_is_measured) CHECK(resident_bytes() < before + 8 * mib);
}

TEST_CASE("endless framing around a body is refused", "[flood]") {
  TestServer blue("blue");
  Plane plane(once(blue.address()));
  CHECK(ask(plane, chunked_head + "1;" + std::string(1000, 'e')).status == 400);
  CHECK(
      ask(plane, chunked_head + repeated("1;a=bcdefghijklmnopqrstuvwxyz\r\nx\r\n", 2000)).status ==
      400);
  CHECK(ask(plane, chunked_head + "0\r\n" + repeated("X-T: 1\r\n", 9000)).status == 431);
  CHECK(ask(plane, chunked_head + "0\r\nX-T: " + std::string(200'000, 't')).status == 431);
  CHECK(ask(plane, chunked_head + std::string(100, '0') + "\r\n").status == 400);
  CHECK(counted(plane, Reason::bad_chunk, 3));
  CHECK(until([&] {
    return plane.reason_count(Reason::trailers_too_large) +
               plane.reason_count(Reason::too_many_fields) ==
           2;
  }));
  // Chunks of one byte are legal, and pass as the few bytes they are.
  const std::size_t before = resident_bytes();
  RawClient client = plane.client();
  client.send(chunked_head);
  for (int i = 0; i < 20; ++i) client.send(repeated("1\r\nx\r\n", 5000));
  client.send("0\r\n\r\n");
  CHECK_THAT(client.read_response().body, ContainsSubstring("bytes=100000 "));
  if (memory_is_measured) CHECK(resident_bytes() < before + 8 * mib);
}

TEST_CASE("a flood of requests over their rate costs others nothing", "[flood]") {
  TestServer blue("blue");
  config::Config config;
  config.services.push_back(once(blue.address()));
  config.clients.requests_per_second = 50;
  Plane plane(config, 1);
  const std::string burst = repeated(get("/ok"), 1000);
  RawClient attacker = plane.client();
  std::atomic<std::size_t> answers{0};
  std::thread reader([&] {
    while (!attacker.read_some().empty()) answers.fetch_add(1);
  });
  for (int i = 0; i < 30; ++i) attacker.send(burst);
  CHECK(until([&] { return plane.reason_count(Reason::rate_limited) > 20'000; }));
  attacker.half_close();
  reader.join();
  CHECK(blue.requests() < 5000);
  CHECK(answers.load() > 0);
  attacker.close();
  CHECK(all_gone(plane));
}
