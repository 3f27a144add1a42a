#include "proxy/upstream/health_checker.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/test_server.hpp"
#include "tests/support/until.hpp"

using namespace switchback;
using namespace switchback::upstream;
using namespace std::chrono_literals;
using test::TestServer;
using test::until;

namespace {

std::shared_ptr<ServerState> tcp_server(std::uint16_t port, const std::string& host = "127.0.0.1") {
  return std::make_shared<ServerState>(config::Address{.kind = config::AddressKind::tcp,
                                                       .text = host + ":" + std::to_string(port),
                                                       .host = host,
                                                       .port = port});
}

config::HealthCheck quick(std::string path) {
  config::HealthCheck check;
  check.path = std::move(path);
  check.interval = 10ms;
  check.timeout = 5s;  // never reached by what answers, however slow the machine
  return check;
}

struct Fixture {
  std::mutex mutex;
  std::vector<HealthChange> changes;
  HealthChecker checker{[this](const HealthChange& change) {
    std::lock_guard lock(mutex);
    changes.push_back(change);
  }};

  std::size_t count() {
    std::lock_guard lock(mutex);
    return changes.size();
  }
  HealthChange change(std::size_t i) {
    REQUIRE(until([&] { return count() > i; }));
    std::lock_guard lock(mutex);
    return changes[i];
  }
  // The first verdict on one server.
  HealthChange first(std::shared_ptr<ServerState> server, const config::HealthCheck& check) {
    checker.set_targets({{"web", Color::green, check, server}});
    return change(0);
  }
};

// Checks that go on for at least another two rounds.
void wait_for_rounds(const ServerState& server) {
  for (int i = 0; i < 2; ++i) {
    const auto before = server.last_check_ns();
    REQUIRE(until([&] { return server.last_check_ns() != before; }));
  }
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a server that answers is healthy, and asked politely") {
  std::string head;
  std::mutex head_mutex;
  TestServer up(test::TestServerOptions{.raw = [&](test::RawClient& peer) {
    const auto got = peer.read_head();
    peer.send("HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    std::lock_guard lock(head_mutex);
    head = got;
  }});
  const auto server = tcp_server(up.port());
  auto check = quick("/ready?x=1");
  check.host = "app.internal";
  const auto change = first(server, check);
  CHECK(change.service == "web");
  CHECK(change.color == Color::green);
  CHECK(change.server == up.address());
  CHECK(change.from == Health::unknown);
  CHECK(change.to == Health::healthy);
  CHECK(change.reason.empty());
  CHECK(server->health() == Health::healthy);
  CHECK(server->last_reason().empty());
  CHECK(server->last_check_ns() > 0);
  CHECK(until([&] {
    std::lock_guard lock(head_mutex);
    return !head.empty();
  }));
  checker.set_targets({});
  std::lock_guard lock(head_mutex);
  CHECK(head ==
        "GET /ready?x=1 HTTP/1.1\r\nHost: app.internal\r\nUser-Agent: switchback-health/0.1\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n");
}

TEST_CASE_METHOD(Fixture, "verdicts on servers that accept but fail say why") {
  const auto verdict = [this](TestServer& up, const config::HealthCheck& check) {
    const auto change = first(tcp_server(up.port()), check);
    CHECK(change.to == Health::failing);
    return change.reason;
  };
  SECTION("status") {
    TestServer up;
    CHECK(verdict(up, quick("/status/503")) == "GET /status/503: status 503, wanted 200-399");
  }
  SECTION("status out of a narrow range") {
    TestServer up;
    auto check = quick("/ok");
    check.status_min = check.status_max = 204;
    CHECK(verdict(up, check) == "GET /ok: status 200, wanted 204-204");
  }
  SECTION("silence") {
    TestServer up;
    auto check = quick("/hang");
    check.timeout = 30ms;
    CHECK(verdict(up, check) == "GET /hang: no answer in 30ms");
  }
  SECTION("a head that trickles in for ever") {
    TestServer up(test::TestServerOptions{.raw = [](test::RawClient& peer) {
      peer.send("HTTP/1.1 200 OK\r\n");
      while (peer.try_send("X: y\r\n") && !until([&] { return false; }, 2ms)) {
      }
    }});
    auto check = quick("/x");
    check.timeout = 60ms;
    CHECK(verdict(up, check) == "GET /x: no answer in 60ms");
  }
  SECTION("a head without end, as fast as it can") {
    TestServer up(test::TestServerOptions{.raw = [](test::RawClient& peer) {
      peer.send("HTTP/1.1 200 OK\r\n");
      const std::string line = "X: " + std::string(1000, 'y') + "\r\n";
      while (peer.try_send(line)) {
      }
    }});
    CHECK_THAT(verdict(up, quick("/x")), ContainsSubstring("the head is too large"));
  }
  SECTION("no HTTP") {
    TestServer up;
    CHECK_THAT(verdict(up, quick("/garbage")),
               ContainsSubstring("GET /garbage: traffic would be refused: no HTTP answer"));
  }
  SECTION("a body that is cut") {
    TestServer up;
    CHECK(
        verdict(up, quick("/truncate")) ==
        "GET /truncate: traffic would be refused: the connection ended in the middle of the body");
  }
  SECTION("closed without an answer") {
    TestServer up;
    CHECK(verdict(up, quick("/drop")) == "GET /drop: closed before an answer");
  }
  SECTION("reset") {
    TestServer up;
    CHECK(verdict(up, quick("/reset")) == "GET /reset: Connection reset by peer");
  }
}

TEST_CASE_METHOD(Fixture, "bodies may be large or endless, as for traffic, and not be cut") {
  TestServer up;
  for (const auto* path : {"/ok?bytes=200000", "/sse?ms=1", "/close-delimited"}) {
    auto check = quick(path);
    check.timeout = 200ms;  // how long an endless body is looked at
    const auto server = tcp_server(up.port());
    checker.set_targets({{"web", Color::blue, check, server}});
    CHECK(until([&] { return server->health() != Health::unknown; }));
    CHECK(server->health() == Health::healthy);
  }
}

TEST_CASE_METHOD(Fixture, "a status that may be about the Host says which one was sent") {
  TestServer up;
  auto check = quick("/status/421");
  check.host = "app.internal";
  CHECK(first(tcp_server(up.port()), check).reason ==
        "GET /status/421: status 421, wanted 200-399; asked with Host app.internal: if the server "
        "serves other names only, set health_check.host to one of them");
}

TEST_CASE_METHOD(Fixture,
                 "a server that comes up after the start is found long before an interval") {
  TestServer up;
  up.stop();
  auto check = quick("/healthz");
  check.interval = 1h;
  check.rise = 5;
  const auto server = tcp_server(up.port());
  CHECK(first(server, check).to == Health::unreachable);
  up.start();
  CHECK(change(1).to == Health::healthy);
}

TEST_CASE_METHOD(Fixture, "one slow first check takes no server out") {
  std::atomic<unsigned> asked{0};
  TestServer up(test::TestServerOptions{.raw = [&](test::RawClient& peer) {
    peer.read_head();
    if (asked++ == 0) return;  // closed without an answer
    peer.send("HTTP/1.1 204 No Content\r\n\r\n");
  }});
  auto check = quick("/x");
  check.interval = 1h;
  CHECK(first(tcp_server(up.port()), check).from == Health::unknown);
  CHECK(change(0).to == Health::healthy);
  CHECK(count() == 1);
}

TEST_CASE_METHOD(Fixture, "few checks at once go to one address, whatever number of services") {
  TestServer up;
  auto check = quick("/hang");
  check.timeout = 1h;
  std::vector<HealthTarget> targets;
  for (int i = 0; i < 40; ++i) {
    targets.push_back(
        {"service" + std::to_string(i), Color::blue, check, tcp_server(up.port()), {}});
  }
  TestServer other;  // is not held up by it
  const auto free = tcp_server(other.port());
  targets.push_back({"other", Color::blue, quick("/healthz"), free, {}});
  checker.set_targets(targets);
  REQUIRE(up.wait_for_requests(4));
  wait_for_rounds(*free);
  wait_for_rounds(*free);
  CHECK(up.open_connections() == 4);
}

TEST_CASE_METHOD(Fixture, "servers that accept no connection are unreachable") {
  SECTION("refused") {
    test::RefusingPort refusing;
    const auto change = first(tcp_server(refusing.port()), quick("/healthz"));
    CHECK(change.to == Health::unreachable);
    CHECK(change.reason == "connect: Connection refused");
  }
  SECTION("a name that cannot be") {
    const auto server = tcp_server(80, std::string(70, 'x') + ".invalid");
    const auto change = first(server, quick("/healthz"));
    CHECK(change.to == Health::unreachable);
    CHECK_THAT(change.reason, ContainsSubstring("the name is not resolved"));
    CHECK(server->resolved() == nullptr);
  }
  SECTION("a unix socket that is not there") {
    test::TempDir dir;
    const auto path = dir.file("none.sock");
    const auto change =
        first(std::make_shared<ServerState>(config::Address{
                  .kind = config::AddressKind::unix_path, .text = "unix:" + path, .path = path}),
              quick(""));
    CHECK(change.to == Health::unreachable);
    CHECK(change.reason == "connect: No such file or directory");
  }
}

TEST_CASE_METHOD(Fixture, "without a path, a connection is enough; unix sockets and names work") {
  SECTION("tcp") {
    TestServer up;
    CHECK(first(tcp_server(up.port()), quick("")).to == Health::healthy);
    CHECK(up.health_requests() == 0);
  }
  SECTION("unix") {
    test::TempDir dir;
    const auto path = dir.file("up.sock");
    TestServer up(test::TestServerOptions{.unix_path = path});
    const auto server = std::make_shared<ServerState>(config::Address{
        .kind = config::AddressKind::unix_path, .text = "unix:" + path, .path = path});
    CHECK(first(server, quick("/healthz")).to == Health::healthy);
    CHECK(until([&] { return up.health_requests() > 0; }));
  }
  SECTION("name") {
    TestServer up;
    const auto server = tcp_server(up.port(), "localhost");
    CHECK(first(server, quick("/healthz")).to == Health::healthy);
    REQUIRE(server->resolved());
    CHECK(server->resolved()->text == up.address());
  }
}

TEST_CASE_METHOD(Fixture, "a server falls and rises again, told once each time") {
  TestServer up;
  const auto server = tcp_server(up.port());
  auto check = quick("/healthz");
  check.panic.reset();
  REQUIRE(first(server, check).to == Health::healthy);

  up.set_healthy(false);
  CHECK(change(1).to == Health::failing);
  CHECK(change(1).reason == "GET /healthz: status 503, wanted 200-399");
  CHECK(server->last_reason() == "GET /healthz: status 503, wanted 200-399");
  CHECK(!server->usable());

  up.stop();
  CHECK(change(2).to == Health::unreachable);
  CHECK(change(2).reason == "connect: Connection refused");

  up.set_healthy(true);
  up.start();
  CHECK(change(3).to == Health::healthy);
  CHECK(server->last_reason().empty());
  wait_for_rounds(*server);
  CHECK(count() == 4);
}

TEST_CASE_METHOD(Fixture,
                 "targets that stay keep their counts, those that go are checked no more") {
  TestServer blue("blue"), green("green");
  const auto b = tcp_server(blue.port());
  const auto g = tcp_server(green.port());
  auto never_again = quick("/healthz");
  never_again.interval = 1h;
  checker.set_targets(
      {{"web", Color::blue, never_again, b}, {"web", Color::green, quick("/healthz"), g}});
  REQUIRE(until([&] { return count() == 2; }));

  SECTION("a shorter interval takes effect at once") {
    wait_for_rounds(*g);
    CHECK(blue.health_requests() == 1);
    checker.set_targets({{"web", Color::blue, quick("/healthz"), b}});
    wait_for_rounds(*b);
    CHECK(count() == 2);
  }
  SECTION("removed, and added again") {
    checker.set_targets({{"web", Color::blue, never_again, b}});
    // With green gone, its connections end and no new ones come, while blue is checked on and on.
    REQUIRE(until([&] { return green.open_connections() == 0; }));
    checker.set_targets({{"web", Color::blue, quick("/healthz"), b}});
    wait_for_rounds(*b);
    const auto before = green.health_requests();
    wait_for_rounds(*b);
    wait_for_rounds(*b);
    CHECK(green.health_requests() == before);
    green.set_healthy(false);
    checker.set_targets({{"web", Color::green, quick("/healthz"), g}});
    CHECK(change(2).to == Health::failing);  // a new target's first result decides
    CHECK(change(2).server == green.address());
  }
  SECTION("kept in the middle of falling") {
    // fall is far away; it is reached only if the many changes of the set keep the count.
    auto slow_to_fall = quick("/healthz");
    slow_to_fall.fall = 20;
    green.set_healthy(false);
    for (int i = 0; count() == 2; ++i) {
      slow_to_fall.timeout = 5s + std::chrono::milliseconds(i);
      checker.set_targets({{"web", Color::green, slow_to_fall, g}});
      const auto before = g->last_check_ns();
      REQUIRE(until([&] { return g->last_check_ns() != before; }));
      REQUIRE(i < 1000);
    }
    CHECK(change(2).to == Health::failing);
  }
}

// UBSan checks a vptr by help of a pipe, so it cannot work without descriptors.
#ifndef __SANITIZE_ADDRESS__
TEST_CASE_METHOD(Fixture, "our own lack of descriptors is not held against a server") {
  TestServer up;
  const auto server = tcp_server(up.port());
  REQUIRE(first(server, quick("/healthz")).to == Health::healthy);
  checker.set_targets({});
  REQUIRE(until([&] { return up.open_connections() == 0; }));

  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none_left{3, before.rlim_max};
  const auto checked = server->last_check_ns();
  // No assertion until there are descriptors again: reporting may need one.
  const bool limited = ::setrlimit(RLIMIT_NOFILE, &none_left) == 0;
  const int denied = ::dup(0);
  checker.set_targets({{"web", Color::green, quick("/healthz"), server}});
  std::atomic<unsigned> accepting{99};
  checker.probe_connect({server}, 5s, [&](unsigned n) { accepting = n; });
  const bool probed = until([&] { return accepting != 99; });
  const auto checked_without = server->last_check_ns();
  ::setrlimit(RLIMIT_NOFILE, &before);
  REQUIRE(limited);
  REQUIRE(denied == -1);
  CHECK(probed);
  CHECK(accepting == 0);
  CHECK(checked_without == checked);
  CHECK(until([&] { return server->last_check_ns() != checked; }));
  CHECK(server->health() == Health::healthy);
  CHECK(count() == 1);
}
#endif

TEST_CASE_METHOD(Fixture, "probe_connect counts who accepts now") {
  TestServer one, two;
  test::RefusingPort refusing;
  std::mutex done_mutex;
  std::condition_variable done;
  std::optional<unsigned> accepting;
  const auto probe = [&](std::vector<std::shared_ptr<ServerState>> servers,
                         config::Duration timeout) {
    std::unique_lock lock(done_mutex);
    accepting.reset();
    checker.probe_connect(std::move(servers), timeout, [&](unsigned n) {
      std::lock_guard inner(done_mutex);
      accepting = n;
      done.notify_one();
    });
    done.wait_for(lock, test::patience, [&] { return accepting.has_value(); });
    return accepting.value_or(99);
  };
  CHECK(probe({tcp_server(one.port()), tcp_server(refusing.port()),
               tcp_server(two.port(), "localhost")},
              5s) == 2);
  CHECK(probe({}, 5s) == 0);
  CHECK(probe({tcp_server(1, std::string(70, 'x'))}, 5s) == 0);
  CHECK(probe({tcp_server(one.port())}, 0ms) <= 1);  // a timeout of nothing still answers
}

TEST_CASE("the checker ends while checks hang") {
  TestServer up;
  const auto server = tcp_server(up.port());
  {
    HealthChecker checker({});
    auto check = quick("/hang");
    check.timeout = 1h;
    checker.set_targets({{"web", Color::blue, check, server}});
    REQUIRE(up.wait_for_requests(1));
  }
  CHECK(server->health() == Health::unknown);
  CHECK(until([&] { return up.open_connections() == 0; }));
}
