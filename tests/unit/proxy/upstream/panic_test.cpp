#include "proxy/upstream/panic.hpp"

#include <condition_variable>
#include <mutex>
#include <vector>

#include "proxy/upstream/health_checker.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/test_server.hpp"
#include "tests/support/until.hpp"

using namespace switchback;
using namespace switchback::upstream;
using namespace std::chrono_literals;
using test::TestServer;
using test::until;

namespace {

std::shared_ptr<ServerState> server_at(std::uint16_t port) {
  return std::make_shared<ServerState>(config::Address{.kind = config::AddressKind::tcp,
                                                       .text = "127.0.0.1:" + std::to_string(port),
                                                       .host = "127.0.0.1",
                                                       .port = port});
}

struct Fixture {
  std::mutex mutex;
  std::vector<PanicChange> changes;
  config::HealthCheck check;
  HealthChecker checker{{}, [this](const PanicChange& change) {
                          const std::lock_guard lock(mutex);
                          changes.push_back(change);
                        }};
  Fixture() {
    check.path = "/healthz";
    check.interval = 10ms;
    check.timeout = 5s;
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return changes.size();
  }
  PanicChange change(std::size_t i) {
    REQUIRE(until([&] { return count() > i; }));
    const std::lock_guard lock(mutex);
    return changes[i];
  }
  HealthTarget target(const std::shared_ptr<ServerState>& server, unsigned weight = 1) const {
    return {"web", Color::blue, check, server, {}, weight};
  }
};

}  // namespace

TEST_CASE("a pool is in panic where no more than the share passes and somebody accepts") {
  CHECK(in_panic({0, 2, 0}, 0u));
  CHECK(in_panic({0, 1, 3}, 0u));
  CHECK_FALSE(in_panic({1, 3, 0}, 0u));
  CHECK_FALSE(in_panic({0, 0, 2}, 0u));  // nobody is there
  CHECK_FALSE(in_panic({}, 0u));
  CHECK(in_panic({1, 3, 0}, 25u));
  CHECK(in_panic({2, 2, 0}, 50u));
  CHECK_FALSE(in_panic({3, 2, 0}, 50u));
  CHECK_FALSE(in_panic({4, 0, 0}, 100u));  // nobody else could be used
  CHECK_FALSE(in_panic({0, 2, 0}, std::nullopt));
}

TEST_CASE_METHOD(Fixture, "the last servers that accept are used until one passes again") {
  TestServer one, two;
  const auto a = server_at(one.port()), b = server_at(two.port());
  checker.set_targets({target(a), target(b)});
  REQUIRE(until([&] { return a->health() == Health::healthy && b->health() == Health::healthy; }));

  one.set_healthy(false);
  REQUIRE(until([&] { return a->health() == Health::failing; }));
  CHECK_FALSE(a->usable());  // b can take all
  CHECK(count() == 0);

  two.set_healthy(false);
  const auto begun = change(0);
  CHECK(begun.panic);
  CHECK(begun.service == "web");
  CHECK(begun.color == Color::blue);
  CHECK(begun.pool.failing == 2);
  REQUIRE(until([&] { return b->health() == Health::failing; }));
  CHECK(a->usable());
  CHECK(b->usable());

  SECTION("one passes again") {
    two.set_healthy(true);
    CHECK_FALSE(change(1).panic);
    CHECK(b->usable());
    CHECK(until([&] { return !a->usable(); }));
  }
  SECTION("one refuses connections: it is not used, the other still is") {
    two.stop();
    REQUIRE(until([&] { return b->health() == Health::unreachable; }));
    CHECK_FALSE(b->usable());
    CHECK(a->usable());
    one.stop();
    CHECK_FALSE(change(1).panic);  // nobody is there
    CHECK(until([&] { return !a->usable(); }));
  }
  SECTION("switched off by a reload") {
    check.panic.reset();
    checker.set_targets({target(a), target(b)});
    CHECK_FALSE(change(1).panic);
    CHECK(until([&] { return !a->usable() && !b->usable(); }));
  }
}

TEST_CASE_METHOD(Fixture, "a server of weight 0 keeps no pool from panic") {
  TestServer one, spare;
  const auto a = server_at(one.port()), b = server_at(spare.port());
  one.set_healthy(false);
  checker.set_targets({target(a), target(b, 0)});
  CHECK(change(0).panic);
  CHECK(change(0).pool.servers() == 1);
}
