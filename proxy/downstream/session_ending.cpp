// How a connection ends with its process. Nothing a client has begun may be lost: a kept-alive
// connection that is closed the moment it is idle can meet a request on its way in, which a reset
// would destroy. So it is told by the next answer (Connection: close, RFC 9112 §9.6); only one that
// stays silent is closed, write side first.
#include "proxy/downstream/session.hpp"

namespace switchback::downstream {

using http::Reason;

namespace {
constexpr Nanos idle_linger_ns = 500'000'000;
}  // namespace

void Session::begin_shutdown() {
  // Whoever has begun something (a handshake, a head) keeps the deadline of that.
  if (state_ == State::idle && !any_byte_) arm(last_request_ns);
}

void Session::end_idle() {
  if (stream_.readable()) {  // it may have come in this very moment
    read_head();
    if (state_ != State::idle) return;
  }
  close_ = true;
  linger(idle_linger_ns);
}

void Session::end_request() {
  if (state_ == State::exchanging) {
    active_->exchange.on_shutdown_limit();
  } else if (state_ != State::flushing && state_ != State::lingering) {
    close();
  }
}

void Session::cut() {
  if (state_ == State::exchanging) {
    active_->exchange.on_downstream_gone(Reason::shutting_down);
  } else {
    close();
  }
}

}  // namespace switchback::downstream
