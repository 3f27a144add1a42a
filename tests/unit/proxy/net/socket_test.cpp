#include "proxy/net/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "tests/support/catch.hpp"

using namespace switchback::net;

namespace {

sockaddr_in v4(const char* ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  REQUIRE(::inet_pton(AF_INET, ip, &address.sin_addr) == 1);
  return address;
}

sockaddr_in6 v6(const char* ip, std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  REQUIRE(::inet_pton(AF_INET6, ip, &address.sin6_addr) == 1);
  return address;
}

template <class Address>
const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

struct LoopbackSocket {  // bound to a free port; listening when asked to
  explicit LoopbackSocket(bool listening) {
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address = v4("127.0.0.1", 0);
    REQUIRE(::bind(fd, generic(address), sizeof address) == 0);
    socklen_t length = sizeof address;
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    if (listening) REQUIRE(::listen(fd, 1) == 0);
  }
  ~LoopbackSocket() { ::close(fd); }
  int fd;
  sockaddr_in address;
};

bool wait_writable(int fd) {
  pollfd p{fd, POLLOUT, 0};
  return ::poll(&p, 1, 10'000) == 1;
}

}  // namespace

TEST_CASE("addresses as text") {
  CHECK(IpText(generic(v4("192.0.2.7", 80))).view() == "192.0.2.7");
  CHECK(IpText(generic(v6("2001:db8::1", 80))).view() == "2001:db8::1");
  CHECK(IpText(generic(v6("::ffff:192.0.2.7", 80))).view() == "192.0.2.7");
  const std::string longest = "2001:db8:1111:2222:3333:4444:5555:6666";
  CHECK(IpText(generic(v6(longest.c_str(), 80))).view() == longest);
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  CHECK(IpText(generic(local)).view() == "unknown");
  CHECK(IpText(nullptr).view() == "unknown");
  CHECK(std::string(IpText().c_str()) == "unknown");
}

TEST_CASE("addresses as sixteen bytes: v4 and its mapped form are the same") {
  CHECK(ip_bytes(generic(v4("192.0.2.7", 80))) == ip_bytes(generic(v6("::ffff:192.0.2.7", 443))));
  CHECK(ip_bytes(generic(v4("192.0.2.7", 80))) != ip_bytes(generic(v4("192.0.2.8", 80))));
  const IpBytes mapped = ip_bytes(generic(v4("192.0.2.7", 80)));
  CHECK(mapped == IpBytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7});
  CHECK(ip_bytes(generic(v6("::1", 1)))[15] == 1);
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  CHECK(ip_bytes(generic(local)) == IpBytes{});
  CHECK(ip_port(generic(v4("192.0.2.7", 8080))) == 8080);
  CHECK(ip_port(generic(v6("::1", 8081))) == 8081);
  CHECK(ip_port(generic(local)) == 0);
}

TEST_CASE("start_connect connects without blocking and sets what the data plane wants") {
  LoopbackSocket server(true);
  const int fd = start_connect(generic(server.address), sizeof server.address);
  REQUIRE(fd >= 0);
  REQUIRE(wait_writable(fd));
  CHECK(connect_result(fd) == 0);
  int nodelay = 0;
  socklen_t length = sizeof nodelay;
  REQUIRE(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &length) == 0);
  CHECK(nodelay != 0);
  CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  ::close(fd);
}

TEST_CASE("a refused connect is told by connect_result, or at once") {
  LoopbackSocket deaf(false);  // keeps the port taken, so that nobody else can answer on it
  const int fd = start_connect(generic(deaf.address), sizeof deaf.address);
  if (fd < 0) {
    CHECK(fd == -ECONNREFUSED);
    return;
  }
  REQUIRE(wait_writable(fd));
  CHECK(connect_result(fd) == -ECONNREFUSED);
  ::close(fd);
}

TEST_CASE("connecting to a Unix path that is not there is -ENOENT") {
  sockaddr_un nowhere{};
  nowhere.sun_family = AF_UNIX;
  std::strcpy(nowhere.sun_path, "/nonexistent/switchback.sock");
  CHECK(start_connect(generic(nowhere), sizeof nowhere) == -ENOENT);
}
