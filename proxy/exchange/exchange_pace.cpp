// How long a client may take: limits.min_rate, and readers whose pace the kernel's buffers hide.
//
// A window ends in the timer, never on a path that moves bytes: a pace only notes there what the
// exchange knows anyway.
#include "proxy/exchange/exchange.hpp"

namespace switchback::exchange {

using http::Reason;

// The kind's own deadline, or the end of a window in which the client is what is waited for.
void Exchange::set_timer() {
  Nanos at = deadline_ns_;
  if (upload_.waiting() || download_.waiting()) {
    const Nanos window = to_nanos(service().limits.min_rate_window);
    for (const Nanos end : {upload_.window_end_ns(window), download_.window_end_ns(window)}) {
      if (end != 0 && (at == 0 || end < at)) at = end;
    }
  }
  if (at == 0) {
    disarm_timer();
  } else {
    context_.reactor.timers().arm(*this, at);
  }
}

// A body that came whole with its head is passed over, so that the connection can go on.
void Exchange::rest_after_429() {
  if (request_ended_ || head_->expect_continue) return;
  request_ended_ = down_->pull_body().end;
}

void Exchange::wait_for_body() {
  // A client that streams in both directions may be silent for as long as it likes once its server
  // talks; no answer yet means that the server waits for the body.
  const bool both_ways = response_started_ && traffic_class() != drain::TrafficClass::request;
  if (service().limits.min_rate != 0 && !both_ways) upload_.wait(context_.reactor.now_ns());
  if (!response_started_) {
    arm(Deadline::body_idle, service().timeouts.request_body_idle);
  } else {
    set_timer();
  }
}

void Exchange::wait_for_reader() {
  if (!reader_known_) taken_seen_ = down_->taken_bytes();
  reader_known_ = true;
  if (service().limits.min_rate != 0) download_.wait(context_.reactor.now_ns());
}

void Exchange::reader_took_all() {
  download_.stop(context_.reactor.now_ns());
}

// A socket becomes writable again only when a third of what the kernel holds has gone, which may be
// megabytes: a reader without an event is not yet one that takes nothing.
bool Exchange::reader_moved() {
  const std::uint64_t taken = down_->taken_bytes();
  const bool moved = taken > taken_seen_;
  if (moved) download_.note(taken - taken_seen_);
  taken_seen_ = std::max(taken_seen_, taken);
  return moved;
}

// True when the exchange ended here.
bool Exchange::judge_pace(Nanos now) {
  if (!runtime_) return false;
  const std::uint64_t min_rate = service().limits.min_rate;
  const Nanos window = to_nanos(service().limits.min_rate_window);
  if (download_.window_over(now, window)) {
    reader_moved();
    if (download_.judge(now, min_rate)) {
      on_downstream_gone(Reason::client_too_slow);
      return true;
    }
  }
  if (!upload_.window_over(now, window) || !upload_.judge(now, min_rate)) return false;
  on_request_rejected(Reason::body_too_slow);
  return true;
}

}  // namespace switchback::exchange
