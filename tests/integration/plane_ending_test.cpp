// The end of a process as its clients see it: nobody who was let in loses a request.
#include <poll.h>
#include <sys/un.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "proxy/net/inherited.hpp"
#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace switchback;
using namespace switchback::test;
using http::Reason;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct Ended {
  std::atomic<bool> done{false};
  void begin(Plane& plane, config::Duration limit = seconds(20)) {
    plane->shut_down(limit, [this] { done = true; });
  }
  bool wait() {
    return until([&] { return done.load(); });
  }
};

bool refuses(const std::string& address) {
  try {
    RawClient client(address, milliseconds(3000));
    return false;
  } catch (const std::runtime_error&) {
    return true;
  }
}

// Requests on kept-alive connections, a new connection whenever the last one was to be closed,
// until connecting is refused. A request that was sent and not answered whole is lost.
struct Load {
  std::atomic<int> answered{0}, lost{0}, other{0};
  std::vector<std::thread> threads;

  void run(const std::string& address, const std::string& request, bool keep) {
    for (;;) {
      try {
        RawClient client(address, seconds(15));
        for (;;) {
          bool answer = false;
          try {
            client.send(request);
            const RawResponse response = client.read_response();
            answer = response.complete && response.status == 200;
            if (!answer) ++other;
            if (answer) ++answered;
            if (!keep || response.field("Connection") == "close") break;
          } catch (const std::runtime_error&) {
            ++lost;
            break;
          }
        }
      } catch (const std::runtime_error&) {
        return;  // refused: the end is over for new ones
      }
    }
  }
  void start(int count, const std::string& address, const std::string& request, bool keep) {
    for (int i = 0; i < count; ++i)
      threads.emplace_back([=, this] { run(address, request, keep); });
  }
  ~Load() {
    for (auto& thread : threads) thread.join();
  }
  void join() {
    for (auto& thread : threads) thread.join();
    threads.clear();
  }
};

}  // namespace

TEST_CASE("under load the end loses no request", "[ending]") {
  const bool unix_socket = GENERATE(false, true);
  TempDir folder;
  TestServer blue("blue");
  config::Config config;
  config.services.push_back(service_of("shop", {blue.address()}, {}));
  config::Listener listener;
  listener.bind = address_of(unix_socket ? "unix:" + folder.file("in.sock") : "127.0.0.1:0");
  config.listeners.push_back(listener);
  Plane plane(config, 2);
  Load kept, fresh, slow;
  kept.start(4, plane.address(), get("/ok"), true);
  fresh.start(6, plane.address(), get("/ok"), false);
  slow.start(3, plane.address(), get("/slow-body?bytes=2000&ms=20"), true);
  REQUIRE(until([&] { return fresh.answered > 200 && kept.answered > 200 && slow.answered > 2; }));
  Ended ended;
  ended.begin(plane);
  kept.join();
  fresh.join();
  slow.join();
  CHECK(ended.wait());
  for (const Load* load : {&kept, &fresh, &slow}) {
    CHECK(load->lost == 0);
    CHECK(load->other == 0);
  }
}

TEST_CASE("who waits in the backlog when the end begins is served", "[ending]") {
  // One worker, kept busy in no way that stops its loop: connections are made while the order to
  // end is already in its mailbox, so that some are still in the backlog when it is read.
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}), 1);
  REQUIRE(fetch(plane.address(), "/ok").status == 200);  // it is busy: others are on their way
  std::vector<RawClient> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(plane.client());
  Ended ended;
  ended.begin(plane);
  for (RawClient& client : clients) {
    client.send(get("/ok"));
    const RawResponse response = client.read_response();
    CHECK(response.status == 200);
    CHECK(response.field("Connection") == "close");
  }
  CHECK(ended.wait());
  CHECK(refuses(plane.address()));
}

TEST_CASE("an idle connection's last request is answered; a silent one is closed", "[ending]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}), 1);
  RawClient speaks = plane.client(), silent = plane.client(), fresh = plane.client();
  for (RawClient* client : {&speaks, &silent}) {
    client->send(get("/ok"));
    CHECK(client->read_response().field("Connection").empty());
  }
  Ended ended;
  ended.begin(plane);
  speaks.send(get("/ok"));
  CHECK(speaks.read_response().field("Connection") == "close");
  CHECK(speaks.wait_for_end());
  CHECK(silent.wait_for_end());
  CHECK_FALSE(silent.reset_seen());
  CHECK(fresh.wait_for_end());
  CHECK(ended.wait());
}

TEST_CASE("an answer that began before the order leaves its connection for one more", "[ending]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}), 1);
  RawClient client = plane.client();
  client.send(get("/slow-body?bytes=1000&ms=30"));
  const std::string head = client.read_head();
  CHECK(head.find("Connection: close") == std::string::npos);
  Ended ended;
  ended.begin(plane);
  client.read_exact(1000);
  client.send(get("/ok"));  // it has not been told anything else
  const RawResponse response = client.read_response();
  CHECK(response.status == 200);
  CHECK(response.field("Connection") == "close");
  CHECK(ended.wait());
}

TEST_CASE("who waits at a shut door in a shutdown is let in by a resume, or told at the limit",
          "[ending]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  REQUIRE(plane->pause("shop"));
  RawClient client = plane.client(), late = plane.client();
  client.send(get("/ok"));
  REQUIRE(until([&] { return plane.view().waiting == 1; }));
  const bool resumed = GENERATE(true, false);
  Ended ended;
  ended.begin(plane, resumed ? seconds(20) : milliseconds(300));
  late.send(get("/ok"));
  REQUIRE(until([&] { return plane.view().waiting == 2 || !resumed; }));
  if (resumed) plane->resume("shop");
  for (RawClient* one : {&client, &late}) {
    const RawResponse response = one->read_response();
    CHECK(response.status == (resumed ? 200 : 503));
    CHECK(response.field("Connection") == "close");
    CHECK(one->wait_for_end());
  }
  client.close();
  late.close();
  CHECK(ended.wait());
  CHECK(plane.reason_count(Reason::shutting_down) == (resumed ? 0u : 2u));
}

TEST_CASE("at the limit requests without an answer get 503, begun answers are cut", "[ending]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}), 1);
  RawClient held = plane.client(), streaming = plane.client();
  held.send(get("/hold"));
  REQUIRE(blue.wait_for_held(1));
  streaming.send(get("/sse?events=0&ms=20"));
  streaming.read_until("data: 3");
  Ended ended;
  ended.begin(plane, milliseconds(200));
  const RawResponse response = held.read_response();
  CHECK(response.status == 503);
  CHECK(response.field("Connection") == "close");
  const std::string rest = streaming.read_to_end();
  CHECK(rest.find("0\r\n\r\n") == std::string::npos);  // it must not look complete
  CHECK(ended.wait());
  blue.release_held();
}

TEST_CASE("another process can listen on the port while this one ends", "[ending]") {
  TestServer blue("blue"), green("green");
  config::Config config;
  config.services.push_back(service_of("shop", {blue.address()}, {}));
  Plane plane(config, 2);
  RawClient held = plane.client();
  held.send(get("/hold"));
  REQUIRE(blue.wait_for_held(1));
  Ended ended;
  ended.begin(plane);
  config.services[0] = service_of("shop", {green.address()}, {});
  config::Listener listener;
  listener.bind = address_of(plane.address().substr(7));
  config.listeners = {listener};
  std::unique_ptr<Plane> next;
  CHECK(until([&] {
    try {
      next = std::make_unique<Plane>(config, 2);
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
  REQUIRE(next);
  CHECK(fetch(next->address(), "/ok").field("X-Served-By") == "green");
  blue.release_held();
  CHECK(held.read_response().field("X-Served-By") == "blue");
  CHECK(ended.wait());
  CHECK(fetch(next->address(), "/ok").field("X-Served-By") == "green");
}

TEST_CASE("a unix path taken over by a successor is left alone", "[ending]") {
  TempDir folder;
  TestServer blue("blue"), green("green");
  config::Config config;
  config.services.push_back(service_of("shop", {blue.address()}, {}));
  config::Listener listener;
  listener.bind = address_of("unix:" + folder.file("in.sock"));
  config.listeners.push_back(listener);
  auto plane = std::make_unique<Plane>(config, 2);
  RawClient held = plane->client();
  held.send(get("/hold"));
  REQUIRE(blue.wait_for_held(1));
  Ended ended;
  ended.begin(*plane);
  CHECK_FALSE(std::filesystem::exists(folder.file("in.sock")));
  config.services[0] = service_of("shop", {green.address()}, {});
  Plane next(config, 2);
  blue.release_held();
  CHECK(held.read_response().status == 200);
  CHECK(ended.wait());
  plane.reset();
  CHECK(fetch(next.address(), "/ok").field("X-Served-By") == "green");
}
