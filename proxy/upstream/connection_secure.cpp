// What comes before HTTP on a connection to a server (PROXY header, TLS handshake), and what a
// connection that is being kept may and may not receive.
#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>

#include "proxy/tls/layer.hpp"
#include "proxy/upstream/connection.hpp"
#include "proxy/upstream/dialer.hpp"

namespace switchback::upstream {

using http::Reason;

// Just connected: the header goes out at once, before TLS and before the first request.
void Connection::begin_link() {
  const ServerLink& link = server_->link;
  char header[proxy_protocol::max_encoded_bytes];
  if (const std::size_t size = link.wire.write_header(header, client_)) {
    const iovec piece{header, size};
    const net::Transfer done = stream_.raw_write({&piece, 1});
    // A new connection's send buffer has room for a hundred bytes; if not, it is no connection.
    if (done.bytes != size) {
      link_failed(Reason::connect_failed, done.error_number);
      return;
    }
  }
  if (!link.wire.tls) {
    state_ = State::busy;
    user_->on_connected(*this);
    return;
  }
  tls::Owned<SSL> ssl = link.wire.tls->connect(link.name, &server_->link.sessions);
  if (!ssl) {
    cause_ = "out of memory";
    link_failed(Reason::server_tls_failed, ENOMEM);
    return;
  }
  stream_.secure(std::make_unique<tls::Layer>(dialer_.tls(), ssl.release()));
  state_ = State::securing;
  cause_ = "during the TLS handshake";  // should the deadline pass
  shake_hands();
}

void Connection::shake_hands() {
  auto& layer = static_cast<tls::Layer&>(*stream_.layer());
  stats::WorkerStats& stats = dialer_.stats();
  switch (layer.handshake(stream_)) {
    case tls::HandshakeStatus::blocked:
      return;
    case tls::HandshakeStatus::done:
      stats.server_handshakes.add();
      if (layer.resumed()) stats.server_handshakes_resumed.add();
      cause_ = nullptr;
      state_ = State::busy;
      user_->on_connected(*this);
      return;
    case tls::HandshakeStatus::failed:
      stats.server_handshake_failures.add();
      // Static text, of OpenSSL or of the layer.
      cause_ = *layer.failure_text() != '\0' ? layer.failure_text() : "TLS handshake failed";
      link_failed(Reason::server_tls_failed, 0);
      return;
  }
}

void Connection::link_failed(Reason reason, int error_number) {
  state_ = State::dial_failed;
  note_failure(LastFailure(reason));
  user_->on_connect_failed(reason, error_number, server());
}

// What OpenSSL says to a read that failed: an alert ("certificate required" comes after TLS 1.3's
// handshake, RFC 8446 §4.4.2.4), or an end without close_notify.
void Connection::note_read_error() {
  if (!stream_.layer()) return;
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  cause_ = reason != nullptr ? reason : "ended without close_notify";
}

// A write that failed says only that the peer has closed; what it said before that, an alert above
// all, is still there to be read.
void Connection::note_write_error() {
  if (!stream_.layer()) return;
  stream_.note(EPOLLIN);
  char byte;
  if (stream_.read(&byte, 1).status == net::IoStatus::error) note_read_error();
}

// Has nothing to say and has not ended. With TLS there may be bytes that are neither: session
// tickets come whenever the server likes (RFC 8446 §4.6.1), so they are read.
bool Connection::quiet() {
  if (!stream_.layer()) return false;  // an event said otherwise
  char byte;
  return stream_.read(&byte, 1).status == net::IoStatus::would_block;
}

bool Connection::verify_idle() {
  return server_->keeping != Keeping::ends && sound();
}

bool Connection::sound() {
  if (stream_.layer()) {
    stream_.note(EPOLLIN);  // there may be more than the loop has told of
    return quiet();
  }
  char byte;
  const ssize_t n = ::recv(stream_.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// The loop learned of this event before the request was sent, since both are of one turn: bytes are
// no answer to it and must not be taken for one, and an end came before it. Costs no system call.
// (With TLS an event can mean tickets: Pool looks into such a connection before it lends it.)
bool Connection::spoke_unasked(std::uint32_t events) const {
  return lent_turn_ == dialer_.reactor().turns() && lent_ && !stream_.layer() &&
         (events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0;
}

}  // namespace switchback::upstream
