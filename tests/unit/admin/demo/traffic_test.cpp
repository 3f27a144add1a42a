#include "admin/demo/traffic.hpp"

#include <boost/asio/io_context.hpp>
#include <chrono>

#include "admin/demo/demo_app.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;

namespace {

std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

// Runs the context until `done` says so; false: it did not within the deadline.
template <class Done>
bool run_until(boost::asio::io_context& io, const Done& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!done()) {
    if (io.run_one_until(end) == 0) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("traffic counts answers by the color that gave them") {
  boost::asio::io_context io;
  demo::DemoApp app(io, {.color = "green", .release = "v1.3"});
  REQUIRE(app.start() == "");
  demo::Traffic traffic(
      io,
      {.port = port_of(app.address()), .connections = 2, .requests_per_second = 200, .streams = 1});
  traffic.start();

  demo::TrafficSample sum;
  REQUIRE(run_until(io, [&] {
    const auto sample = traffic.take();
    sum.green += sample.green;
    sum.blue += sample.blue;
    sum.failed += sample.failed;
    sum.streams_open = std::max(sum.streams_open, sample.streams_open);
    sum.total = sample.total;
    sum.last_color = sample.last_color;
    sum.last_release = sample.last_release;
    return sum.green >= 20 && sum.streams_open == 1;
  }));
  CHECK(sum.blue == 0);
  CHECK(sum.failed == 0);
  CHECK(sum.total == sum.green);
  CHECK(sum.last_color == "green");
  CHECK(sum.last_release == "v1.3");
}

TEST_CASE("traffic that nobody answers is counted as failed, with why") {
  boost::asio::io_context io;
  std::uint16_t closed_port = 0;
  {
    demo::DemoApp app(io, {});
    REQUIRE(app.start() == "");
    closed_port = port_of(app.address());
  }
  demo::Traffic traffic(
      io, {.port = closed_port, .connections = 1, .requests_per_second = 100, .streams = 0});
  traffic.start();
  demo::TrafficSample sample;
  REQUIRE(run_until(io, [&] {
    sample = traffic.take();
    return sample.total_failed >= 3;
  }));
  CHECK(sample.total == sample.total_failed);
  CHECK_THAT(sample.last_failure, ContainsSubstring("connect"));
}

TEST_CASE("stopped traffic ends by itself, also after its owner") {
  boost::asio::io_context io;
  demo::DemoApp app(io, {});
  REQUIRE(app.start() == "");
  {
    demo::Traffic traffic(io, {.port = port_of(app.address()), .streams = 2});
    traffic.start();
    REQUIRE(run_until(io, [&] { return traffic.take().total > 5; }));
  }
  app.stop();
  io.run_for(std::chrono::seconds(20));
  CHECK(io.stopped());
}
