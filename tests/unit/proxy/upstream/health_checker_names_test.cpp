// Health checks of a server that has several addresses (localhost).
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

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

// Accepts on ::1 by the kernel's backlog alone; -1 where the host has no IPv6.
struct SixOnly {
  explicit SixOnly(std::uint16_t port) : fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_addr = in6addr_loopback;
    in.sin6_port = htons(port);
    const int on = 1;
    if (fd >= 0) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    open = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&in), sizeof in) == 0 &&
           ::listen(fd, 128) == 0;
  }
  ~SixOnly() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
  bool open = false;
};

}  // namespace

TEST_CASE("of localhost's addresses the one that accepts is used, and kept") {
  TestServer four;
  const auto server = std::make_shared<ServerState>(
      config::Address{.kind = config::AddressKind::tcp,
                      .text = "localhost:" + std::to_string(four.port()),
                      .host = "localhost",
                      .port = four.port()});
  config::HealthCheck check;
  check.interval = 10ms;
  check.timeout = 5s;
  HealthChecker checker([](const HealthChange&) {});
  checker.set_targets({{"web", Color::blue, check, server}});
  REQUIRE(until([&] { return server->health() == Health::healthy; }));
  CHECK(server->resolved()->text == four.address());
  four.stop();
  REQUIRE(until([&] { return server->health() == Health::unreachable; }));
  const SixOnly six(four.port());
  if (!six.open) return;
  const std::string expected = "[::1]:" + std::to_string(four.port());
  REQUIRE(until([&] { return server->health() == Health::healthy; }));
  CHECK(server->resolved()->text == expected);
  // The other one is back: who is in use stays in use.
  four.start();
  const auto before = server->last_check_ns();
  REQUIRE(until([&] { return server->last_check_ns() > before + 50'000'000; }));
  CHECK(server->resolved()->text == expected);
}
