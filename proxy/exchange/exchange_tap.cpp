// What an exchange tells the one who listens in on it (tap.hpp).
#include "proxy/exchange/exchange.hpp"

namespace switchback::exchange {

void Exchange::begin_tap() {
  if (!runtime_->taps->draw()) return;
  const http::RequestAdditions sent = additions();
  const TapSubject subject{.head = *head_,
                           .additions = sent,
                           .color = color(),
                           .epoch = epoch(),
                           .whole = request_ended_,
                           .preview = preview_,
                           .waited = claimed_ns_ != begun_ns_};
  tap_ = runtime_->taps->begin(subject);
  if (tap_) tap_->hold(tap_);
}

void Exchange::end_tap(TapEnd end) {
  Tap* tap = tap_;
  tap->let_go();
  tap->on_exchange_end(end);
}

}  // namespace switchback::exchange
