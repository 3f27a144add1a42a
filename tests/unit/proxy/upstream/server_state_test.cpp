#include "proxy/upstream/server_state.hpp"

#include <netinet/in.h>
#include <sys/un.h>

#include "proxy/upstream/resolver.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/until.hpp"

using namespace switchback;
using namespace switchback::upstream;

namespace {

config::Address tcp(const std::string& host, std::uint16_t port) {
  return {.kind = config::AddressKind::tcp,
          .text = host + ":" + std::to_string(port),
          .host = host,
          .port = port};
}

ResolvedAddress literal(const std::string& host, std::uint16_t port) {
  ResolvedAddress out;
  REQUIRE(resolve_literal(tcp(host, port), out));
  return out;
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
  const ServerState name(tcp("localhost", 9000));
  CHECK(name.resolved() == nullptr);
  CHECK(name.health() == Health::unknown);
  CHECK(name.usable());
}

TEST_CASE("an address read earlier stays valid, and known ones are not kept twice") {
  ServerState s(tcp("127.0.0.1", 9000));
  const auto* first = s.resolved();
  s.set_resolved(literal("127.0.0.1", 9000));
  CHECK(s.resolved() == first);
  s.set_resolved(literal("127.0.0.2", 9000));
  CHECK(s.resolved()->text == "127.0.0.2:9000");
  CHECK(first->text == "127.0.0.1:9000");
  s.set_resolved(literal("127.0.0.1", 9000));
  CHECK(s.resolved() == first);
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

TEST_CASE("resolving says what failed") {
  ResolvedAddress out;
  CHECK(resolve(tcp("127.0.0.9", 1), out).empty());
  CHECK(out.text == "127.0.0.9:1");
  CHECK(resolve(tcp("localhost", 7), out).empty());
  CHECK(out.text == "127.0.0.1:7");
  // A label longer than 63 bytes fails without asking anybody.
  CHECK_THAT(resolve(tcp(std::string(70, 'x') + ".invalid", 1), out),
             ContainsSubstring("name does not resolve: "));
  CHECK_THAT(resolve({.kind = config::AddressKind::unix_path, .path = std::string(200, 'x')}, out),
             ContainsSubstring("107 bytes"));
}

TEST_CASE("the resolver answers on its thread and skips questions nobody waits for") {
  std::atomic<int> answers{0};
  std::atomic<bool> forgotten_asked{false};
  {
    Resolver resolver;
    const auto wanted = std::make_shared<int>(0);
    std::weak_ptr<void> gone = std::make_shared<int>(0);
    resolver.ask(tcp("localhost", 1), gone, [&](NameAnswer) { forgotten_asked = true; });
    resolver.ask(tcp("localhost", 2), wanted, [&](NameAnswer a) {
      if (a.addresses.size() == 1 || a.addresses.front().text == "127.0.0.1:2") ++answers;
    });
    CHECK(test::until([&] { return answers == 1; }));
  }
  CHECK(!forgotten_asked);
}
