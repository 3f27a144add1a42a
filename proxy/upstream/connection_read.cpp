// The reading half of a connection to a server.
#include <algorithm>

#include "proxy/http/connection_auth.hpp"
#include "proxy/upstream/connection.hpp"
#include "proxy/upstream/dialer.hpp"

namespace switchback::upstream {

using exchange::BodyPiece;
using exchange::Flow;
using exchange::SendResult;
using http::BodyKind;
using http::Reason;
using http1::DecodeStatus;

namespace {
constexpr int reads_per_turn = 4;  // then others have their turn
// With the head, a body of up to 64 KiB comes at once; of a larger one little is copied.
constexpr std::size_t first_read_bytes = 72 * 1024;
}  // namespace

void Connection::on_event(std::uint32_t events) {
  stream_.note(events);
  switch (state_) {
    case State::connecting:
      if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) finish_dial();
      // A server that spoke or hung up at once: that edge will not come again.
      if (state_ == State::busy && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))) read_some();
      return;
    case State::securing:
      shake_hands();
      if (state_ == State::busy && stream_.readable()) read_some();
      return;
    case State::idle:
    case State::reserved:
      // Nothing was asked: an end, a reset, or bytes that belong to no request. An event that only
      // says "writable" is none of these.
      if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) && !quiet()) {
        note_unsaid_end();
        close();
      }
      return;
    case State::busy:
      if (spoke_unasked(events)) {
        fail(Reason::server_closed, 0);
        return;
      }
      if (!flush()) return;
      if (response_complete_ && (events & EPOLLERR)) {
        fail(Reason::server_reset, 0);  // a tunnel's other direction has nowhere to go
        return;
      }
      if (!paused_ && stream_.readable()) read_some();
      return;
    case State::dial_failed:
    case State::closed:
      return;
  }
}

// False when the connection was lost to its user on the way.
bool Connection::flush() {
  if (!out_.pending() || !stream_.writable()) return true;
  const SendResult result = out_.flush(stream_);
  if (result == SendResult::blocked) return true;
  if (result == SendResult::failed) {
    // The server may have answered before it closed: read that first, read_some reports the end.
    out_.clear();
    write_failed_ = true;
    if (response_complete_) {  // a tunnel whose other direction has ended: no read will tell
      fail(Reason::server_write_failed, 0);
      return false;
    }
    return true;
  }
  if (tunnel_ && request_complete_) stream_.shutdown_write();
  exchange::UpstreamUser* user = user_;
  user->on_upstream_writable();
  return user_ == user && state_ == State::busy;
}

void Connection::read_some() {
  if (response_complete_) return;  // a half-closed tunnel's other direction
  for (int turn = 0; turn < reads_per_turn; ++turn) {
    net::PipeRef pipe = pipe_for_body();
    if (!pipe && !in_.prepare(dialer_.buffers(), net::BufferSize::large)) {
      fail(Reason::response_too_large, 0);
      return;
    }
    const net::Transfer got =
        pipe ? stream_.read_into(*pipe, net::PipePool::share_of(decoder_.opaque()))
             : stream_.read(in_.room(), head_done_ ? in_.room_size()
                                                   : std::min(in_.room_size(), first_read_bytes));
    switch (got.status) {
      case net::IoStatus::would_block:
        in_.release_if_empty();
        return;
      case net::IoStatus::end:
        peer_ended();
        return;
      case net::IoStatus::error:
        note_read_error();
        fail(lost_reason(Reason::server_reset), got.error_number);
        return;
      case net::IoStatus::ok:
        if (!pipe) in_.commit(got.bytes);
        break;
    }
    if (!(pipe ? pass_on(pipe) : process())) return;
    if (!stream_.readable()) {
      in_.release_if_empty();
      return;
    }
  }
  in_.release_if_empty();
  dialer_.reactor().defer(*this);
}

// What it means that the server is gone. `silent`: without a byte of an answer, so that the request
// may be sent again.
Reason Connection::lost_reason(Reason silent) {
  if (!head_done_ && in_.empty() && informational_ == 0) return silent;
  fault_ = head_done_ ? http::Fault::body_cut : http::Fault::head_cut;
  place_ = head_done_ || in_.empty() ? http::Place() : http::place_in(in_.data(), in_.size());
  cause_ = http::text_of(fault_).data();
  return head_done_ ? Reason::response_truncated : Reason::bad_response;
}

// Works off what was received. False: stop reading (paused, failed, or given up).
bool Connection::process() {
  bool again = true;
  while (again) {
    again = false;
    if (!(head_done_ ? deliver(nullptr, again) : read_head(again))) return false;
  }
  return true;
}

bool Connection::read_head(bool& again) {
  http::ResponseHead head;
  const http1::DecodeResult got =
      http1::decode_response_head(in_.data(), in_.size(), dialer_.head_limits(), scanned_, method_,
                                  dialer_.fields(), head, server_->link.wire.answers);
  if (got.status == DecodeStatus::need_more) return true;
  if (got.status == DecodeStatus::rejected) {
    fail_answer(got.reason, got.fault, http::place_in(in_.data(), got.consumed));
    return false;
  }
  if (head.lapses != 0) [[unlikely]]
    count_lapses(head.lapses);
  in_.consume(got.consumed);
  scanned_ = 0;
  if (head.status < 200 && head.status != 101) {
    if (++informational_ > http1::max_interim_answers) {
      fail_answer(Reason::bad_response, http::Fault::interim_flood, {});
      return false;
    }
    const Flow flow = user_->on_informational(head);
    if (flow == Flow::pause) paused_ = true;
    if (flow != Flow::proceed) return false;
    again = !in_.empty();
    return true;
  }
  note_status(head.status);
  head_done_ = true;
  keep_alive_ = head.keep_alive && head.body != BodyKind::until_close;
  if (head.present & http::bit_of(http::FieldId::keep_alive)) note_hint(head);
  if (http::binds_connection(head)) [[unlikely]]
    make_private(holder_);  // whoever asked: a client's exchange, or a copy that has no client
  decoder_.start(head.status == 101 ? BodyKind::until_close : head.body, head.content_length,
                 dialer_.head_limits(), head.named, server_->link.wire.answers);
  return deliver(&head, again);
}

bool Connection::deliver(const http::ResponseHead* head, bool& again) {
  iovec slices[http1::BodyDecoder::max_slices];
  http1::BodyDecoder::Result got{DecodeStatus::complete};
  if (!decoder_.finished()) got = decoder_.decode(in_.data(), in_.size(), slices);
  if (got.status == DecodeStatus::rejected) {
    // A head that was not passed on yet can still become a clean 502.
    if (head) head_done_ = false;
    fail_answer(Reason::bad_response, got.fault, {0, decoder_.offset() + 1});
    return false;
  }
  in_.consume(got.consumed);
  const bool end = got.status == DecodeStatus::complete;
  if (!head && !end && got.body_bytes == 0) return true;
  if (end) {
    response_complete_ = true;
    if (decoder_.lapses() != 0) [[unlikely]]
      count_lapses(decoder_.lapses());
    if (!in_.empty()) keep_alive_ = false;  // more than was asked for
  }
  BodyPiece piece{slices, got.slice_count, got.body_bytes, &in_.owner(), end, {}};
  if (end && decoder_.trailers_size() > 0)
    piece.trailers = {decoder_.trailers(), decoder_.trailers_size()};
  const Flow flow = user_->on_response(head, piece);
  if (flow == Flow::over) return false;
  if (flow == Flow::pause) {
    paused_ = true;
    return false;
  }
  again = !end && !in_.empty() && got.consumed > 0;
  return !end || tunnel_;
}

// A pipe for what comes next, where its bytes are nobody's business and are worth the calls.
net::PipeRef Connection::pipe_for_body() {
  if (!head_done_ || decoder_.opaque() < net::PipePool::worth_bytes || !in_.empty() || tunnel_ ||
      stream_.layer() || !user_->takes_pipe()) {
    return {};
  }
  net::PipeRef pipe = dialer_.reactor().pipes().take();
  if (!pipe) dialer_.stats().pipes_refused.add();
  return pipe;
}

// False: stop reading.
bool Connection::pass_on(net::PipeRef& pipe) {
  BodyPiece piece;
  piece.bytes = pipe->held;
  piece.pipe = &pipe;
  decoder_.pass(piece.bytes);
  piece.end = response_complete_ = decoder_.finished();
  dialer_.stats().spliced_bytes.add(piece.bytes);
  const Flow flow = user_->on_response(nullptr, piece);
  if (flow == Flow::pause) paused_ = true;
  return flow == Flow::proceed && !piece.end;
}

void Connection::peer_ended() {
  if (!head_done_) {
    fail(lost_reason(write_failed_ ? Reason::server_write_failed : Reason::server_closed), 0);
    return;
  }
  if (decoder_.end_of_stream() != DecodeStatus::complete) {
    fail_answer(Reason::response_truncated, http::Fault::body_cut, {});
    return;
  }
  response_complete_ = true;
  keep_alive_ = false;
  BodyPiece piece;
  piece.end = true;
  const Flow flow = user_->on_response(nullptr, piece);
  if (flow == Flow::over) return;
  if (flow == Flow::pause) paused_ = true;
  // Nor does the other way go on.
  if (tunnel_ && write_failed_) fail(Reason::server_write_failed, 0);
}

}  // namespace switchback::upstream
