// A client that has ended its side while its request is under way: it may be waiting for the answer
// (a half-close), or be gone. TCP says FIN for both (RFC 9293 §3.6). What tells them apart is a
// keep-alive probe: a machine on which somebody still reads answers it, one that has closed the
// socket does not.
#include <algorithm>

#include "proxy/downstream/session.hpp"
#include "proxy/net/socket.hpp"

namespace switchback::downstream {

using http::Reason;

namespace {
// The kernel's first probe goes out a second after the FIN, its shortest time.
constexpr Nanos first_look_ns = 1'020'000'000;
constexpr Nanos next_look_ns = 50'000'000;
// One that answered a probe behind its FIN only listens. Packets get lost: of such a client so many
// probes in a row, a second apart, have to stay without an answer.
constexpr unsigned probes_of_listener = 2;
}  // namespace

void Session::watch_client() {
  if (!stream_.peer_closed() || tunnel_ || state_ != State::exchanging || !active_) return;
  unanswered_looks_ = 0;
  if (!active_->body.finished() || !active_->exchange.watches_client()) return;
  // Nobody ends one side of TLS and waits: an end is said when the connection is closed.
  if (stream_.layer()) {
    active_->exchange.on_downstream_gone(Reason::client_closed);
  } else if (net::ask_whether_alive(stream_.fd())) {
    since_ns_ = host_.reactor().now_ns();
    arm(first_look_ns);
  }
}

// Two looks with a probe between them that was not answered; the second gives a slow network time.
void Session::look_for_client() {
  if (!active_ || tunnel_ || !active_->exchange.watches_client()) return;
  const net::ProbeState state = net::probe_state(stream_.fd());
  const Nanos watched_ns = host_.reactor().now_ns() - since_ns_;
  const bool listened = state.silent_ns + first_look_ns / 2 < watched_ns;
  if (state.unanswered < (listened ? probes_of_listener : 1U)) {
    unanswered_looks_ = 0;
    arm(next_look_ns);
    return;
  }
  if (++unanswered_looks_ >= 2) {
    active_->exchange.on_downstream_gone(Reason::client_closed);
    return;
  }
  arm(std::max(next_look_ns, 3 * state.round_trip_ns));
}

}  // namespace switchback::downstream
