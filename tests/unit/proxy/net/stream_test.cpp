#include "proxy/net/stream.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <string>
#include <vector>

#include "proxy/net/socket.hpp"
#include "tests/unit/proxy/net/net_fixtures.hpp"

using namespace switchback::net;
using namespace switchback::net::test;

namespace {

struct Owner final : EventHandler {  // what a connection does with its stream
  void on_event(std::uint32_t events) override {
    ++events_seen;
    stream.note(events);
  }
  Stream stream;
  int events_seen = 0;
};

std::string_view peer_writes(const Fd& peer, std::string_view text) {
  REQUIRE(::send(peer.fd, text.data(), text.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(text.size()));
  return text;
}

Transfer write_text(Stream& stream, std::string_view text) {
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  return stream.write({&piece, 1});
}

// Both ends of one TCP connection on loopback; the first belongs to the stream under test.
std::pair<Fd, Fd> tcp_pair() {
  Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(listener.fd, generic, length) == 0);
  REQUIRE(::listen(listener.fd, 1) == 0);
  REQUIRE(::getsockname(listener.fd, generic, &length) == 0);
  Fd client(start_connect(generic, length));
  REQUIRE(client.fd >= 0);
  Fd server(::accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(server.fd >= 0);
  return {std::move(client), std::move(server)};
}

}  // namespace

TEST_CASE("a fresh stream tries at once; would_block clears the flag; an event sets it again") {
  Reactor reactor;
  Owner owner;
  auto [mine, peer] = socket_pair();
  REQUIRE(owner.stream.open(reactor, mine.release(), owner));
  CHECK(owner.stream.is_open());
  CHECK(owner.stream.readable());
  CHECK(owner.stream.writable());
  char buffer[64];
  CHECK(owner.stream.read(buffer, sizeof buffer).status == IoStatus::would_block);
  CHECK_FALSE(owner.stream.readable());
  reactor.run_turn(false);  // the first edge: writable, nothing to read
  CHECK_FALSE(owner.stream.readable());
  peer_writes(peer, "hello");
  reactor.run_turn(true);
  CHECK(owner.stream.readable());
  const Transfer got = owner.stream.read(buffer, sizeof buffer);
  CHECK(got.status == IoStatus::ok);
  CHECK(std::string(buffer, got.bytes) == "hello");
}

TEST_CASE("a short read says the socket is empty; a full one does not") {
  Reactor reactor;
  Owner owner;
  auto [mine, peer] = socket_pair();
  REQUIRE(owner.stream.open(reactor, mine.release(), owner));
  peer_writes(peer, "hello");
  char buffer[64];
  Transfer got = owner.stream.read(buffer, 4);
  CHECK(got.bytes == 4);
  CHECK(owner.stream.readable());
  got = owner.stream.read(buffer, 4);
  CHECK(got.status == IoStatus::ok);
  CHECK(got.bytes == 1);
  CHECK_FALSE(owner.stream.readable());
  peer_writes(peer, "again");  // no event noted yet: the flag rules, not the kernel
  CHECK(owner.stream.read(buffer, 4).status == IoStatus::would_block);
  reactor.run_turn(true);
  CHECK(owner.stream.readable());
}

TEST_CASE("data before a FIN is read to its end, though the reads are short") {
  Reactor reactor;
  Owner owner;
  auto [mine, peer] = tcp_pair();
  REQUIRE(owner.stream.open(reactor, mine.release(), owner));
  peer_writes(peer, "the last words");
  ::shutdown(peer.fd, SHUT_WR);
  turn_until(reactor, [&] { return owner.stream.peer_closed(); });
  char buffer[64];
  Transfer got = owner.stream.read(buffer, sizeof buffer);
  CHECK(std::string(buffer, got.bytes) == "the last words");
  CHECK(owner.stream.readable());
  CHECK(owner.stream.read(buffer, sizeof buffer).status == IoStatus::end);
  CHECK_FALSE(owner.stream.readable());
  CHECK(write_text(owner.stream, "still writable").status == IoStatus::ok);
}

TEST_CASE("a short write clears writable; when the peer reads, an event sets it again") {
  Reactor reactor;
  Owner owner;
  auto [mine, peer] = GENERATE(0, 1) == 0 ? socket_pair() : tcp_pair();
  REQUIRE(owner.stream.open(reactor, mine.release(), owner));
  const std::string block(256 * 1024, 'x');
  std::size_t sent = 0;
  for (int i = 0; i < 4096 && owner.stream.writable(); ++i) {
    const Transfer put = write_text(owner.stream, block);
    REQUIRE((put.status == IoStatus::ok || put.status == IoStatus::would_block));
    if (put.bytes < block.size()) CHECK_FALSE(owner.stream.writable());
    sent += put.bytes;
  }
  REQUIRE_FALSE(owner.stream.writable());
  REQUIRE(sent > 0);
  CHECK(write_text(owner.stream, "more").status == IoStatus::would_block);
  reactor.run_turn(false);  // the edge of the registration may still be waiting
  while (owner.stream.writable() && write_text(owner.stream, block).bytes > 0) {
  }
  REQUIRE_FALSE(owner.stream.writable());
  std::vector<char> sink(1 << 20);
  turn_until(reactor, [&] {
    while (::recv(peer.fd, sink.data(), sink.size(), MSG_DONTWAIT) > 0) {
    }
    return owner.stream.writable();
  });
  CHECK(write_text(owner.stream, "more").bytes == 4);
}

TEST_CASE("several pieces go in one write, in order; no bytes at all is no system call") {
  Reactor reactor;
  Owner owner;
  auto [mine, peer] = socket_pair();
  REQUIRE(owner.stream.open(reactor, mine.release(), owner));
  char head[] = "head ", body[] = "body ", tail[] = "tail";
  const iovec pieces[] = {{head, 5}, {body, 0}, {body, 5}, {tail, 4}};
  const Transfer put = owner.stream.write(pieces);
  CHECK(put.status == IoStatus::ok);
  CHECK(put.bytes == 14);
  CHECK(owner.stream.writable());
  char buffer[64];
  REQUIRE(::recv(peer.fd, buffer, sizeof buffer, 0) == 14);
  CHECK(std::string(buffer, 14) == "head body tail");
  const Transfer nothing = owner.stream.write({});
  CHECK(nothing.status == IoStatus::ok);
  CHECK(nothing.bytes == 0);
}

TEST_CASE("more pieces than the kernel takes are a short write that leaves writable set") {
  Reactor reactor;
  Owner owner;
  auto [mine, peer] = socket_pair();
  REQUIRE(owner.stream.open(reactor, mine.release(), owner));
  char letter = 'x';
  const std::vector<iovec> pieces(1500, iovec{&letter, 1});
  const Transfer put = owner.stream.write(pieces);
  CHECK(put.status == IoStatus::ok);
  CHECK(put.bytes == 1024);
  CHECK(owner.stream.writable());
}

TEST_CASE("writing to a peer that is gone is an error, not a signal") {
  Reactor reactor;
  Owner owner;
  auto [mine, peer] = socket_pair();
  REQUIRE(owner.stream.open(reactor, mine.release(), owner));
  peer.close();
  const Transfer put = write_text(owner.stream, "anyone?");
  CHECK(put.status == IoStatus::error);
  CHECK(put.error_number == EPIPE);
  reactor.run_turn(true);
  CHECK(owner.stream.peer_closed());
}

TEST_CASE("reset reaches the peer as an error, close as an orderly end") {
  Reactor reactor;
  Owner owner;
  auto [mine, peer] = tcp_pair();
  REQUIRE(owner.stream.open(reactor, mine.release(), owner));
  char buffer[8];
  SECTION("reset") {
    owner.stream.reset();
    CHECK(::recv(peer.fd, buffer, sizeof buffer, 0) == -1);
    CHECK(errno == ECONNRESET);
  }
  SECTION("close") {
    owner.stream.close();
    CHECK(::recv(peer.fd, buffer, sizeof buffer, 0) == 0);
  }
  SECTION("shutdown_write leaves the reading side open") {
    owner.stream.shutdown_write();
    CHECK(::recv(peer.fd, buffer, sizeof buffer, 0) == 0);
    CHECK_FALSE(owner.stream.writable());
    peer_writes(peer, "reply");
    turn_until(reactor, [&] { return owner.stream.readable(); });
    CHECK(owner.stream.read(buffer, sizeof buffer).bytes == 5);
    owner.stream.close();
  }
  CHECK_FALSE(owner.stream.is_open());
  owner.stream.close();  // twice is once
}

TEST_CASE("a peer's reset is read as an error") {
  Reactor reactor;
  Owner owner;
  auto [mine, peer] = tcp_pair();
  REQUIRE(owner.stream.open(reactor, mine.release(), owner));
  const linger at_once{1, 0};
  REQUIRE(::setsockopt(peer.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
  peer.close();
  turn_until(reactor, [&] { return owner.stream.peer_closed(); });
  char buffer[8];
  const Transfer got = owner.stream.read(buffer, sizeof buffer);
  CHECK(got.status == IoStatus::error);
  CHECK(got.error_number == ECONNRESET);
}

TEST_CASE("a stream that cannot be registered closes the descriptor it was given") {
  Reactor reactor;
  Owner owner, second;
  auto [mine, peer] = socket_pair();
  const int fd = mine.release();
  REQUIRE(owner.stream.open(reactor, fd, owner));
  const int copy = ::dup(peer.fd);
  REQUIRE(copy >= 0);
  REQUIRE(second.stream.open(reactor, copy, second));
  Owner third;
  CHECK_FALSE(third.stream.open(reactor, -1, third));
  CHECK(errno == EBADF);
  CHECK_FALSE(third.stream.is_open());
}
