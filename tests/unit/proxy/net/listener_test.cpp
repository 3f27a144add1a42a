#include "proxy/net/listener.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/net/socket.hpp"
#include "tests/unit/proxy/net/net_fixtures.hpp"

using namespace switchback;
using namespace switchback::net;
using namespace switchback::net::test;

namespace {

config::Address tcp(const std::string& host, std::uint16_t port) {
  config::Address address;
  address.host = host;
  address.port = port;
  const bool v6 = host.find(':') != std::string::npos;
  address.text = (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  return address;
}

config::Address unix_at(const std::string& path) {
  config::Address address;
  address.kind = config::AddressKind::unix_path;
  address.path = path;
  address.text = "unix:" + path;
  return address;
}

struct Opened : OpenedListener {
  explicit Opened(const config::Address& wanted, unsigned workers = 1) {
    error = open_listener(wanted, workers, *this);
  }
  ~Opened() { close_listener(*this); }
  std::uint16_t port() const {
    return static_cast<std::uint16_t>(std::stoi(local_text.substr(local_text.rfind(':') + 1)));
  }
  std::string error;
};

struct TempFolder {
  TempFolder() {
    char pattern[] = "/tmp/switchback-net-XXXXXX";
    REQUIRE(::mkdtemp(pattern) != nullptr);
    path = pattern;
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  std::string path;
};

// A client, connected (the kernel completes the handshake without an accept).
Fd connect_tcp(std::uint16_t port, bool v6 = false) {
  sockaddr_in a4{};
  a4.sin_family = AF_INET;
  a4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  a4.sin_port = htons(port);
  sockaddr_in6 a6{};
  a6.sin6_family = AF_INET6;
  a6.sin6_addr = in6addr_loopback;
  a6.sin6_port = htons(port);
  Fd client(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(client.fd >= 0);
  const auto* address = v6 ? reinterpret_cast<sockaddr*>(&a6) : reinterpret_cast<sockaddr*>(&a4);
  if (::connect(client.fd, address, v6 ? sizeof a6 : sizeof a4) != 0) client.close();
  return client;
}

int flag_of(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  REQUIRE(::getsockopt(fd, level, name, &value, &length) == 0);
  return value;
}

}  // namespace

TEST_CASE("a tcp listener has one socket per worker, all on the port the kernel chose") {
  Opened listener(tcp("127.0.0.1", 0), 3);
  REQUIRE(listener.error.empty());
  CHECK(listener.fds.size() == 3);
  CHECK(listener.port() != 0);
  CHECK(listener.local_text == "127.0.0.1:" + std::to_string(listener.port()));
  for (int fd : listener.fds) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    CHECK(ntohs(address.sin_port) == listener.port());
    CHECK(flag_of(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_CASE("a port that another listener holds is an error, in spite of SO_REUSEPORT") {
  Opened first(tcp("127.0.0.1", 0), 2);
  REQUIRE(first.error.empty());
  Opened second(tcp("127.0.0.1", first.port()), 2);
  CHECK_THAT(second.error, ContainsSubstring("127.0.0.1:" + std::to_string(first.port())));
  CHECK_THAT(second.error, ContainsSubstring("in use"));
  CHECK_THAT(second.error, ContainsSubstring("stop that process or choose another address"));
  CHECK(second.fds.empty());
  Opened everywhere(tcp("0.0.0.0", first.port()));
  CHECK_THAT(everywhere.error, ContainsSubstring("in use"));
  const std::uint16_t port = first.port();
  close_listener(first);
  Opened third(tcp("127.0.0.1", port), 2);  // free again at once
  CHECK(third.error.empty());
}

TEST_CASE("addresses that cannot be had are told with their cause") {
  Opened foreign(tcp("192.0.2.1", 0));  // TEST-NET-1: on no interface
  CHECK_THAT(foreign.error, ContainsSubstring("192.0.2.1:0"));
  CHECK_THAT(foreign.error, ContainsSubstring("no network interface"));
  Opened nonsense(tcp("not an address", 0));
  CHECK_THAT(nonsense.error, ContainsSubstring("write an IP address"));
  config::Address inherited;
  inherited.kind = config::AddressKind::inherited_fd;
  inherited.text = "fd:web";
  CHECK_THAT(Opened(inherited).error, ContainsSubstring("fd:web"));
}

TEST_CASE("[::] takes both families, [::1] takes IPv6 only") {
  Opened both(tcp("::", 0));
  if (both.error.find("no such address family") != std::string::npos) {
    WARN("no IPv6 on this system");
    return;
  }
  REQUIRE(both.error.empty());
  CHECK(both.local_text == "[::]:" + std::to_string(both.port()));
  CHECK(flag_of(both.fds[0], IPPROTO_IPV6, IPV6_V6ONLY) == 0);
  CHECK(connect_tcp(both.port()).fd >= 0);
  Opened one(tcp("::1", 0));
  if (!one.error.empty()) {
    WARN("no ::1 on this system: " << one.error);
    return;
  }
  CHECK(one.local_text == "[::1]:" + std::to_string(one.port()));
  CHECK(flag_of(one.fds[0], IPPROTO_IPV6, IPV6_V6ONLY) == 1);
  CHECK(connect_tcp(one.port(), true).fd >= 0);
}

TEST_CASE("a unix listener is one socket; its path goes with it") {
  TempFolder folder;
  const std::string path = folder.path + "/web.sock";
  {
    Opened listener(unix_at(path), 4);
    REQUIRE(listener.error.empty());
    CHECK(listener.fds.size() == 1);
    CHECK(listener.local_text == "unix:" + path);
    Opened second(unix_at(path));
    CHECK_THAT(second.error, ContainsSubstring("in use"));
    CHECK(std::filesystem::exists(path));  // the loser did not take it away
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a unix listener has the mode it was given, whatever the umask says") {
  TempFolder folder;
  const mode_t before = ::umask(0077);
  for (const unsigned mode : {0666u, 0660u, 0600u}) {
    const std::string path = folder.path + "/m.sock";
    OpenedListener listener;
    CHECK(open_listener(unix_at(path), 1, listener, mode).empty());
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == mode);
    close_listener(listener);
  }
  ::umask(before);
}

TEST_CASE("a path is given up only while it is the socket that was bound") {
  TempFolder folder;
  const std::string path = folder.path + "/web.sock";
  Opened first(unix_at(path));
  give_up_path(first);
  CHECK_FALSE(std::filesystem::exists(path));
  Opened second(unix_at(path));  // a successor
  REQUIRE(second.error.empty());
  close_listener(first);
  CHECK(std::filesystem::exists(path));
  std::filesystem::remove(path);  // somebody puts another in its place
  Opened third(unix_at(path));
  close_listener(second);
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("a stale unix path is replaced, anything else there is left alone") {
  TempFolder folder;
  const std::string path = folder.path + "/web.sock";
  SECTION("stale socket") {
    {
      Opened gone(unix_at(path));
      REQUIRE(gone.error.empty());
      for (int fd : gone.fds) ::close(fd);  // as a killed process leaves it
      gone.fds.clear();
    }
    REQUIRE(std::filesystem::exists(path));
    Opened listener(unix_at(path));
    CHECK(listener.error.empty());
  }
  SECTION("a file") {
    Fd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    REQUIRE(file.fd >= 0);
    Opened listener(unix_at(path));
    CHECK_THAT(listener.error, ContainsSubstring("not a socket"));
    CHECK(std::filesystem::exists(path));
  }
  SECTION("no folder") {
    Opened listener(unix_at(folder.path + "/nowhere/web.sock"));
    CHECK_THAT(listener.error, ContainsSubstring("create the folder"));
  }
  SECTION("too long") {
    Opened listener(unix_at(folder.path + "/" + std::string(120, 'x')));
    CHECK_THAT(listener.error, ContainsSubstring("shorter path"));
  }
}

TEST_CASE("accepted sockets are ready for the data plane, and the peer is named") {
  Reactor reactor;
  Opened listener(tcp("127.0.0.1", 0));
  REQUIRE(listener.error.empty());
  std::vector<Fd> accepted;
  std::string peer_text;
  Acceptor acceptor(reactor, listener.fds[0], false, [&](int fd, const sockaddr_storage& peer) {
    accepted.emplace_back(fd);
    peer_text = IpText(peer).view();
  });
  Fd client = connect_tcp(listener.port());
  turn_until(reactor, [&] { return !accepted.empty(); });
  CHECK(peer_text == "127.0.0.1");
  CHECK((::fcntl(accepted[0].fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(accepted[0].fd, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(flag_of(accepted[0].fd, IPPROTO_TCP, TCP_NODELAY) != 0);
  CHECK(flag_of(accepted[0].fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT) == most_unsent_bytes);
}

TEST_CASE("a flood of connections is accepted in full, at most 64 a turn") {
  Reactor reactor;
  Opened listener(tcp("127.0.0.1", 0));
  REQUIRE(listener.error.empty());
  std::vector<Fd> clients, accepted;
  for (int i = 0; i < 300; ++i) clients.push_back(connect_tcp(listener.port()));
  Acceptor acceptor(reactor, listener.fds[0], false,
                    [&](int fd, const sockaddr_storage&) { accepted.emplace_back(fd); });
  std::size_t most = 0;
  turn_until(reactor, [&] {
    const std::size_t before = accepted.size();
    reactor.run_turn(false);
    most = std::max(most, accepted.size() - before);
    return accepted.size() >= 300;
  });
  CHECK(accepted.size() == 300);
  CHECK(most <= 64);
  CHECK(most > 1);  // it does not stay at one a turn
}

TEST_CASE("after stop nothing is accepted, not even the rest of this turn") {
  Reactor reactor;
  Opened listener(tcp("127.0.0.1", 0));
  REQUIRE(listener.error.empty());
  std::vector<Fd> clients, accepted;
  for (int i = 0; i < 20; ++i) clients.push_back(connect_tcp(listener.port()));
  std::unique_ptr<Acceptor> acceptor;
  acceptor = std::make_unique<Acceptor>(reactor, listener.fds[0], false,
                                        [&](int fd, const sockaddr_storage&) {
                                          accepted.emplace_back(fd);
                                          if (accepted.size() == 2) acceptor->stop();
                                        });
  for (int i = 0; i < 10; ++i) reactor.run_turn(false);
  CHECK(accepted.size() == 2);
}

TEST_CASE("two workers share a unix listener: every client is accepted once") {
  TempFolder folder;
  Opened listener(unix_at(folder.path + "/web.sock"), 2);
  REQUIRE(listener.error.empty());
  Reactor one, two;
  std::vector<Fd> accepted, clients;
  std::string peer_text;
  auto take = [&](int fd, const sockaddr_storage& peer) {
    accepted.emplace_back(fd);
    peer_text = IpText(peer).view();
  };
  Acceptor first(one, listener.fds[0], true, take), second(two, listener.fds[0], true, take);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strcpy(at.sun_path, listener.address.path.c_str());
  for (int i = 0; i < 10; ++i) {
    clients.emplace_back(start_connect(reinterpret_cast<const sockaddr*>(&at), sizeof at));
    REQUIRE(clients.back().fd >= 0);
  }
  for (int i = 0; i < 30; ++i) {
    one.run_turn(false);
    two.run_turn(false);
  }
  CHECK(accepted.size() == 10);
  CHECK(peer_text == "unknown");
}

TEST_CASE("out of descriptors: accepting pauses, is counted, does not spin, and goes on") {
  const bool shared = GENERATE(false, true);
  Reactor reactor;
  TempFolder folder;
  Opened listener(tcp("127.0.0.1", 0));
  REQUIRE(listener.error.empty());
  std::vector<Fd> accepted;
  Acceptor acceptor(reactor, listener.fds[0], shared,
                    [&](int fd, const sockaddr_storage&) { accepted.emplace_back(fd); });
  Fd client = connect_tcp(listener.port());
  const rlimit before = [] {
    rlimit limit;
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit;
  }();
  rlimit none = before;
  none.rlim_cur = 0;  // no new descriptor; the open ones stay
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const std::uint64_t first_turn = reactor.turns();
  const Nanos began = monotonic_ns();
  bool paused_again = false;
  for (int i = 0; i < 1000 && !paused_again; ++i) {
    reactor.run_turn(true);
    paused_again = acceptor.pauses() == 2;
  }
  const Nanos took = monotonic_ns() - began;
  const std::uint64_t turns = reactor.turns() - first_turn;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(paused_again);
  CHECK(accepted.empty());
  CHECK(took >= 100'000'000);  // the pause is a promise of at least this long
  CHECK(turns < 20);
  turn_until(reactor, [&] { return !accepted.empty(); });  // the client waited in the backlog
  CHECK(accepted.size() == 1);
}
