#include "proxy/upstream/server_state.hpp"

#include <netinet/in.h>
#include <sys/un.h>

#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::upstream;

namespace {

config::Address tcp(const std::string& host, std::uint16_t port) {
  return {.kind = config::AddressKind::tcp,
          .text = host + ":" + std::to_string(port),
          .host = host,
          .port = port};
}

}  // namespace

TEST_CASE("literals are resolved from the start") {
  const ServerState v4(tcp("127.0.0.1", 9000));
  REQUIRE(v4.resolved());
  CHECK(v4.resolved()->text == "127.0.0.1:9000");
  CHECK(v4.resolved()->storage.ss_family == AF_INET);
  CHECK(v4.resolved()->size == sizeof(sockaddr_in));
  const ServerState v6(tcp("::1", 9000));
  REQUIRE(v6.resolved());
  CHECK(v6.resolved()->text == "[::1]:9000");
  const ServerState un(
      {.kind = config::AddressKind::unix_path, .text = "unix:/tmp/x", .path = "/tmp/x"});
  REQUIRE(un.resolved());
  CHECK(un.resolved()->storage.ss_family == AF_UNIX);
  const ServerState too_long(
      {.kind = config::AddressKind::unix_path, .text = "unix", .path = std::string(108, 'x')});
  CHECK(too_long.resolved() == nullptr);
  CHECK(too_long.candidates.empty());
  CHECK(too_long.health() == Health::unknown);
  CHECK(too_long.usable());
}

TEST_CASE("localhost is known without asking, IPv4 first") {
  for (const char* host : {"localhost", "LocalHost.", "app.localhost"}) {
    ServerState s(tcp(host, 9000));
    REQUIRE(s.candidates.size() == 2);
    CHECK(s.resolved()->text == "127.0.0.1:9000");
    CHECK(s.identity == std::string(host) + ":9000");
    s.use(1);
    CHECK(s.resolved()->text == "[::1]:9000");
    CHECK(!is_name(s.address));
  }
}

TEST_CASE("names are for the resolver; one address of a name is a server of its own") {
  const config::Address app = tcp("app-blue", 9000);
  CHECK(is_name(app));
  CHECK(is_name(tcp("notlocalhost", 1)));
  CHECK(!is_name(tcp("127.0.0.1", 1)));
  CHECK(!is_name(tcp("::1", 1)));
  CHECK(!is_name({.kind = config::AddressKind::unix_path, .path = "/tmp/x"}));
  CHECK(ServerState(app).resolved() == nullptr);
  const ServerState one(app, {.v6 = false, .bytes = {10, 0, 0, 7}});
  CHECK(one.identity == "app-blue:9000 (10.0.0.7)");
  CHECK(one.address.text == "app-blue:9000");
  REQUIRE(one.resolved());
  CHECK(one.resolved()->text == "10.0.0.7:9000");
  const ServerState v6(app, {.v6 = true, .bytes = {0x20, 0x01, 0x0d, 0xb8}});
  CHECK(v6.identity == "app-blue:9000 (2001:db8::)");
  CHECK(v6.resolved()->text == "[2001:db8::]:9000");
  CHECK(v6.resolved()->size == sizeof(sockaddr_in6));
}

TEST_CASE("reasons and names of health") {
  ServerState s(tcp("127.0.0.1", 9000));
  CHECK(s.last_reason().empty());
  s.set_last_reason("connect: Connection refused");
  CHECK(s.last_reason() == "connect: Connection refused");
  CHECK(to_string(Health::unknown) == "unknown");
  CHECK(to_string(Health::healthy) == "healthy");
  CHECK(to_string(Health::failing) == "failing");
  CHECK(to_string(Health::unreachable) == "unreachable");
}
