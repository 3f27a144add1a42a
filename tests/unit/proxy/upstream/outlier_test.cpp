#include "proxy/upstream/pool_shared.hpp"

#include <cerrno>

#include "tests/support/catch.hpp"

using namespace switchback;
using http::Reason;
using upstream::Health;
using upstream::LastFailure;
using upstream::PoolMember;
using upstream::PoolShared;
using upstream::ServerShared;

namespace {

constexpr Nanos second = 1'000'000'000;

struct Fixture {
  explicit Fixture(std::size_t servers, unsigned max_ejected = 50) {
    service.name = "shop";
    service.outlier.max_ejected = max_ejected;
    for (std::size_t i = 0; i < servers; ++i) add(1);
    configure();
  }
  void add(unsigned weight) {
    config::Address address;
    address.host = "127.0.0.1";
    address.port = static_cast<std::uint16_t>(9000 + members.size());
    address.text = "127.0.0.1:" + std::to_string(address.port);
    members.push_back(
        {std::make_shared<ServerShared>(std::make_shared<upstream::ServerState>(address), 2),
         weight});
  }
  void configure() { pool.configure(service, members, now); }
  ServerShared& server(std::size_t i) { return *members[i].shared; }
  void fail(std::size_t i, int times) {
    for (; times > 0; --times) pool.failed(server(i), LastFailure(Reason::connect_refused), now);
  }
  bool out(std::size_t i) { return server(i).standing.ejected(now); }

  config::Service service;
  std::vector<PoolMember> members;
  Nanos now = 1000 * second;
  std::vector<upstream::Ejection> told;
  PoolShared pool{"shop", Color::blue, 2, [this](const auto& e) { told.push_back(e); }};
};

}  // namespace

TEST_CASE("so many failures in a row take a server out; a success in between does not") {
  Fixture f(2);
  f.fail(0, 4);
  f.pool.succeeded(f.server(0));
  f.fail(0, 4);
  CHECK_FALSE(f.out(0));
  f.pool.failed(f.server(0), LastFailure::of_status(503), f.now);
  CHECK(f.out(0));
  REQUIRE(f.told.size() == 1);
  CHECK(f.told[0].server == "127.0.0.1:9000");
  CHECK(f.told[0].failures == 5);
  CHECK(f.told[0].last == "status 503");
  CHECK(f.told[0].for_ns == 10 * second);
  f.now += 10 * second - 1;
  CHECK(f.out(0));
  f.now += 1;
  CHECK_FALSE(f.out(0));
  CHECK(f.server(0).standing.failures == 0);
}

TEST_CASE("each ejection in a row is longer, to ten times; behaving wears that off") {
  Fixture f(2);
  for (int row = 1; row <= 12; ++row) {
    f.fail(0, 5);
    REQUIRE(f.out(0));
    CHECK(f.told.back().for_ns == std::min(row, 10) * 10 * second);
    f.fail(0, 7);  // what was under way does not count
    f.now += f.told.back().for_ns;
    REQUIRE_FALSE(f.out(0));
  }
  f.now += 35 * second;  // three ejection times of good behaviour
  f.fail(0, 5);
  CHECK(f.told.back().for_ns == 80 * second);
  f.now += 80 * second + 100 * second;
  f.fail(0, 5);
  CHECK(f.told.back().for_ns == 10 * second);
}

TEST_CASE("the share that may be out is rounded down, but one of two may") {
  CHECK(upstream::ejections_allowed(0, 50) == 0);
  CHECK(upstream::ejections_allowed(1, 100) == 0);
  CHECK(upstream::ejections_allowed(2, 1) == 1);
  CHECK(upstream::ejections_allowed(2, 50) == 1);
  CHECK(upstream::ejections_allowed(3, 50) == 1);
  CHECK(upstream::ejections_allowed(5, 50) == 2);
  CHECK(upstream::ejections_allowed(5, 99) == 4);
  CHECK(upstream::ejections_allowed(5, 0) == 0);
  Fixture f(4);
  for (std::size_t i = 0; i < 4; ++i) f.fail(i, 5);
  CHECK(f.out(0));
  CHECK(f.out(1));
  CHECK_FALSE(f.out(2));
  CHECK(f.server(2).standing.withheld == 1);
  f.now += 11 * second;
  f.fail(2, 5);  // now there is room again
  CHECK(f.out(2));
}

TEST_CASE("the last server that can be used stays") {
  Fixture f(3, 100);
  f.fail(0, 5);
  f.server(1).state->set_health(Health::failing);
  f.fail(2, 50);
  CHECK_FALSE(f.out(2));
  f.server(1).state->set_health(Health::healthy);
  f.fail(2, 5);
  CHECK(f.out(2));
  Fixture alone(1, 100);
  alone.fail(0, 50);
  CHECK_FALSE(alone.out(0));
  Fixture beside_weight_0(1, 100);
  beside_weight_0.add(0);
  beside_weight_0.configure();
  beside_weight_0.fail(0, 50);
  CHECK_FALSE(beside_weight_0.out(0));
}

TEST_CASE("switched off it counts nothing, and whoever was out comes back") {
  Fixture f(2);
  f.fail(0, 5);
  REQUIRE(f.out(0));
  f.service.outlier.consecutive_failures = 0;
  f.configure();
  CHECK_FALSE(f.out(0));
  f.fail(0, 50);
  CHECK_FALSE(f.out(0));
}

TEST_CASE("what is our own fault is not the server's") {
  CHECK(upstream::server_at_fault(ECONNREFUSED));
  CHECK(upstream::server_at_fault(ETIMEDOUT));
  CHECK(upstream::server_at_fault(EHOSTUNREACH));
  CHECK_FALSE(upstream::server_at_fault(EMFILE));
  CHECK_FALSE(upstream::server_at_fault(EADDRNOTAVAIL));
}

TEST_CASE("slow start: back, new, and raised servers grow from a tenth to all; others do not") {
  CHECK(upstream::ramp(0, second, 100) == 100);
  CHECK(upstream::ramp(second / 2, second, 100) == 550);
  CHECK(upstream::ramp(second, second, 100) == 1000);
  CHECK(upstream::ramp(-5, second, 300) == 300);
  Fixture f(2);
  f.service.health_check.slow_start = std::chrono::seconds(10);
  const Nanos slow = 10 * second;
  f.configure();
  CHECK(f.server(0).share(f.now, slow) == 1000);  // was there from the start
  f.fail(0, 5);
  f.now += 10 * second;
  CHECK(f.server(0).share(f.now, slow) == 100);
  f.now += 5 * second;
  CHECK(f.server(0).share(f.now, slow) == 550);
  CHECK(f.server(0).share(f.now, 0) == 1000);  // without slow start: at once
  f.now += 100 * second;
  f.add(1);
  f.members[0].weight = 4;
  f.members[1].weight = 1;
  f.configure();
  CHECK(f.server(2).share(f.now, slow) == 100);  // new
  CHECK(f.server(0).share(f.now, slow) == 250);  // goes on with what it had, a quarter
  CHECK(f.server(1).share(f.now, slow) == 1000);
  f.now += 5 * second;
  f.members[0].weight = 5;  // in the middle of a slow start: 4 * 625 of 5
  f.configure();
  CHECK(f.server(0).share(f.now, slow) == 500);
  f.members[0].weight = 2;  // lowered: at once, the rest of the growth goes on
  f.configure();
  CHECK(f.server(2).share(f.now, slow) == 550);
}

TEST_CASE("slow start after the checks passed again, not after the first one") {
  Fixture f(1);
  upstream::ServerState& state = *f.server(0).state;
  state.set_health(Health::healthy);
  CHECK(state.recovered_ns() == 0);
  state.set_health(Health::failing);
  state.set_health(Health::unreachable);
  CHECK(state.recovered_ns() == 0);
  state.set_health(Health::healthy);
  CHECK(state.recovered_ns() > 0);
  CHECK(f.server(0).share(state.recovered_ns(), second) == 100);
}
