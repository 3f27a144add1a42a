// A client that has ended its side while its request is under way: it may be waiting for the answer
// (a half-close), or be gone. TCP says FIN for both (RFC 9293 §3.6), and a keep-alive probe is
// answered either way, by the kernel. A byte of urgent data tells them apart: a closed socket
// answers it with a reset, and one on which somebody still reads keeps it out of what is read
// (RFC 9293 §3.8.5; only SO_OOBINLINE would show it).
#include "proxy/downstream/session.hpp"
#include "proxy/net/socket.hpp"

namespace switchback::downstream {

using http::Reason;

// Once a connection: a second byte would push the first one into the stream.
void Session::watch_client() {
  if (!stream_.peer_closed() || tunnel_ || state_ != State::exchanging || !active_) return;
  if (!active_->body.finished() || !active_->exchange.watches_client()) return;
  // Nobody ends one side of TLS and waits: an end is said when the connection is closed.
  if (stream_.layer()) {
    active_->exchange.on_downstream_gone(Reason::client_closed);
  } else if (!asked_client_ && !out_.pending()) {
    asked_client_ = true;
    net::ask_whether_open(stream_.fd());  // a reset comes as an event
  }
}

}  // namespace switchback::downstream
