// A request that waits for a connection to a server (limits.connections_per_server).
#include "proxy/exchange/exchange.hpp"

namespace switchback::exchange {

void Exchange::enter_queue() {
  phase_ = Phase::queued;
  queue_entered_ns_ = context_.reactor.now_ns();
  if (queued_since_ns_ == 0) {
    queued_since_ns_ = queue_entered_ns_;
    color_stats().queued.add();
  }
  color_stats().queue_waiting.add(1);
  const config::Duration limit = service().limits.queue_timeout;
  arm(Deadline::queue, limit);
  // The wait is one, whoever sends it back into the queue.
  if (limit.count() != 0) {
    context_.reactor.timers().arm(*this, queued_since_ns_ + to_nanos(limit));
  }
}

void Exchange::leave_queue() {
  runtime_->pools[index_of(color())]->leave_queue(*this);
  const Nanos waited = context_.reactor.now_ns() - queue_entered_ns_;
  queue_wait_ns_ += waited;
  color_stats().queue_waiting.add(-1);
  color_stats().queue_wait.record(waited);
  phase_ = Phase::connecting;
}

// Its turn has come, or a flip wants to know where it belongs now: the color is read again.
void Exchange::on_turn() {
  SB_ASSERT(phase_ == Phase::queued);
  disarm_timer();
  const route::ActiveWord word = runtime_->control->load();
  const Color now_wanted = preview_or(word.color, preview_);
  if (now_wanted == color()) {
    const Nanos waited = context_.reactor.now_ns() - queue_entered_ns_;
    queue_wait_ns_ += waited;
    color_stats().queue_waiting.add(-1);
    color_stats().queue_wait.record(waited);
    attempt(true);
    return;
  }
  leave_queue();
  color_stats().queue_moved.add();
  if (tap_) [[unlikely]]
    end_tap(TapEnd::moved);
  runtime_->gate.leave(*this, drain::Outcome::moved, context_.reactor.now_ns());
  runtime_->gate.enter(*this, now_wanted, word.epoch);
  last_server_ = nullptr;
  attempt();
}

}  // namespace switchback::exchange
