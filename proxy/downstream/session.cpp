// Connection life: events, heads, idle, closing.
#include "proxy/downstream/session.hpp"

#include "proxy/log/access_log.hpp"

namespace switchback::downstream {

using exchange::Ending;
using exchange::SendResult;
using http::Reason;
using http1::DecodeStatus;

namespace {
constexpr Nanos linger_ns = 2'000'000'000;
constexpr std::uint32_t linger_bytes = 1 << 20;
constexpr int reads_per_turn = 4;  // then others have their turn
constexpr int requests_per_turn = 16;
}  // namespace

void Session::open(int fd, const sockaddr_storage& peer, const ListenerRuntime& listener) {
  listener_ = &listener;
  ip_ = net::IpText(peer);
  ip16_ = net::ip_bytes(reinterpret_cast<const sockaddr*>(&peer));
  told_ends_.reset();
  state_ = State::idle;
  scanned_ = discarded_ = 0;
  parsing_ = body_wanted_ = close_ = head_only_ = tunnel_ = tunnel_ended_ = hung_up_ = false;
  any_byte_ = utf8_target_ = https_ = asked_client_ = false;
  since_ns_ = host_.reactor().now_ns();
  if (!stream_.open(host_.reactor(), fd, *this)) {
    close();
    return;
  }
  arm(host_.limits().request_head_ns);  // a client that connects and says nothing
  if (listener.proxy_protocol) {
    state_ = State::opening;
  } else {
    client_known();
  }
}

void Session::arm(Nanos in_ns) {
  if (in_ns > 0) {
    host_.reactor().timers().arm(*this, host_.reactor().now_ns() + in_ns);
  } else {  // none: what was armed before was for something else
    host_.reactor().timers().disarm(*this);
  }
}

void Session::on_event(std::uint32_t events) {
  stream_.note(events);
  if (events & (EPOLLHUP | EPOLLERR)) hung_up_ = true;
  if (!flush()) return;
  switch (state_) {
    case State::opening:
      read_proxy_header();
      return;
    case State::handshaking:
      handshaking_event(events);
      return;
    case State::idle:
    case State::reading_head:
      if (stream_.readable() && !deferred()) read_head();  // else its next turn goes on
      return;
    case State::exchanging:
      exchanging_event(events);
      return;
    case State::flushing:
      if (hung_up_) close();
      return;
    case State::lingering:
      discard_input();
      return;
    case State::closed:
      return;
  }
}

void Session::exchanging_event(std::uint32_t events) {
  if (body_wanted_ && stream_.readable()) {
    read_body_some();
    watch_client();
    return;
  }
  // A FIN after the request is no cancel: the client may be waiting for its answer. A reset is.
  // In a tunnel whose server is slow the end may stand behind unread bytes; a reset has no behind.
  if (events & (tunnel_ ? EPOLLERR : EPOLLHUP | EPOLLERR)) {
    if (!active_->exchange.outlives_client()) peer_reset();
  } else if (events & EPOLLRDHUP) {
    watch_client();
  }
}

void Session::peer_reset() {
  active_->exchange.on_downstream_gone(Reason::client_reset);
}

// Sends what the client had not taken. False when the connection went away meanwhile.
bool Session::flush() {
  if (!out_.pending() || !stream_.writable()) return true;
  const SendResult result = out_.flush(stream_);
  if (result == SendResult::blocked) {
    if (state_ == State::exchanging) active_->exchange.on_downstream_progress();
    return true;
  }
  if (result == SendResult::failed) {
    out_.clear();
    if (state_ == State::exchanging) {
      peer_reset();
    } else {
      close();
    }
    return false;
  }
  if (state_ == State::flushing) {
    close_after_answer(true);
    return false;
  }
  if (tunnel_ && tunnel_ended_) stream_.shutdown_write();
  if (state_ == State::exchanging) active_->exchange.on_downstream_writable();
  return state_ != State::closed;
}

void Session::read_head() {
  int turn = 0;
  while (state_ == State::idle || state_ == State::reading_head) {
    if (++turn > reads_per_turn) {  // a flood of requests that are answered at once
      host_.reactor().defer(*this);
      break;
    }
    if (!in_.prepare(host_.reactor().buffers(), net::BufferSize::small)) {
      reject(Reason::head_too_large);
      return;
    }
    const net::Transfer got = stream_.read(in_.room(), in_.room_size());
    if (got.status == net::IoStatus::would_block) break;
    if (got.status != net::IoStatus::ok) {
      close();
      return;
    }
    in_.commit(got.bytes);
    if (!parse()) return;
    if (!stream_.readable()) break;
  }
  if (state_ == State::idle) in_.release_if_empty();
}

// Starts as many requests as are there and end at once; stops at the first that takes time. False:
// there were too many for one turn, and another turn was asked for.
bool Session::parse() {
  int turn = 0;
  parsing_ = true;
  while ((state_ == State::idle || state_ == State::reading_head) && !in_.empty()) {
    if (++turn > requests_per_turn) {
      host_.reactor().defer(*this);
      break;
    }
    active_ = &host_.take_request();
    const http1::DecodeResult got = decode_head();
    if (got.status == DecodeStatus::complete) {
      active_->head.head_bytes = static_cast<std::uint32_t>(got.consumed);
      in_.consume(got.consumed);
      start_exchange();
      continue;
    }
    host_.give_back(*active_);
    active_ = nullptr;
    if (got.status == DecodeStatus::rejected) {
      reject(got.reason);
    } else {
      if (!any_byte_) {
        arm(host_.limits().request_head_ns);
        since_ns_ = host_.reactor().now_ns();
      }
      any_byte_ = true;
      state_ = State::reading_head;
    }
    break;
  }
  parsing_ = false;
  return turn <= requests_per_turn;
}

// Bytes above ASCII in a target are percent-encoded where they lie, and the head is read again.
http1::DecodeResult Session::decode_head() {
  for (;;) {
    std::size_t scanned = scanned_;
    const http1::DecodeResult got = http1::decode_request_head(
        in_.data(), in_.size(), host_.limits().head, scanned, active_->fields, active_->head);
    scanned_ = static_cast<std::uint32_t>(scanned);
    if (got.reason != Reason::bad_target) [[likely]]
      return got;
    const std::size_t raw = http1::count_raw_target_bytes(in_.data(), in_.size());
    if (raw == 0 || !in_.prepare_more(host_.reactor().buffers(), 2 * raw)) return got;
    http1::encode_raw_target(in_.data(), in_.size(), raw);
    in_.commit(2 * raw);
    scanned_ = 0;
    utf8_target_ = true;
  }
}

void Session::start_exchange() {
  active_->head.utf8_target = std::exchange(utf8_target_, false);
  const http::RequestHead& head = active_->head;
  scanned_ = 0;
  any_byte_ = false;
  state_ = State::exchanging;
  head_only_ = head.method == http::Method::head;
  close_ = !head.keep_alive || host_.context().shutting_down;
  body_wanted_ = false;
  framer_.start(http::BodyKind::none);
  active_->body.start(head.body, head.content_length, host_.limits().head, head.named);
  active_->exchange.begin(*this, head);
  // Behind this request the client has ended its side already.
  if (stream_.peer_closed()) watch_client();
}

void Session::reject(Reason reason) {
  const unsigned status = http::status_of(reason);
  host_.context().count(reason);
  record_reject(reason, status);
  head_only_ = false;
  close_ = true;
  if (status == 0) {
    close();
    return;
  }
  char id[32];
  const std::string_view request_id =
      host_.context().request_ids.next(id, host_.context().wall_us());
  exchange::OwnAnswer own;
  own.status = status;
  own.sentence = http::sentence_of(reason);
  own.request_id = request_id;
  own.close = true;
  const SendResult result = send_own_answer(own);
  if (result == SendResult::failed) {
    close();
  } else if (result == SendResult::blocked) {
    state_ = State::flushing;
    arm(linger_ns);
  } else {
    close_after_answer(true);
  }
}

void Session::record_reject(Reason reason, unsigned status, std::string_view detail) {
  if (!host_.context().access) return;
  log::AccessRecord record;
  record.wall_us = host_.context().wall_us();
  record.status = static_cast<std::uint16_t>(status);
  record.reason = reason;
  record.client = ip_.view();
  record.detail = detail;
  if (!host_.context().access->push(record)) host_.context().stats->access_dropped.add();
}

void Session::on_timer() {
  switch (state_) {
    case State::handshaking:
      handshake_failed(tls::Failure::timeout);
      return;
    case State::opening:
      refuse_proxy_header("no PROXY header in time");
      return;
    case State::idle:
      if (any_byte_) host_.context().count(Reason::head_timeout);
      if (host_.context().shutting_down) {
        end_idle();
      } else {
        close();
      }
      return;
    case State::reading_head:
      reject(Reason::head_timeout);
      return;
    case State::flushing:
    case State::lingering:
      close();
      return;
    case State::exchanging:  // the exchange keeps its own deadlines
    case State::closed:
      return;
  }
}

void Session::on_deferred() {
  switch (state_) {
    case State::idle:
    case State::reading_head:
      if (!in_.empty() && !parse()) return;
      if ((state_ == State::idle || state_ == State::reading_head) && stream_.readable()) {
        read_head();
      } else if (state_ == State::idle) {
        in_.release_if_empty();
      }
      return;
    case State::exchanging:
      if (body_wanted_) {
        read_body_some();
        watch_client();
      }
      return;
    default:
      return;
  }
}

void Session::exchange_finished(Ending ending) {
  ActiveRequest* done = active_;
  const bool body_over = done->body.finished();
  active_ = nullptr;
  host_.give_back(*done);
  body_wanted_ = false;
  if (ending == Ending::abort) {
    // Pending bytes or a body that ends with the connection: only a reset says "incomplete".
    close(out_.pending() || framer_.kind() == http::BodyKind::until_close);
    return;
  }
  if (ending == Ending::close || close_ || !body_over || hung_up_) {
    close_after_answer(!body_over);
    return;
  }
  go_idle();
}

void Session::go_idle() {
  state_ = State::idle;
  since_ns_ = host_.reactor().now_ns();
  if (!body_in_.empty()) {
    in_.take_over(body_in_);
  } else {
    body_in_.release();
  }
  arm(host_.context().shutting_down ? last_request_ns : host_.limits().idle_ns);
  if (parsing_) return;  // the loop goes on
  if (!in_.empty() || stream_.readable()) {
    host_.reactor().defer(*this);
  } else {
    in_.release();
  }
}

void Session::close_after_answer(bool unread_possible) {
  if (tunnel_ && stream_.peer_closed()) unread_possible = false;
  const bool nothing_left = !unread_possible && in_.empty() && body_in_.empty() &&
                            (!stream_.readable() || stream_.peer_closed());
  if (nothing_left || hung_up_) {
    close();
  } else {
    linger();
  }
}

void Session::linger(Nanos at_most_ns) {
  state_ = State::lingering;
  in_.release();
  body_in_.release();
  if (!tunnel_ended_) stream_.shutdown_write();
  arm(at_most_ns);
  if (!parsing_ || stream_.readable()) discard_input();
}

void Session::discard_input() {
  char* sink = host_.scratch();
  while (stream_.readable()) {
    const net::Transfer got = stream_.read(sink, Host::scratch_bytes);
    if (got.status == net::IoStatus::would_block) return;
    discarded_ += static_cast<std::uint32_t>(got.bytes);
    if (got.status != net::IoStatus::ok || discarded_ > linger_bytes) {
      close();
      return;
    }
  }
}

void Session::close(bool with_reset) {
  if (state_ == State::closed) return;
  if (state_ == State::handshaking) {
    unlink();  // from the queue of handshakes
    host_.context().stats->tls.handshaking.add(-1);
  }
  state_ = State::closed;
  host_.reactor().timers().disarm(*this);
  if (with_reset) {
    stream_.reset();
  } else {
    if (net::SecureLayer* layer = stream_.layer()) layer->end_write(stream_);
    stream_.close();
  }
  in_.release();
  body_in_.release();
  out_.clear();
  reservations_.end_all();
  host_.guard().release(visit_);
  host_.recycle(*this);
}

bool Session::admit() {
  if (host_.admit(ip16_, ip_.view(), visit_)) return true;
  close(true);
  return false;
}

bool Session::admit_request(const http::ClientAddress* named) {
  if (named) return host_.admit_request_of(named->ip);
  return host_.guard().admit_request(visit_, host_.reactor().now_ns());
}

}  // namespace switchback::downstream
