// Health checks of servers that are known by name, with a name server of our own.
#include <condition_variable>
#include <mutex>

#include "proxy/upstream/health_checker.hpp"
#include "proxy/upstream/resolver.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/test_server.hpp"
#include "tests/support/until.hpp"

using namespace switchback;
using namespace switchback::upstream;
using namespace std::chrono_literals;
using test::TestServer;
using test::until;

namespace {

// Answers as the test says; shared, because a lookup that hangs outlives the checker.
struct NameServer {
  std::mutex mutex;
  std::condition_variable changed;
  NameAnswer answer;
  bool hangs = false;
  unsigned asked = 0, answered = 0;

  void says(std::vector<std::uint16_t> ports, std::string error = {}, bool temporary = false) {
    std::lock_guard lock(mutex);
    answer = {};
    for (const auto port : ports) {
      answer.addresses.emplace_back();
      resolve_literal({.kind = config::AddressKind::tcp, .host = "127.0.0.1", .port = port},
                      answer.addresses.back());
    }
    answer.error = std::move(error);
    answer.temporary = temporary;
  }
  void set_hangs(bool yes) {
    std::lock_guard lock(mutex);
    hangs = yes;
    changed.notify_all();
  }
  NameAnswer look_up() {
    std::unique_lock lock(mutex);
    ++asked;
    changed.wait(lock, [&] { return !hangs; });
    ++answered;
    return answer;
  }
  unsigned count(unsigned NameServer::*which) {
    std::lock_guard lock(mutex);
    return this->*which;
  }
};

std::shared_ptr<ServerState> server_at(const std::string& host, std::uint16_t port) {
  return std::make_shared<ServerState>(config::Address{.kind = config::AddressKind::tcp,
                                                       .text = host + ":" + std::to_string(port),
                                                       .host = host,
                                                       .port = port});
}

struct Fixture {
  std::shared_ptr<NameServer> names = std::make_shared<NameServer>();
  std::shared_ptr<ServerState> named = server_at("app.internal", 80);
  std::unique_ptr<HealthChecker> checker = std::make_unique<HealthChecker>(
      [](const HealthChange&) {},
      [names = names](const config::Address&) { return names->look_up(); });

  HealthTarget target(std::shared_ptr<ServerState> server, config::Duration timeout = 5s) {
    config::HealthCheck check;
    check.path = "/healthz";
    check.interval = 10ms;
    check.timeout = timeout;
    return {"web", Color::blue, check, std::move(server)};
  }
  void wait_for_round(const ServerState& server) {
    for (int i = 0; i < 2; ++i) {
      const auto before = server.last_check_ns();
      REQUIRE(until([&] { return server.last_check_ns() != before; }));
    }
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "of several addresses the one that accepts is used, and kept") {
  test::RefusingPort refusing;
  TestServer one, two;
  names->says({refusing.port(), one.port(), two.port()});
  checker->set_targets({target(named)});
  REQUIRE(until([&] { return named->health() == Health::healthy; }));
  CHECK(named->resolved()->text == one.address());

  // Another order, as round-robin name servers give it, moves nobody.
  names->says({two.port(), one.port()});
  wait_for_round(*named);
  CHECK(named->resolved()->text == one.address());
  CHECK(two.connections() == 0);

  // The name has moved.
  names->says({two.port()});
  REQUIRE(until([&] { return named->resolved()->text == two.address(); }));
  CHECK(named->health() == Health::healthy);
}

TEST_CASE_METHOD(Fixture, "a name server in trouble takes no server down, an unknown name does") {
  TestServer up;
  names->says({up.port()});
  checker->set_targets({target(named)});
  REQUIRE(until([&] { return named->health() == Health::healthy; }));

  names->says({}, "name does not resolve: try again", true);
  wait_for_round(*named);
  wait_for_round(*named);
  CHECK(named->health() == Health::healthy);
  CHECK(named->last_reason().empty());

  // But it is named when the last known address is dead, too.
  up.stop();
  REQUIRE(until([&] { return named->health() == Health::unreachable; }));
  CHECK(named->last_reason() == "connect: Connection refused (name does not resolve: try again)");
  up.start();
  REQUIRE(until([&] { return named->health() == Health::healthy; }));

  names->says({}, "name does not resolve: unknown");
  REQUIRE(until([&] { return named->health() == Health::unreachable; }));
  CHECK(named->last_reason() == "name does not resolve: unknown");
  CHECK(named->resolved() != nullptr);
}

TEST_CASE_METHOD(Fixture, "a name server that hangs is asked once, and holds up nobody else") {
  TestServer up;
  const auto literal = server_at("127.0.0.1", up.port());
  names->set_hangs(true);
  checker->set_targets({target(named, 20ms), target(literal)});
  REQUIRE(until([&] { return literal->health() == Health::healthy; }));
  REQUIRE(until([&] { return named->health() == Health::unreachable; }));
  CHECK(named->last_reason() == "name does not resolve: no answer in 20ms");
  wait_for_round(*named);
  wait_for_round(*literal);
  CHECK(names->count(&NameServer::asked) == 1);

  SECTION("its late answer is used") {
    names->says({up.port()});
    names->set_hangs(false);
    CHECK(until([&] { return named->health() == Health::healthy; }));
  }
  SECTION("the checker ends without waiting for it") {
    checker.reset();
    CHECK(names->count(&NameServer::answered) == 0);
    names->set_hangs(false);
    CHECK(until([&] { return names->count(&NameServer::answered) == 1; }));
  }
}
