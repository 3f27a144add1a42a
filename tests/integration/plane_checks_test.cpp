// What checks do to traffic: the first ones, and those that all fail.
#include <fstream>
#include <sstream>

#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/test_server.hpp"
#include "tests/support/until.hpp"

using namespace switchback;
using namespace switchback::test;
using namespace std::chrono_literals;

namespace {

config::Service checked_service(const std::vector<std::string>& blue) {
  config::Service service = service_of("shop", blue, {});
  service.health_check.path = "/healthz";
  service.health_check.interval = 20ms;
  service.health_check.timeout = 5s;
  service.health_check.fall = 1;
  service.health_check.rise = 1;
  return service;
}

upstream::Health health_of(Plane& plane, std::size_t i) {
  return plane.view().pools[index_of(Color::blue)].servers.at(i).health;
}

bool in_panic(Plane& plane) {
  return plane.view().pools[index_of(Color::blue)].panic;
}

unsigned get(Plane& plane) {
  RawClient client = plane.client();
  client.send("GET /ok HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
  return client.read_response().status;
}

}  // namespace

TEST_CASE("a pool whose servers all fail their checks goes on, and one that is gone does not",
          "[checks]") {
  TestServer one("one"), two("two");
  const TempDir folder;
  config::Config config;
  config.services.push_back(checked_service({one.address(), two.address()}));
  config.log.path = folder.file("access.log");
  Plane plane(config, 1);
  REQUIRE(until([&] {
    return health_of(plane, 0) == upstream::Health::healthy &&
           health_of(plane, 1) == upstream::Health::healthy;
  }));
  one.set_healthy(false);
  two.set_healthy(false);
  REQUIRE(until([&] {
    return health_of(plane, 0) == upstream::Health::failing &&
           health_of(plane, 1) == upstream::Health::failing;
  }));
  CHECK(in_panic(plane));
  for (int i = 0; i < 20; ++i) CHECK(get(plane) == 200);
  CHECK(until([&] {
    std::ifstream file(config.log.path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str().find("\"detail\":\"pool_panic\"") != std::string::npos;
  }));

  one.stop();
  two.stop();
  REQUIRE(until([&] {
    return health_of(plane, 0) == upstream::Health::unreachable &&
           health_of(plane, 1) == upstream::Health::unreachable;
  }));
  CHECK_FALSE(in_panic(plane));
  CHECK(get(plane) == 503);
}

TEST_CASE("with health_check.panic off a pool that fails its checks answers 503", "[checks]") {
  TestServer one("one");
  auto service = checked_service({one.address()});
  service.health_check.panic.reset();
  one.set_healthy(false);
  Plane plane(service);
  REQUIRE(until([&] { return health_of(plane, 0) == upstream::Health::failing; }));
  CHECK(get(plane) == 503);
}
