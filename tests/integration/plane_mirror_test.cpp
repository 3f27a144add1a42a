// Copies of requests to the standby, through a running data plane with real servers: what is
// compared, and that nobody who is served by the active color ever notices.
#include <atomic>
#include <cstdio>
#include <thread>

#include "tests/integration/mirror.hpp"
#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using mirror::Drop;
using mirror::Fault;
using mirror::Skip;
using mirror::Verdict;

TEST_CASE("equal answers are counted as equal", "[plane][mirror]") {
  TestServer blue("blue"), green("green");
  Plane plane(mirrored(blue.address(), green.address()));
  RawClient client = plane.client();
  for (const char* target : {"/ok", "/ok?bytes=100000", "/chunked?bytes=50000", "/status/404",
                             "/close-delimited?bytes=3000", "/status/304", "/1xx", "/trailers"}) {
    INFO(target);
    client = plane.client();
    client.send(get(target));
    CHECK(client.read_response().field("X-Served-By") == "blue");
  }
  client.send("HEAD /ok?bytes=500 HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(client.read_response(true).status == 200);
  REQUIRE(until([&] { return seen(plane).of(Verdict::equal) == 9; }));
  const mirror::View view = *plane->mirror_view("shop", 64);
  CHECK(view.target == Color::green);
  CHECK(view.run.copies == 9);
  CHECK(view.run.sampled == 9);
  CHECK(view.in_flight == 0);
  CHECK(view.run.latency[0].count() == 9);
  CHECK(view.run.latency[1].count() == 9);
  CHECK(view.totals[index_of(Color::green)].copies == 9);
  CHECK(view.totals[index_of(Color::blue)].copies == 0);
}

TEST_CASE("a copy is the request, marked", "[plane][mirror]") {
  TestServer blue("blue"), green("green");
  config::Service service = mirrored(blue.address(), green.address());
  service.mirror.methods = {"POST"};
  Plane plane(service);
  RawClient client = plane.client();
  const std::string body = body_of(30000);
  client.send(
      "POST /sink?a=b HTTP/1.1\r\nHost: shop.test:81\r\nX-Request-Id: mine\r\n"
      "X-Switchback-Mirror: 0\r\nx_switchback_mirror: 0\r\nCookie: a=b\r\n"
      "Content-Length: 30000\r\n\r\n" +
      body.substr(0, 10000));
  REQUIRE(blue.wait_for_requests(1));
  CHECK(green.requests() == 0);  // not before it is whole
  client.send(body.substr(10000));
  CHECK(client.read_response().body == "bytes=30000 fnv=" + std::to_string(body_hash(body)));
  SECTION("but a client cannot say so itself") {
    REQUIRE(until([&] { return seen(plane).skipped[static_cast<int>(Skip::mark)] == 1; }));
    CHECK(blue.seen().at(0).field("X-Switchback-Mirror").empty());
    CHECK(blue.seen().at(0).field("x_switchback_mirror").empty());
    CHECK(green.requests() == 0);
  }
  SECTION("with its body") {
    client.send(
        "POST /sink?a=b HTTP/1.1\r\nHost: shop.test:81\r\nCookie: a=b\r\n"
        "Content-Length: 30000\r\n\r\n" +
        body);
    CHECK(client.read_response().status == 200);
    REQUIRE(until([&] { return seen(plane).of(Verdict::equal) == 1; }));
    const SeenRequest original = blue.seen().at(1), copy = green.seen().at(0);
    CHECK(copy.target == "/sink?a=b");
    CHECK(copy.field("Host") == "shop.test:81");
    CHECK(copy.field("Cookie") == "a=b");
    CHECK(copy.field("X-Switchback-Mirror") == "1");
    CHECK(original.field("X-Switchback-Mirror").empty());
    CHECK(copy.field("X-Request-Id") == original.field("X-Request-Id") + "-mirror");
    CHECK(copy.field("X-Forwarded-For") == original.field("X-Forwarded-For"));
    CHECK(copy.field("traceparent") == original.field("traceparent"));
  }
}

TEST_CASE("each kind of difference is told apart and sampled", "[plane][mirror]") {
  const std::string plain = "Content-Length: 5\r\nContent-Type: text/plain\r\n\r\n";
  struct Case {
    std::string blue, green;
    Verdict verdict;
  };
  const Case c = GENERATE_COPY(values<Case>(
      {{"HTTP/1.1 200 OK\r\n" + plain + "hello", "HTTP/1.1 500 No\r\n" + plain + "hello",
        Verdict::status},
       {"HTTP/1.1 200 OK\r\n" + plain + "hello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/html\r\n\r\nhello",
        Verdict::header},
       {"HTTP/1.1 200 OK\r\n" + plain + "hello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Verdict::header},
       {"HTTP/1.1 200 OK\r\n" + plain + "hello", "HTTP/1.1 200 OK\r\n" + plain + "hellO",
        Verdict::body},
       {"HTTP/1.1 200 OK\r\n" + plain + "hello",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        Verdict::equal},
       {"HTTP/1.1 200 OK\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n" + plain + "hello",
        "HTTP/1.1 200 Fine\r\nDate: Sun, 02 Jan 2000 00:00:00 GMT\r\n" + plain + "hello",
        Verdict::equal}}));
  TestServer blue(answering("blue", c.blue)), green(answering("green", c.green));
  Plane plane(mirrored(blue.address(), green.address()));
  RawClient client = plane.client();
  client.send(get("/a?" + std::string(400, 'x')));
  CHECK(client.read_response().body == "hello");
  REQUIRE(until([&] { return seen(plane).of(c.verdict) == 1; }));
  const mirror::View view = *plane->mirror_view("shop", 64);
  if (c.verdict == Verdict::equal) return;
  REQUIRE(view.samples.size() == 1);
  const mirror::Sample& sample = view.samples[0];
  CHECK(sample.verdict == c.verdict);
  CHECK(sample.status[0] == 200);
  CHECK(sample.status[1] == (c.verdict == Verdict::status ? 500 : 200));
  CHECK(sample.bytes[0] == 5);
  CHECK(sample.target_size == 256);
  CHECK(std::string_view(sample.method, sample.method_size) == "GET");
  CHECK((sample.hash[0] == sample.hash[1]) == (c.verdict != Verdict::body));
  CHECK(view.headers.at(0).second == (c.verdict == Verdict::header ? 1 : 0));
}

TEST_CASE("what cannot or must not be copied is not, by cause", "[plane][mirror]") {
  TestServer blue("blue"), green("green");
  config::Service service = mirrored(blue.address(), green.address());
  service.mirror.body = 100;
  service.mirror.methods = {"GET", "PUT"};
  Plane plane(service);
  const auto expect = [&](const std::string& request, Skip cause) {
    RawClient client = plane.client();
    client.send(request);
    client.read_response();
    INFO(request);
    CHECK(until([&] { return seen(plane).skipped[static_cast<int>(cause)] == 1; }));
    CHECK(seen(plane).copies == 0);
  };
  expect("POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", Skip::method);
  expect("PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'x'),
         Skip::body);
  expect("PUT /sink HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
         Skip::expect);
  expect("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
         Skip::upgrade);
  expect("GET /ok HTTP/1.1\r\nHost: a\r\nX-Switchback-Mirror: 1\r\n\r\n", Skip::mark);
  expect("GET /ok HTTP/1.1\r\nHost: a\r\nX-Switchback-Preview: 1\r\n\r\n", Skip::preview);
  RawClient chunked = plane.client();
  chunked.send("PUT /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  chunked.read_response();
  CHECK(until([&] { return seen(plane).skipped[static_cast<int>(Skip::body)] == 2; }));
  SECTION("nor who waited at the door") {
    plane->pause("shop");
    RawClient client = plane.client();
    client.send(get("/ok"));
    REQUIRE(until([&] { return plane.view().waiting == 1; }));
    plane->resume("shop");
    CHECK(client.read_response().status == 200);
    CHECK(seen(plane).skipped[static_cast<int>(Skip::paused)] == 1);
  }
  CHECK(green.requests() == 1);  // the preview
}

TEST_CASE("a standby that is absent, dead or hanging costs the original nothing",
          "[plane][mirror]") {
  TestServer blue("blue");
  SECTION("absent") {
    config::Service service = mirrored(blue.address(), "");
    Plane plane(service);
    CHECK(serves(plane, 50) == 50);
    CHECK(until([&] { return seen(plane).skipped[static_cast<int>(Skip::no_server)] == 50; }));
    CHECK(books_balance(plane));
  }
  SECTION("refusing") {
    RefusingPort nobody;
    Plane plane(mirrored(blue.address(), nobody.address()));
    CHECK(serves(plane, 50) == 50);
    CHECK(until([&] {
      const auto now = seen(plane);
      return now.faults[static_cast<int>(Fault::connect)] +
                 now.skipped[static_cast<int>(Skip::no_server)] ==
             50;
    }));
    CHECK(books_balance(plane));
  }
  SECTION("hanging: bounded by in_flight") {
    TestServer hanging(silent());
    config::Service service = mirrored(blue.address(), hanging.address());
    service.mirror.timeout = std::chrono::minutes(5);
    service.mirror.in_flight = 3;
    Plane plane(service, 2);
    CHECK(serves(plane, 40) == 40);
    REQUIRE(until([&] { return seen(plane).copies == 3; }));
    CHECK(plane->mirror_view("shop", 0)->in_flight == 3);
    CHECK(seen(plane).skipped[static_cast<int>(Skip::busy)] == 37);
  }
  SECTION("hanging: given up by timeout") {
    TestServer hanging(silent());
    config::Service service = mirrored(blue.address(), hanging.address());
    service.mirror.timeout = std::chrono::milliseconds(100);
    Plane plane(service);
    CHECK(serves(plane, 5) == 5);
    CHECK(books_balance(plane));
    // On a machine that is busy enough the original may be the slow one.
    CHECK(seen(plane).faults[static_cast<int>(Fault::timeout)] +
              seen(plane).drops[static_cast<int>(Drop::slow)] ==
          5);
  }
}

TEST_CASE("a standby that breaks off is a failed copy, not a failed request", "[plane][mirror]") {
  TestServer blue(answering("blue", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  struct Case {
    std::string answer;
    Fault fault;
  };
  const Case c = GENERATE_COPY(values<Case>(
      {{"", Fault::closed},
       {"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok", Fault::closed},
       {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Fault::bad_answer},
       {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        Fault::bad_answer},
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokX", Fault::bad_answer}}));
  INFO(c.answer);
  TestServer green(
      TestServerOptions{.name = "green", .raw = [answer = c.answer](RawClient& client) {
                          client.read_head();
                          client.try_send(answer);
                        }});
  Plane plane(mirrored(blue.address(), green.address()));
  RawClient client = plane.client();
  client.send(get("/ok"));
  CHECK(client.read_response().body == "ok");
  REQUIRE(until([&] { return seen(plane).of(Verdict::copy_failed) == 1; }));
  CHECK(seen(plane).faults[static_cast<int>(c.fault)] == 1);
  CHECK(plane->mirror_view("shop", 9)->samples.at(0).fault == c.fault);
  CHECK(green.requests() <= 1);  // never repeated
}

TEST_CASE("an original that fails, goes away or never ends is not compared", "[plane][mirror]") {
  TestServer green("green");
  SECTION("cut") {
    TestServer blue(TestServerOptions{.name = "blue", .raw = [](RawClient& c) {
                                        c.read_head();
                                        c.try_send(
                                            "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok");
                                      }});
    Plane plane(mirrored(blue.address(), green.address()));
    RawClient client = plane.client();
    client.send(get("/ok?ms=100"));
    CHECK_FALSE(client.read_response().complete);
    CHECK(until([&] { return seen(plane).of(Verdict::original_failed) == 1; }));
  }
  SECTION("the client goes away") {
    TestServer blue("blue");
    Plane plane(mirrored(blue.address(), green.address()));
    RawClient client = plane.client();
    client.send(get("/hold"));
    REQUIRE(blue.wait_for_held(1));
    REQUIRE(green.wait_for_held(1));
    client.reset();
    CHECK(until([&] { return seen(plane).drops[static_cast<int>(Drop::client_gone)] == 1; }));
    CHECK(books_balance(plane));
  }
  SECTION("a stream") {
    TestServer blue("blue");
    Plane plane(mirrored(blue.address(), green.address()));
    RawClient client = plane.client();
    client.send(get("/sse?events=0&ms=20"));
    client.read_head();
    CHECK(until([&] { return seen(plane).of(Verdict::dropped) + seen(plane).skipped[11] == 1; }));
    CHECK(until([&] { return plane->mirror_view("shop", 0)->in_flight == 0; }));
    CHECK_FALSE(client.read_some().empty());  // the original goes on
  }
  SECTION("it takes longer than mirror.timeout") {
    TestServer blue("blue");
    config::Service service = mirrored(blue.address(), green.address());
    service.mirror.timeout = std::chrono::milliseconds(200);
    Plane plane(service);
    RawClient client = plane.client();
    client.send(get("/hold"));
    REQUIRE(blue.wait_for_held(1));
    CHECK(until([&] { return seen(plane).drops[static_cast<int>(Drop::slow)] == 1; }));
    blue.release_held();
    CHECK(client.read_response().status == 200);
  }
}

TEST_CASE("the sample is about as large as it should be, and nothing at 0", "[plane][mirror]") {
  TestServer blue("blue"), green("green");
  config::Service service = mirrored(blue.address(), green.address());
  service.mirror.percent = 25;
  Plane plane(service);
  RawClient client = plane.client();
  for (int i = 0; i < 1000; ++i) {
    client.send(get("/ok"));
    REQUIRE(client.read_response().status == 200);
  }
  const std::uint64_t sampled = seen(plane).sampled;
  CHECK((sampled > 125 && sampled < 375));  // nine standard deviations
  REQUIRE(books_balance(plane));
  CHECK(green.requests() == seen(plane).copies);
  service.mirror.percent = 0;
  config::Config off = plane.config();
  off.services = {service};
  plane->reload(off, {});
  const std::uint64_t before = green.requests();
  for (int i = 0; i < 100; ++i) {
    client.send(get("/ok"));
    REQUIRE(client.read_response().status == 200);
  }
  CHECK(plane->mirror_view("shop", 9)->percent == 0);
  CHECK(green.requests() == before);
}

namespace {

// Keeps asking over one connection, reconnecting never: every answer must be whole and right.
struct Load {
  explicit Load(Plane& plane, int clients) {
    for (int i = 0; i < clients; ++i) {
      threads.emplace_back([this, &plane] {
        RawClient client = plane.client();
        const std::string want = body_of(3000);
        while (!stop) {
          try {
            client.send(get("/ok?bytes=3000"));
            const RawResponse answer = client.read_response();
            ++(answer.status == 200 && answer.body == want ? good : bad);
          } catch (const std::exception&) {
            ++bad;
            return;
          }
        }
      });
    }
  }
  ~Load() { end(); }
  void end() {
    stop = true;
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }
  std::vector<std::thread> threads;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> good{0}, bad{0};
};

}  // namespace

TEST_CASE("flips and reloads under mirrored load fail no request", "[plane][mirror]") {
  TestServer blue("blue"), green("green");
  config::Service service = mirrored(blue.address(), green.address());
  service.mirror.in_flight = 8;
  Plane plane(service, 2);
  Load load(plane, 4);
  Color active = Color::blue;
  for (int round = 0; round < 40; ++round) {
    const std::uint64_t before = load.good;
    active = other(active);
    const auto record = plane.flip(active);
    REQUIRE(record);
    const mirror::View now = *plane->mirror_view("shop", 0);
    if (now.percent > 0) CHECK(now.target == other(active));
    REQUIRE(until([&] { return load.good > before + 20; }));
    if (round % 4 == 0) {
      config::Config changed = plane.config();
      changed.services[0].mirror.percent = round % 8 == 0 ? 0 : 100;
      changed.services[0].green.release = "r" + std::to_string(round);
      plane->reload(changed, {});
    }
    CHECK(plane->mirror_view("shop", 0)->in_flight <= 8);
  }
  load.end();
  CHECK(load.bad == 0);
  REQUIRE(until([&] { return plane->mirror_view("shop", 0)->in_flight == 0; }));
  const mirror::View view = *plane->mirror_view("shop", 64);
  CHECK(view.totals[0].copies > 0);
  CHECK(view.totals[1].copies > 0);
  for (const mirror::CountsView& total : view.totals) {
    std::uint64_t ended = 0;
    for (const std::uint64_t n : total.ended) ended += n;
    CHECK(ended == total.copies);
    CHECK(total.of(Verdict::status) + total.of(Verdict::body) + total.of(Verdict::header) == 0);
    CHECK(total.of(Verdict::original_failed) == 0);
  }
}

TEST_CASE("copies are in no gate, no receipt and no counter of real requests", "[plane][mirror]") {
  TestServer blue("blue"), green("green");
  Plane plane(mirrored(blue.address(), green.address()));
  RawClient client = plane.client();
  client.send(get("/hold"));
  REQUIRE(blue.wait_for_held(1));
  REQUIRE(green.wait_for_held(1));
  CHECK(plane.in_flight(Color::green) == 0);
  CHECK(plane.in_flight(Color::blue) == 1);
  const auto record = plane.flip(Color::green);  // with a copy under way on the new color
  blue.release_held();
  CHECK(client.read_response().status == 200);
  REQUIRE(plane.drained(record));
  CHECK(record->counts()[0].accepted == 1);
  green.release_held();
  REQUIRE(until([&] { return plane->mirror_view("shop", 0)->in_flight == 0; }));
  CHECK(plane->mirror_view("shop", 0)->totals[1].of(Verdict::equal) == 1);
  CHECK(plane->mirror_view("shop", 0)->run.copies == 0);  // the run that began with the flip
  const worker::StatsView stats = plane->stats();
  for (const auto* shard : stats.services[0].shards) {
    CHECK(shard->color[index_of(Color::green)].requests.read() == 0);
    CHECK(shard->color[index_of(Color::green)].connects.read() == 0);
  }
}

TEST_CASE("what becomes of copies is held against no server", "[plane][mirror]") {
  TestServer blue("blue"), good("good");
  RefusingPort nobody;
  TestServer bad(answering("bad", "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"));
  config::Service service = mirrored(blue.address(), good.address());
  service.green.servers.push_back({address_of(nobody.address()), 1});
  service.green.servers.push_back({address_of(bad.address()), 1});
  service.health_check.interval = std::chrono::hours(1);
  service.health_check.fall = 1000;  // the first check is no news either
  service.balance.policy = config::BalancePolicy::round_robin;
  service.outlier.consecutive_failures = 1;
  Plane plane(service);
  CHECK(serves(plane, 30) == 30);
  REQUIRE(until([&] { return seen(plane).copies == 30; }));
  REQUIRE(books_balance(plane));
  CHECK(bad.connections() > 0);
  const worker::ServiceView view = plane.view();
  for (const auto& server : view.pools[index_of(Color::green)].servers) {
    INFO(server.address);
    CHECK(server.failures_in_row == 0);
    CHECK(server.ejections + server.ejections_withheld == 0);
  }
}

TEST_CASE("a service that goes, or a proxy that ends, drops its copies", "[plane][mirror]") {
  TestServer blue("blue"), green("green");
  config::Config config;
  config.services = {mirrored(blue.address(), green.address())};
  Plane plane(config, 1);
  RawClient client = plane.client();
  client.send(get("/hold"));
  REQUIRE(blue.wait_for_held(1));
  REQUIRE(green.wait_for_held(1));
  SECTION("a service that goes") {
    config::Config without = plane.config();
    without.services = {mirrored(blue.address(), green.address())};
    without.services[0].name = "other";
    plane->reload(without, {});
    CHECK_FALSE(plane->mirror_view("shop", 0));
    blue.release_held();
    CHECK(client.read_response().status == 200);
  }
  SECTION("mirroring that goes") {
    config::Config without = plane.config();
    without.services[0].mirror.percent = 0;
    plane->reload(without, {});
    REQUIRE(until([&] { return plane->mirror_view("shop", 0)->in_flight == 0; }));
    CHECK(plane->mirror_view("shop", 0)->totals[1].drops[static_cast<int>(Drop::stopped)] == 1);
    blue.release_held();
    CHECK(client.read_response().status == 200);
  }
  SECTION("a proxy that ends") {}  // ~Plane, with both under way
}

namespace {

std::uint64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  unsigned long all = 0, resident = 0;
  if (file) {
    if (std::fscanf(file, "%lu %lu", &all, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return std::uint64_t{resident} * 4096;
}

}  // namespace

TEST_CASE("1 GiB on both sides is compared in bounded memory", "[plane][mirror]") {
  constexpr std::uint64_t bytes = std::uint64_t{1} << 30;
  const auto huge = [](const std::string& name) {
    return TestServerOptions{
        .name = name, .raw = [](RawClient& client) {
          client.read_head();
          client.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n");
          const std::string piece = body_of(1 << 20);
          for (std::uint64_t sent = 0; sent < bytes; sent += piece.size()) client.send(piece);
          client.wait_for_end();
        }};
  };
  TestServer blue(huge("blue")), green(huge("green"));
  config::Service service = mirrored(blue.address(), green.address());
  service.mirror.timeout = std::chrono::minutes(2);
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get("/huge"));
  client.read_head();
  const std::uint64_t before = resident_bytes();
  std::uint64_t most = before, got = 0;
  while (got < bytes) {
    const std::string some = client.read_some();
    REQUIRE_FALSE(some.empty());
    got += some.size();
    if (got % 64 == 0) most = std::max(most, resident_bytes());
  }
  REQUIRE(until([&] { return seen(plane).of(Verdict::equal) == 1; }));
  most = std::max(most, resident_bytes());
  CHECK(seen(plane).bytes == bytes);
  if (memory_is_measured) CHECK(most - before < (std::uint64_t{64} << 20));
}
