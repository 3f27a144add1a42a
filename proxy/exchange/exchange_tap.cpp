// What an exchange tells the one who listens in on it (tap.hpp).
#include "proxy/exchange/exchange.hpp"

namespace switchback::exchange {

void Exchange::begin_tap() {
  // Who has logged in on a connection is nobody on another one: its copies would prove nothing.
  const Reservations* private_ones = down_->reservations();
  if (binds_ || (private_ones && private_ones->any()) || !runtime_->taps->draw()) return;
  const http::RequestAdditions sent = additions();
  const TapSubject subject{.head = *head_,
                           .additions = sent,
                           .color = color(),
                           .epoch = epoch(),
                           .whole = request_ended_,
                           .preview = preview_,
                           .waited = claimed_ns_ != begun_ns_,
                           .client = down_,
                           .named = named()};
  tap_ = runtime_->taps->begin(subject);
  if (tap_) tap_->hold(tap_);
}

void Exchange::end_tap(TapEnd end) {
  Tap* tap = tap_;
  tap->let_go();
  tap->on_exchange_end(end);
}

// Who listens in wants to see the bytes, and so does who may have to send them again.
bool Exchange::takes_pipe() const {
  return phase_ == Phase::responding && !tap_ && down_->takes_pipe();
}

bool Exchange::outlives_client() const {
  const bool waiting = phase_ == Phase::requesting && request_ended_;
  return waiting && service().limits.client_gone == config::ClientGone::finish;
}

bool Exchange::watches_client() const {
  const bool served =
      phase_ != Phase::idle && phase_ != Phase::tunnel && phase_ != Phase::answering;
  return served && !response_started_ && runtime_ &&
         service().limits.client_gone == config::ClientGone::cancel;
}

bool Exchange::takes_body_pipe() const {
  const bool passing = phase_ == Phase::requesting || phase_ == Phase::responding;
  return passing && up_ && !tap_ && !replayable_ && !upload_broken_ && up_->takes_pipe();
}

}  // namespace switchback::exchange
