// The response's half: heads and bodies from the server, failures, retries, own answers.
#include <utility>

#include "proxy/exchange/exchange.hpp"
#include "proxy/http/connection_auth.hpp"
#include "proxy/http/field_names.hpp"

namespace switchback::exchange {

using drain::Outcome;
using drain::TrafficClass;
using http::FieldId;
using http::Reason;

namespace {
template <http::names::Text Lower>
bool starts_with_folded(std::string_view text) {
  return http::names::is<Lower>(text.substr(0, sizeof Lower.data - 1));
}

// SSE and gRPC answers last as long as they like: their drain has its own limit.
bool is_stream(const http::ResponseHead& head) {
  const http::Field* type = head.find(FieldId::content_type);
  return type && (starts_with_folded<"text/event-stream">(type->value()) ||
                  starts_with_folded<"application/grpc">(type->value()));
}
}  // namespace

Flow Exchange::on_informational(const http::ResponseHead& head) {
  // RFC 9110 §15.2: an HTTP/1.0 client must not be sent a 1xx.
  if (head_->minor_version == 0) return Flow::proceed;
  const SendResult result = down_->send_informational(head);
  if (result == SendResult::failed) {
    on_downstream_gone(Reason::client_reset);
    return Flow::over;
  }
  client_blocked_ = result == SendResult::blocked;
  return client_blocked_ ? Flow::pause : Flow::proceed;
}

// False when the exchange ended here.
bool Exchange::start_response(const http::ResponseHead& head) {
  // Not asked for; or before the server had the request, whose rest nobody could tell from the
  // tunnel's bytes (RFC 9110 §7.8).
  if (head.status == 101 && (!agreed_upgrade(head) || !request_ended_ || upstream_blocked_)) {
    attempt_failed(Reason::bad_response, 0, http::Fault::unasked_switch);
    return false;
  }
  // A kept connection that the server gave up, saying so when our request was on its way
  // (RFC 9110 §15.5.9): no answer to this request, which goes to a new connection where it may.
  if (head.status == 408 && !head.keep_alive && up_->reused() && try_again(Reason::server_closed)) {
    return false;
  }
  if (http::binds_connection(head)) [[unlikely]]
    keep_private();
  const Nanos now = context_.reactor.now_ns();
  response_started_ = true;
  status_ = static_cast<std::uint16_t>(head.status);
  first_byte_ns_ = now - begun_ns_;
  phase_ = Phase::responding;
  replay_.reset();
  replay_bytes_ = 0;
  replayable_ = false;
  if (!preview_) runtime_->gate.first_response(epoch(), now);
  if (head.status == 101) {
    phase_ = Phase::tunnel;
    open_tunnel(head);
    upload_.stop(now);
    runtime_->gate.reclassify(*this, TrafficClass::tunnel, now);
    runtime_->drain_changed();
  } else if (is_stream(head)) {
    upload_.stop(now);
    runtime_->gate.reclassify(*this, TrafficClass::stream, now);
    runtime_->drain_changed();
  }
  return true;
}

Flow Exchange::on_response(const http::ResponseHead* head, const BodyPiece& piece) {
  if (head && !start_response(*head)) return Flow::over;
  if (!head && phase_ == Phase::tunnel) return tunnel_from_server(piece);
  bytes_out_ += piece.bytes;
  const SendResult result = down_->send_response(head, piece);
  if (tap_) [[unlikely]]
    tap_->on_answer(head, piece);
  if (result == SendResult::failed) {
    on_downstream_gone(Reason::client_reset);
    return Flow::over;
  }
  if (piece.end) response_ended_ = true;
  if (head && phase_ == Phase::tunnel) {
    enter_tunnel(piece);
    client_blocked_ = result == SendResult::blocked;
    if (!client_blocked_) down_->read_body(true);
    return client_blocked_ ? Flow::pause : Flow::proceed;
  }
  if (response_ended_) drop_upstream(!upload_broken_ && request_ended_);
  if (result == SendResult::blocked) {
    wait_for_reader();
    arm(Deadline::write_idle, service().timeouts.write_idle);
    return response_ended_ ? Flow::over : Flow::pause;
  }
  if (response_ended_) {
    complete();
    return Flow::over;
  }
  arm(Deadline::response_idle, service().timeouts.response_idle);
  return Flow::proceed;
}

void Exchange::on_downstream_writable() {
  if (phase_ == Phase::answering) {
    finish(own_answer_outcome(), after_answer_);
    return;
  }
  if (phase_ == Phase::tunnel) {
    tunnel_writable(tunnel::Way::to_client);
    return;
  }
  client_blocked_ = false;  // a 1xx was taken at last
  if (std::exchange(repeat_waits_, false)) {
    begin_again();
    return;
  }
  if (phase_ == Phase::requesting && up_) up_->resume_response();
  if (phase_ != Phase::responding) return;
  reader_took_all();
  if (response_ended_) {
    complete();
    return;
  }
  arm(Deadline::response_idle, service().timeouts.response_idle);
  up_->resume_response();
}

void Exchange::on_downstream_progress() {
  if (phase_ == Phase::tunnel) tunnel_moved();
  if (phase_ == Phase::idle || deadline_ != Deadline::write_idle) return;
  arm(Deadline::write_idle, write_idle());
}

void Exchange::on_connect_failed(Reason reason, int error_number, std::string_view server) {
  server_name_size_ = static_cast<std::uint8_t>(std::min(server.size(), server_name_.size()));
  std::copy_n(server.data(), server_name_size_, server_name_.data());
  color_stats().connect_failures.add();
  attempt_failed(reason, error_number);
}

void Exchange::on_upstream_failed(Reason reason, int error_number) {
  attempt_failed(reason, error_number);
}

void Exchange::attempt_failed(Reason reason, int error_number, http::Fault fault) {
  error_number_ = error_number;
  cause_ = up_ ? up_->cause() : nullptr;
  cause_place_ = up_ ? up_->cause_place() : http::Place();
  if (fault != http::Fault::none) cause_ = http::text_of(fault).data();
  if (phase_ == Phase::tunnel) {
    tunnel_server_gone(reason);
    return;
  }
  if (response_started_) {
    reason_ = reason == Reason::server_closed ? Reason::response_truncated : reason;
    finish(Outcome::failed, Ending::abort);
    return;
  }
  if (try_again(reason)) return;
  drop_upstream(false);
  answer(retries_ > 0 && reason != Reason::response_timeout ? Reason::retries_exhausted : reason);
}

bool Exchange::try_again(Reason reason) {
  RetryFacts facts;
  facts.failure = reason;
  facts.wrote = wrote_;
  facts.reused = up_ && up_->reused();
  facts.method_allowed = runtime_->may_retry(*head_);
  // Credentials of a connection mean nothing on another one.
  facts.replayable =
      replayable_ && !(binds_ && wrote_) && (!head_->expect_continue || bytes_in_ == 0);
  facts.free_retry_used = free_retry_used_;
  facts.attempts_used = counted_;
  facts.attempts_allowed = service().retries.attempts;
  const RetryVerdict verdict = judge_retry(facts);
  if (verdict == RetryVerdict::give_up) return false;
  drop_upstream(false);
  down_->read_body(false);
  upload_.stop(context_.reactor.now_ns());
  upload_broken_ = false;
  if (verdict != RetryVerdict::free) queued_since_ns_ = 0;  // it waits like a new one
  if (verdict == RetryVerdict::free) {
    free_retry_used_ = fresh_next_ = true;
    last_server_ = nullptr;
  } else {
    ++counted_;
  }
  ++retries_;
  color_stats().retries.add();
  runtime_->gate.retried(*this);
  if (client_blocked_) {
    // The next server's answer must not come before the lost one's 1xx has been taken.
    phase_ = Phase::connecting;
    repeat_waits_ = true;
    arm(Deadline::write_idle, service().timeouts.write_idle);
    return true;
  }
  begin_again();
  return true;
}

// The attempt after one that failed, on the color that is active now.
void Exchange::begin_again() {
  const route::ActiveWord word = runtime_->control->load();
  const Color now_wanted = preview_or(word.color, preview_);
  if (now_wanted != color()) {
    if (tap_) end_tap(TapEnd::moved);
    const Nanos now = context_.reactor.now_ns();
    runtime_->gate.leave(*this, Outcome::moved, now);
    runtime_->gate.enter(*this, now_wanted, word.epoch);
    last_server_ = nullptr;
  }
  attempt();
}

void Exchange::drop_upstream(bool reusable) {
  if (!up_) return;
  Upstream* gone = up_;
  up_ = nullptr;
  gone->release(reusable);
}

void Exchange::arm(Deadline kind, config::Duration limit) {
  deadline_ = kind;
  deadline_ns_ = limit.count() == 0 ? 0 : context_.reactor.now_ns() + to_nanos(limit);
  set_timer();
}

void Exchange::disarm_timer() {
  context_.reactor.timers().disarm(*this);
}

void Exchange::on_timer() {
  const Nanos now = context_.reactor.now_ns();
  if (deadline_ns_ == 0 || now < deadline_ns_) {  // a window of a pace is over
    if (!judge_pace(now)) set_timer();
    return;
  }
  switch (deadline_) {
    case Deadline::queue:
      color_stats().queue_timeouts.add();
      answer(Reason::queue_timeout);
      return;
    case Deadline::connect:
      if (up_) up_->timed_out(Reason::connect_timeout);
      color_stats().connect_failures.add();
      attempt_failed(Reason::connect_timeout, 0);
      return;
    case Deadline::body_idle:
      drop_upstream(false);
      answer(Reason::body_timeout);
      return;
    case Deadline::response_head:
    case Deadline::response_idle:
      if (up_) up_->timed_out(Reason::response_timeout);
      attempt_failed(Reason::response_timeout, 0);
      return;
    case Deadline::write_idle:
      if (reader_moved()) {
        arm(Deadline::write_idle, write_idle());
        return;
      }
      on_downstream_gone(Reason::client_write_timeout);
      return;
    case Deadline::tunnel_idle:
      end_tunnel(tunnel::CloseCode::going_away, Reason::tunnel_idle, tunnel::longest_grace);
      return;
    case Deadline::tunnel_close:
      end_tunnel(tunnel::CloseCode::going_away, Reason::shutting_down,
                 context_.shutdown_tunnel_grace);
      return;
    case Deadline::tunnel_cut:
      cut_tunnel();
      return;
  }
}

void Exchange::on_server_left(ServerLeft& left) {
  if (!claimed_ || forced()) return;
  bool over = false;
  switch (traffic_class()) {
    case drain::TrafficClass::request:
      over = left.end_requests;
      break;
    case drain::TrafficClass::stream:
      over = left.end_streams;
      break;
    case drain::TrafficClass::tunnel:
      over = left.end_tunnels > 0;
      over ? --left.end_tunnels : ++left.tunnels;
      break;
  }
  if (over) runtime_->gate.force(*this);
}

// The drain's deadline: 504 before a head, a cut after it.
void Exchange::force_end() {
  if (phase_ == Phase::idle) return;
  if (phase_ == Phase::tunnel) {
    end_tunnel(tunnel::CloseCode::service_restart, Reason::drain_forced,
               tunnel::grace_of(service().drain.websocket));
    return;
  }
  if (response_started_ || phase_ == Phase::answering) {
    reason_ = Reason::drain_forced;
    finish(Outcome::forced, Ending::abort);
    return;
  }
  drop_upstream(false);
  answer(Reason::drain_forced);
}

void Exchange::on_shutdown_limit() {
  if (phase_ == Phase::idle) return;
  if (response_started_ || phase_ == Phase::answering) {
    on_downstream_gone(Reason::shutting_down);
    return;
  }
  if (phase_ == Phase::waiting) {
    runtime_->stats->waiting.add(-1);
    runtime_->door.leave(*this);
  }
  drop_upstream(false);
  answer(Reason::shutting_down);
}

void Exchange::answer(Reason reason, std::string_view fields) {
  if (phase_ == Phase::queued) leave_queue();
  reason_ = reason;
  // Whoever has the answer finds it counted.
  if (reason != Reason::none) context_.count(reason);
  counted_reason_ = reason;
  phase_ = Phase::answering;
  status_ = static_cast<std::uint16_t>(reason == Reason::none ? 200 : http::status_of(reason));
  disarm_timer();
  after_answer_ = request_ended_ ? Ending::reusable : Ending::close;
  down_->read_body(false);
  upload_.stop(context_.reactor.now_ns());
  OwnAnswer own;
  own.status = status_;
  own.sentence = http::sentence_of(reason);
  own.request_id = request_id_view_;
  own.fields = fields.empty() ? answer_fields() : fields;
  own.close = !request_ended_;
  const SendResult result = down_->send_own_answer(own);
  if (result == SendResult::failed) {
    finish(Outcome::client_gone, Ending::abort);
  } else if (result == SendResult::sent) {
    finish(own_answer_outcome(), after_answer_);
  } else {
    arm(Deadline::write_idle, config::Timeouts{}.write_idle);
  }
}

Outcome Exchange::own_answer_outcome() const {
  return reason_ == Reason::drain_forced ? Outcome::forced : Outcome::failed;
}

void Exchange::complete() {
  finish(Outcome::completed, request_ended_ ? Ending::reusable : Ending::close);
}

void Exchange::finish(Outcome outcome, Ending ending) {
  SB_ASSERT(phase_ != Phase::idle);
  if (tap_) [[unlikely]] {
    end_tap(outcome == Outcome::client_gone ? TapEnd::client_gone : TapEnd::failed);
  }
  disarm_timer();
  if (phase_ == Phase::queued) leave_queue();
  if (phase_ == Phase::waiting) {
    runtime_->stats->waiting.add(-1);
    runtime_->door.leave(*this);
  }
  drop_upstream(false);
  replay_.reset();
  replay_bytes_ = 0;
  record_stats();
  if (context_.access) record_access(outcome);
  if (claimed_) runtime_->gate.leave(*this, outcome, context_.reactor.now_ns());
  if (runtime_) --runtime_->exchanges;
  phase_ = Phase::idle;
  Downstream* down = down_;
  down_ = nullptr;
  down->exchange_finished(ending);
}

}  // namespace switchback::exchange
