// The request's half: from the complete head to the last byte of the request's body.
#include "proxy/exchange/exchange.hpp"

#include <cstring>

#include "proxy/http/connection_auth.hpp"

namespace switchback::exchange {

using http::BodyKind;
using http::FieldId;
using http::Reason;

void Exchange::reset(Downstream& downstream, const http::RequestHead& head) {
  SB_ASSERT(phase_ == Phase::idle);
  down_ = &downstream;
  head_ = &head;
  up_ = nullptr;
  runtime_ = nullptr;
  last_server_ = nullptr;
  replay_bytes_ = 0;
  phase_ = Phase::connecting;
  reason_ = counted_reason_ = Reason::none;
  after_answer_ = Ending::reusable;
  request_ended_ =
      head.body == BodyKind::none || (head.body == BodyKind::length && head.content_length == 0);
  claimed_ = response_started_ = response_ended_ = upload_broken_ = wrote_ = false;
  upstream_blocked_ = client_blocked_ = repeat_waits_ = false;
  replayable_ = true;
  binds_ = http::binds_connection(head);
  fresh_next_ = free_retry_used_ = preview_ = trusted_ = named_ = by_https_ = false;
  retries_ = counted_ = 0;
  status_ = 0;
  error_number_ = 0;
  cause_ = nullptr;
  cause_place_ = {};
  begun_ns_ = claimed_ns_ = attempt_ns_ = context_.reactor.now_ns();
  connect_ns_ = first_byte_ns_ = 0;
  queued_since_ns_ = queue_wait_ns_ = 0;
  wall_us_ = context_.wall_us();
  bytes_in_ = bytes_out_ = 0;
  reader_known_ = false;
  upload_.reset();
  download_.reset();
  server_name_size_ = 0;
}

void Exchange::begin(Downstream& downstream, const http::RequestHead& head) {
  reset(downstream, head);
  runtime_ = context_.route(head);
  if (runtime_) ++runtime_->exchanges;
  choose_identity();
  if (runtime_ && runtime_->https->any) {
    by_https_ = down_->scheme() == "https" || (trusted_ && forwarded_as_https(*head_));
  }
  if (refuse_early()) return;
  choose_color();
}

// True when it was answered: the request is to come again by HTTPS.
bool Exchange::redirect_to_https() {
  if (by_https_ || is_acme_challenge(head_->target)) return false;
  const bool named = write_location(*head_, *runtime_->https, context_.location);
  answer(named ? Reason::redirected : Reason::bad_host,
         named ? std::string_view(context_.location) : std::string_view());
  return true;
}

// What is answered before a color is claimed.
bool Exchange::refuse_early() {
  if (context_.limits_requests && !down_->admit_request(named())) {
    rest_after_429();
    if (phase_ == Phase::connecting) answer(Reason::rate_limited);
    return true;
  }
  if (!runtime_) {
    answer(Reason::no_service);
    return true;
  }
  if (runtime_->https->redirect && redirect_to_https()) return true;
  if (head_->utf8_target && service().utf8_targets == config::Utf8Targets::refuse) [[unlikely]] {
    answer(Reason::bad_target);
    return true;
  }
  const config::Limits& limits = service().limits;
  if (head_->head_bytes > limits.head || head_->fields.size() > limits.fields) {
    answer(head_->head_bytes > limits.head ? Reason::head_too_large : Reason::too_many_fields);
    return true;
  }
  if (limits.body != 0 && head_->body == BodyKind::length && head_->content_length > limits.body) {
    answer(Reason::body_too_large);
    return true;
  }
  return refuse_hop();
}

Color Exchange::preview_or(Color active, bool& preview) const {
  preview = false;
  const std::string& name = service().preview_header;
  if (name.empty()) return active;
  const http::Field* field = nullptr;
  for (const http::Field& f : head_->fields) {
    if (f.id == FieldId::other && f.name_size == name.size() && http::iequals(f.name(), name)) {
      field = &f;
      break;
    }
  }
  if (!field || field->value().empty() || field->value() == "0") return active;
  preview = true;
  if (http::iequals(field->value(), "blue")) return Color::blue;
  if (http::iequals(field->value(), "green")) return Color::green;
  return other(active);
}

void Exchange::choose_color() {
  const route::ActiveWord word = runtime_->control->load();
  const Color color = preview_or(word.color, preview_);
  if (!preview_ && (word.paused || !runtime_->door.empty())) {
    wait_at_door();
    return;
  }
  enter(color, word.epoch);
}

void Exchange::wait_at_door() {
  if (runtime_->door.full()) {
    answer(Reason::queue_full);
    return;
  }
  phase_ = Phase::waiting;
  runtime_->stats->paused_total.add();
  runtime_->stats->waiting.add(1);
  runtime_->door.wait(*this);
}

void Exchange::on_door_open() {
  runtime_->stats->waiting.add(-1);
  phase_ = Phase::connecting;
  const route::ActiveWord word = runtime_->control->load();
  if (word.paused) {  // shut again while the queue was being let out
    wait_at_door();
    return;
  }
  claimed_ns_ = context_.reactor.now_ns();
  enter(preview_or(word.color, preview_), word.epoch);
}

void Exchange::enter(Color color, std::uint64_t epoch) {
  claimed_ = true;
  runtime_->gate.enter(*this, color, epoch);
  color_stats().requests.add();
  if (runtime_->taps) [[unlikely]]
    begin_tap();
  attempt();
}

// Whether it could be sent again, as far as its head tells: a body that is not kept whole cannot.
bool Exchange::can_repeat() const {
  if (binds_ || !runtime_->may_retry(*head_)) return false;
  if (head_->body == BodyKind::none) return true;
  return head_->body == BodyKind::length && head_->content_length <= service().limits.replay;
}

void Exchange::attempt(bool turn) {
  phase_ = Phase::connecting;
  wrote_ = upstream_blocked_ = false;
  attempt_ns_ = context_.reactor.now_ns();
  if (use_reserved()) return;
  UpstreamPool* pool = runtime_->pools[index_of(color())];
  AcquireWish wish{.fresh = fresh_next_,
                   .avoid = last_server_,
                   .head = head_,
                   .client = down_,
                   .named = named(),
                   .waiter = this,
                   .queued_ns = queued_since_ns_,
                   .admitted = queued_since_ns_ != 0};
  if (wish.queued_ns == 0) wish.queued_ns = attempt_ns_;
  Acquired got = turn ? pool->take_turn(*this, wish) : pool->acquire(*this, wish);
  if (got.status == AcquireStatus::ready && !can_repeat() && !got.upstream->verify_idle()) {
    // What must not be sent twice takes a connection that was alive just now.
    got.upstream->release(false);
    wish.fresh = true;
    got = pool->acquire(*this, wish);
  }
  last_server_ = got.server_key;
  switch (got.status) {
    case AcquireStatus::no_server:
    case AcquireStatus::queue_full:
      answer(got.status == AcquireStatus::no_server ? Reason::no_server : Reason::queue_full);
      return;
    case AcquireStatus::queued:
      enter_queue();
      return;
    case AcquireStatus::connecting:
      up_ = got.upstream;
      color_stats().connects.add();
      arm(Deadline::connect, service().timeouts.connect);
      return;
    case AcquireStatus::ready:
      up_ = got.upstream;
      send_request();
      return;
  }
}

void Exchange::on_connected(Upstream& upstream) {
  up_ = &upstream;
  connect_ns_ = context_.reactor.now_ns() - attempt_ns_;
  send_request();
}

// What goes with the request to any server; Host is the attempt's.
http::RequestAdditions Exchange::additions() const {
  http::RequestAdditions additions;
  additions.client_ip = down_->client_ip();
  additions.scheme = down_->scheme();
  additions.trusted = trusted_;
  additions.via = service().forwarded.via;
  additions.request_id = request_id_view_;
  additions.traceparent = traceparent_view_;
  additions.body = head_->body;
  additions.content_length = head_->content_length;
  return additions;
}

void Exchange::send_request() {
  phase_ = Phase::requesting;
  server_name_size_ =
      static_cast<std::uint8_t>(std::min(up_->server().size(), server_name_.size()));
  std::memcpy(server_name_.data(), up_->server().data(), server_name_size_);
  if (binds_) [[unlikely]]
    keep_private();

  http::RequestAdditions sent = additions();
  // RFC 9112 §3.2: a request of HTTP/1.1 has a Host; one of HTTP/1.0 may have come without.
  if (head_->authority.empty()) sent.host = host_of_server(up_->server());

  BodyPiece piece;
  iovec kept;
  if (replay_bytes_ > 0) {
    kept = {replay_.data(), replay_bytes_};
    piece = {&kept, 1, replay_bytes_, &replay_, request_ended_, {}};
  } else if (request_ended_) {
    piece.end = true;
  } else {
    piece = down_->pull_body();
    if (phase_ != Phase::requesting) return;  // the body's framing was refused
    if (!note_body(piece)) return;
  }
  // Before it is sent: an attempt that fails at once must not forget that nothing follows.
  if (piece.end) request_ended_ = true;
  const SendResult result = up_->send_request(*head_, sent, piece);
  wrote_ = wrote_ || result != SendResult::failed;
  if (result == SendResult::failed) {
    attempt_failed(Reason::server_write_failed, 0);
    return;
  }
  after_request_bytes(result);
}

void Exchange::after_request_bytes(SendResult result) {
  upstream_blocked_ = result == SendResult::blocked;
  if (result == SendResult::blocked) {
    down_->read_body(false);
    upload_.stop(context_.reactor.now_ns());
    if (!response_started_) arm(Deadline::response_head, service().timeouts.response_head);
    return;
  }
  if (request_ended_) {
    if (!response_started_) arm(Deadline::response_head, service().timeouts.response_head);
    return;
  }
  down_->read_body(true);
  wait_for_body();
}

// Counts and keeps body bytes; false when the request was answered instead (too large).
bool Exchange::note_body(const BodyPiece& piece) {
  bytes_in_ += piece.bytes;
  upload_.moved(context_.reactor.now_ns(), piece.bytes);
  const std::uint64_t limit = service().limits.body;
  if (limit != 0 && bytes_in_ > limit) {
    drop_upstream(false);
    if (response_started_) {
      reason_ = Reason::body_too_large;
      finish(drain::Outcome::failed, Ending::abort);
    } else {
      answer(Reason::body_too_large);
    }
    return false;
  }
  if (tap_) [[unlikely]]
    tap_->on_request_body(piece);
  if (piece.bytes > 0) remember(piece);
  if (!piece.trailers.empty()) replayable_ = false;  // they are not kept
  return true;
}

// Keeps the body for a retry while that is allowed and small enough.
void Exchange::remember(const BodyPiece& piece) {
  if (!replayable_) return;
  const std::size_t limit = std::min(service().limits.replay, net::large_buffer_bytes);
  const bool worth =
      runtime_->may_retry(*head_) && replay_bytes_ + piece.bytes <= limit && !response_started_;
  if (!worth) {
    replayable_ = false;
    replay_.reset();
    replay_bytes_ = 0;
    return;
  }
  if (!replay_) {
    const bool fits_small =
        head_->body == BodyKind::length && head_->content_length <= net::small_buffer_bytes;
    replay_ = context_.reactor.buffers().take(fits_small ? net::BufferSize::small
                                                         : net::BufferSize::large);
  }
  for (std::size_t i = 0; i < piece.count; ++i) {
    std::memcpy(replay_.data() + replay_bytes_, piece.slices[i].iov_base, piece.slices[i].iov_len);
    replay_bytes_ += static_cast<std::uint32_t>(piece.slices[i].iov_len);
  }
}

Flow Exchange::on_request_body(const BodyPiece& piece) {
  if (phase_ == Phase::idle || phase_ == Phase::answering) return Flow::over;
  if (phase_ == Phase::tunnel) return tunnel_from_client(piece);
  if (!up_ || phase_ == Phase::connecting) return Flow::pause;
  if (!note_body(piece)) return Flow::over;
  if (piece.end) request_ended_ = true;
  const SendResult result = up_->send_body(piece);
  if (result == SendResult::failed) {
    // The server may have answered before it closed: its event tells. No more of the body, though.
    upload_broken_ = true;
    if (!response_started_) arm(Deadline::response_head, service().timeouts.response_head);
    return Flow::pause;
  }
  after_request_bytes(result);
  return result == SendResult::blocked ? Flow::pause : Flow::proceed;
}

void Exchange::on_upstream_writable() {
  upstream_blocked_ = false;
  if (phase_ == Phase::tunnel) {
    tunnel_writable(tunnel::Way::to_server);
    return;
  }
  if (upload_broken_) return;
  after_request_bytes(SendResult::sent);
}

void Exchange::on_request_rejected(Reason reason) {
  if (phase_ == Phase::idle || phase_ == Phase::answering) return;
  drop_upstream(false);
  if (response_started_) {
    reason_ = reason;
    finish(drain::Outcome::client_gone, Ending::abort);
  } else {
    answer(reason);
  }
}

void Exchange::on_downstream_gone(Reason reason) {
  if (phase_ == Phase::idle) return;
  if (reason_ == Reason::none) reason_ = reason;
  if (phase_ == Phase::tunnel) {
    tunnel_cut_ = reason == Reason::shutting_down;
    finish_tunnel(tunnel_cut_ ? drain::Outcome::forced : drain::Outcome::client_gone,
                  Ending::abort);
    return;
  }
  finish(drain::Outcome::client_gone, Ending::abort);
}

}  // namespace switchback::exchange
