#include "proxy/net/inherited.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "proxy/net/listener.hpp"
#include "tests/unit/proxy/net/net_fixtures.hpp"

using namespace switchback;
using namespace switchback::net;
using namespace switchback::net::test;

namespace {

constexpr int first = 200;  // where the tests' descriptors begin, instead of 3

void set(const char* name, const std::string& value) {
  REQUIRE(::setenv(name, value.c_str(), 1) == 0);
}

void set_all(const std::string& count, const std::string& names,
             const std::string& pid = std::to_string(::getpid())) {
  set("LISTEN_PID", pid);
  set("LISTEN_FDS", count);
  set("LISTEN_FDNAMES", names);
}

// Bound to loopback; listening when wanted; on the descriptor `at`, inheritable.
void socket_at(int at, int type = SOCK_STREAM, bool listening = true) {
  Fd made(::socket(AF_INET, type, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(made.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  if (listening) REQUIRE(::listen(made.fd, 8) == 0);
  REQUIRE(::dup2(made.fd, at) == at);
}

config::Address named(const std::string& name) {
  config::Address address;
  address.kind = config::AddressKind::inherited_fd;
  address.path = name;
  address.text = "fd:" + name;
  return address;
}

std::string adopt() {
  inherited_sockets() = InheritedSockets();
  return InheritedSockets::from_environment(inherited_sockets(), first);
}

}  // namespace

TEST_CASE("sockets are taken by name, all of that name, once", "[inherited]") {
  for (int i = 0; i < 3; ++i) socket_at(first + i);
  set_all("3", "web:api:web");
  CHECK(adopt().empty());
  CHECK(std::getenv("LISTEN_PID") == nullptr);  // a child must not take them for its own
  CHECK(std::getenv("LISTEN_FDS") == nullptr);
  CHECK(std::getenv("LISTEN_FDNAMES") == nullptr);
  for (int i = 0; i < 3; ++i) CHECK((::fcntl(first + i, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(inherited_sockets().names() == "web, api, web");

  OpenedListener web;
  CHECK(open_listener(named("web"), 2, web).empty());
  CHECK(web.fds == std::vector<int>{first, first + 2});
  CHECK_FALSE(web.owned);
  CHECK((::fcntl(first, F_GETFL) & O_NONBLOCK) != 0);
  CHECK(web.local_text.starts_with("127.0.0.1:"));
  CHECK(inherited_sockets().names() == "api");

  OpenedListener again;
  CHECK_THAT(open_listener(named("web"), 2, again),
             ContainsSubstring("no socket of that name was passed, only api"));
  OpenedListener api;
  CHECK(open_listener(named("api"), 2, api).empty());
  close_listener(web);
  close_listener(api);
}

TEST_CASE("sockets without names are called unknown", "[inherited]") {
  socket_at(first);
  set("LISTEN_PID", std::to_string(::getpid()));
  set("LISTEN_FDS", "1");
  ::unsetenv("LISTEN_FDNAMES");
  CHECK(adopt().empty());
  CHECK(inherited_sockets().names() == "unknown");
  inherited_sockets() = InheritedSockets();
  CHECK(::fcntl(first, F_GETFD) < 0);  // nobody took it: closed
}

TEST_CASE("what was meant for another process is not ours", "[inherited]") {
  socket_at(first);
  set_all("1", "web", "1");
  CHECK(adopt().empty());
  CHECK(inherited_sockets().names().empty());
  CHECK(std::getenv("LISTEN_FDS") == nullptr);
  CHECK(::fcntl(first, F_GETFD) >= 0);
  ::close(first);
  OpenedListener web;
  CHECK_THAT(open_listener(named("web"), 1, web),
             ContainsSubstring("cannot listen on fd:web: no socket was passed to this process"));
}

TEST_CASE("faulty variables are told", "[inherited]") {
  set_all("many", "web");
  CHECK(adopt() == "LISTEN_FDS is not a number from 0 to 1024");
  set_all("5000", "web");
  CHECK(adopt() == "LISTEN_FDS is not a number from 0 to 1024");
  set_all("1", "web", "me");
  CHECK(adopt() == "LISTEN_PID is not a number");
  set_all("1", "web");
  CHECK(adopt() == "LISTEN_FDS says 1, but descriptor 200 is not open");
  set_all("0", "");
  CHECK(adopt().empty());
}

TEST_CASE("a descriptor that cannot be accepted from is a clear error", "[inherited]") {
  const auto fault_of = [](const char* name) {
    set_all("1", name);
    CHECK(adopt().empty());
    OpenedListener out;
    const std::string fault = open_listener(named(name), 1, out);
    CHECK(out.fds.empty());
    CHECK(::fcntl(first, F_GETFD) < 0);  // not left open
    return fault;
  };
  socket_at(first, SOCK_DGRAM, false);
  CHECK_THAT(fault_of("udp"), ContainsSubstring("fd:udp: descriptor 200 is not a stream socket"));
  socket_at(first, SOCK_STREAM, false);
  CHECK_THAT(fault_of("mute"), ContainsSubstring("does not listen"));
  REQUIRE(::dup2(0, first) == first);
  CHECK_THAT(fault_of("file"), ContainsSubstring("is not a socket"));
}

TEST_CASE("inherited sockets are dealt out to workers, or shared", "[inherited]") {
  OpenedListener one;
  one.address = named("web");
  one.owned = false;
  one.fds = {10};
  one.inherited_texts = {"a"};
  for (unsigned worker = 0; worker < 2; ++worker) {
    const auto shares = shares_of(one, worker, 2);
    REQUIRE(shares.size() == 1);
    CHECK(shares[0].fd == 10);
    CHECK(shares[0].shared);
  }
  CHECK_FALSE(shares_of(one, 0, 1)[0].shared);

  OpenedListener twins = one;  // one for each worker, and one more
  twins.fds = {10, 11, 12};
  twins.inherited_texts = {"a", "a", "a"};
  CHECK(shares_of(twins, 0, 2).size() == 2);
  CHECK(shares_of(twins, 1, 2).size() == 1);
  CHECK(shares_of(twins, 1, 2)[0].fd == 11);
  CHECK_FALSE(shares_of(twins, 1, 2)[0].shared);

  OpenedListener families = one;  // two addresses under one name: all workers take both
  families.fds = {10, 11};
  families.inherited_texts = {"a", "b"};
  for (unsigned worker = 0; worker < 2; ++worker) {
    const auto shares = shares_of(families, worker, 2);
    CHECK(shares.size() == 2);
    for (const ListenShare& share : shares) CHECK(share.shared);
  }
}
