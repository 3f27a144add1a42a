// Two layers that speak to each other through a wire that the test holds in its hands.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "proxy/net/stream.hpp"
#include "proxy/tls/layer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/certificates.hpp"

namespace switchback::tls::test {

struct ContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, ContextDeleter>;

// One authority and one server certificate for all tests of this program.
inline const switchback::test::CertificateFiles& files() {
  static switchback::test::Authority authority;
  static const auto made = authority.issue({});
  return made;
}

inline Context server_context(int version) {
  Context context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  REQUIRE(SSL_CTX_use_certificate_chain_file(context.get(), files().cert.c_str()) == 1);
  REQUIRE(SSL_CTX_use_PrivateKey_file(context.get(), files().key.c_str(), SSL_FILETYPE_PEM) == 1);
  return context;
}

inline Context client_context() {
  return Context(SSL_CTX_new(TLS_client_method()));
}

// One end: a stream with a layer, its worker's reactor shared with the other end.
class End final : public net::EventHandler {
 public:
  End(net::Reactor& reactor, Workspace& workspace, int fd, SSL* ssl) : reactor_(reactor) {
    REQUIRE(stream.open(reactor, fd, *this));
    stream.secure(std::make_unique<Layer>(workspace, ssl));
  }
  Layer& layer() { return static_cast<Layer&>(*stream.layer()); }
  bool shake() { return (status = layer().handshake(stream)) == HandshakeStatus::done; }

  // All there is; grows `received` until would_block, an end or an error.
  void drink(std::size_t room = 64 * 1024) {
    std::string buffer(room, '\0');
    while (stream.readable() && last.status != net::IoStatus::end &&
           last.status != net::IoStatus::error) {
      last = stream.read(buffer.data(), buffer.size());
      if (last.status == net::IoStatus::would_block) {
        last = {net::IoStatus::ok};
        return;
      }
      if (last.status == net::IoStatus::ok) received.append(buffer, 0, last.bytes);
    }
  }
  // As Output does: what was not taken is offered again. `piece`: bytes to a piece.
  bool pour(const std::string& all, std::size_t piece) {
    while (poured < all.size() && stream.writable()) {
      iovec pieces[40];
      std::size_t count = 0;
      for (std::size_t at = poured; at < all.size() && count < 40; at += piece) {
        pieces[count++] = {const_cast<char*>(all.data() + at), std::min(piece, all.size() - at)};
      }
      const net::Transfer done = stream.write({pieces, count});
      REQUIRE(done.status != net::IoStatus::error);
      if (done.status != net::IoStatus::ok) return false;
      poured += done.bytes;
    }
    return poured == all.size();
  }

  net::Stream stream;
  HandshakeStatus status = HandshakeStatus::blocked;
  std::string received;
  std::size_t poured = 0;
  net::Transfer last{net::IoStatus::ok};

 private:
  void on_event(std::uint32_t events) override { stream.note(events); }
  net::Reactor& reactor_;
};

inline void small_buffers(int fd) {
  const int bytes = 4096;  // the kernel doubles it and has a floor of its own
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

// Client and server over two socket pairs, with the test between them: relay() carries at most
// `bytes` in each direction.
class Wire {
 public:
  explicit Wire(int version, bool small = false)
      : server_ctx_(server_context(version)), client_ctx_(client_context()) {
    int left[2], right[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, left) == 0);
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, right) == 0);
    if (small) {
      for (const int fd : {left[0], left[1], right[0], right[1]}) small_buffers(fd);
    }
    SSL* client_ssl = SSL_new(client_ctx_.get());
    SSL_set_connect_state(client_ssl);
    SSL* server_ssl = SSL_new(server_ctx_.get());
    SSL_set_accept_state(server_ssl);
    client = std::make_unique<End>(reactor, workspace, left[0], client_ssl);
    server = std::make_unique<End>(reactor, workspace, right[0], server_ssl);
    client_wire_ = left[1];
    server_wire_ = right[1];
  }
  ~Wire() {
    ::close(client_wire_);
    ::close(server_wire_);
  }
  // Bytes carried.
  std::size_t relay(std::size_t bytes) {
    const std::size_t sum =
        carry(client_wire_, server_wire_, bytes) + carry(server_wire_, client_wire_, bytes);
    reactor.run_turn(false);
    return sum;
  }
  void shake(std::size_t bytes) {
    for (int turn = 0; turn < 100'000; ++turn) {
      const bool there = client->shake();
      if (server->shake() && there) return;
      REQUIRE(client->status != HandshakeStatus::failed);
      REQUIRE(server->status != HandshakeStatus::failed);
      relay(bytes);
    }
    FAIL("the handshake does not end");
  }
  int server_wire() const { return server_wire_; }
  int client_wire() const { return client_wire_; }

  net::Reactor reactor;
  Workspace workspace{reactor.buffers()};
  std::unique_ptr<End> client, server;

 private:
  static std::size_t carry(int from, int to, std::size_t bytes) {
    std::string buffer(std::min<std::size_t>(bytes, 1 << 20), '\0');
    const ssize_t there = ::recv(from, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_PEEK);
    if (there <= 0) return 0;
    const ssize_t taken =
        ::send(to, buffer.data(), static_cast<std::size_t>(there), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken <= 0) return 0;
    return static_cast<std::size_t>(
        ::recv(from, buffer.data(), static_cast<std::size_t>(taken), MSG_DONTWAIT));
  }
  Context server_ctx_, client_ctx_;
  int client_wire_ = -1;
  int server_wire_ = -1;
};

}  // namespace switchback::tls::test
