// Bodies in both directions, answers, tunnels.
#include "proxy/downstream/session.hpp"

namespace switchback::downstream {

using exchange::BodyPiece;
using exchange::Flow;
using exchange::SendResult;
using http::BodyKind;
using http::Reason;
using http1::DecodeStatus;

namespace {
constexpr int reads_per_turn = 4;

// What we say about HTTPS takes the place of what the server says (RFC 6797 §7.1: one field only).
void drop_fields_of(std::string_view line, const http::ResponseHead& head) {
  const std::string_view name = line.substr(0, line.find(':'));
  for (http::Field& field : head.fields)
    if (field.name_size == name.size() && http::iequals(field.name(), name)) field.drop = true;
}
}  // namespace

DecodeStatus Session::decode_piece(net::InputBuffer& from, BodyPiece& piece) {
  iovec(&slices)[http1::BodyDecoder::max_slices] =
      *reinterpret_cast<iovec(*)[http1::BodyDecoder::max_slices]>(host_.slices());
  http1::BodyDecoder& body = active_->body;
  if (body.finished()) {
    piece.end = true;
    return DecodeStatus::complete;
  }
  const http1::BodyDecoder::Result got = body.decode(from.data(), from.size(), slices);
  if (got.status == DecodeStatus::rejected) {
    active_->exchange.on_request_rejected(got.reason);
    return got.status;
  }
  from.consume(got.consumed);
  piece.slices = slices;
  piece.count = got.slice_count;
  piece.bytes = got.body_bytes;
  piece.owner = &from.owner();
  piece.end = got.status == DecodeStatus::complete;
  if (piece.end && body.trailers_size() > 0)
    piece.trailers = {body.trailers(), body.trailers_size()};
  return got.status;
}

BodyPiece Session::pull_body() {
  BodyPiece piece;
  if (!in_.empty() || active_->body.finished()) decode_piece(in_, piece);
  return piece;
}

void Session::read_body(bool wanted) {
  if (wanted == body_wanted_) return;
  body_wanted_ = wanted;
  if (wanted && (stream_.readable() || !in_.empty() || !body_in_.empty())) {
    host_.reactor().defer(*this);
  }
}

// Passes on what `from` holds. False: stop (paused, ended, or the exchange is over).
bool Session::process_body(net::InputBuffer& from) {
  while (!from.empty()) {
    BodyPiece piece;
    const std::size_t before = from.size();
    const DecodeStatus status = decode_piece(from, piece);
    if (status == DecodeStatus::rejected) return false;
    if (piece.bytes == 0 && !piece.end) {
      if (from.size() == before) return true;  // a part of a trailer section: more must come
      continue;
    }
    const Flow flow = active_->exchange.on_request_body(piece);
    if (flow == Flow::over) return false;
    if (flow == Flow::pause || piece.end) {
      body_wanted_ = false;
      return false;
    }
  }
  return true;
}

void Session::read_body_some() {
  if (!in_.empty()) {
    if (!process_body(in_)) return;
    if (!in_.empty()) {  // joined with what follows, where there is room
      body_in_.prepare(host_.reactor().buffers(), net::BufferSize::large);
      std::memcpy(body_in_.room(), in_.data(), in_.size());
      body_in_.commit(in_.size());
      in_.consume(in_.size());
    }
  }
  if (!body_in_.empty() && !process_body(body_in_)) return;
  for (int turn = 0; turn < reads_per_turn; ++turn) {
    if (!stream_.readable()) {
      body_in_.release_if_empty();
      return;
    }
    net::PipeRef pipe = pipe_for_body();
    if (!pipe && !body_in_.prepare(host_.reactor().buffers(), net::BufferSize::large)) {
      active_->exchange.on_request_rejected(Reason::trailers_too_large);
      return;
    }
    const net::Transfer got =
        pipe ? stream_.read_into(*pipe, net::PipePool::share_of(active_->body.opaque()))
             : stream_.read(body_in_.room(), body_in_.room_size());
    if (got.status == net::IoStatus::would_block) continue;
    if (got.status != net::IoStatus::ok) {
      body_in_.release_if_empty();
      if (got.status == net::IoStatus::error) {
        peer_reset();
      } else {
        body_ended_early();
      }
      return;
    }
    if (!pipe) body_in_.commit(got.bytes);
    if (!(pipe ? pass_on(pipe) : process_body(body_in_))) return;
  }
  body_in_.release_if_empty();
  host_.reactor().defer(*this);
}

// As Connection::pipe_for_body. A body read to its end may be followed by the next head.
net::PipeRef Session::pipe_for_body() {
  if (active_->body.opaque() < net::PipePool::worth_bytes || tunnel_ || !in_.empty() ||
      !body_in_.empty() || stream_.layer() || !active_->exchange.takes_body_pipe()) {
    return {};
  }
  net::PipeRef pipe = host_.reactor().pipes().take();
  if (!pipe) host_.context().stats->pipes_refused.add();
  return pipe;
}

// False: stop reading.
bool Session::pass_on(net::PipeRef& pipe) {
  BodyPiece piece;
  piece.bytes = pipe->held;
  piece.pipe = &pipe;
  active_->body.pass(piece.bytes);
  piece.end = active_->body.finished();
  host_.context().stats->spliced_bytes.add(piece.bytes);
  const Flow flow = active_->exchange.on_request_body(piece);
  if (flow == Flow::over) return false;
  if (flow == Flow::pause || piece.end) body_wanted_ = false;
  return body_wanted_;
}

// The client's end of stream in the middle of a body: the request is lost; in a tunnel it is a
// half-close, which the server is told.
void Session::body_ended_early() {
  body_wanted_ = false;
  if (!tunnel_) {
    active_->exchange.on_downstream_gone(Reason::client_closed);
    return;
  }
  BodyPiece end;
  end.end = true;
  active_->exchange.on_request_body(end);
}

SendResult Session::send(iovec* pieces, std::size_t count, const net::BufferRef* owner) {
  return out_.send(stream_, host_.reactor().buffers(), {pieces, count},
                   owner ? *owner : net::BufferRef{});
}

bool Session::takes_pipe() const {
  const BodyKind kind = framer_.kind();
  return (kind == BodyKind::length || kind == BodyKind::until_close) && !tunnel_ &&
         !stream_.layer() && !out_.pending();
}

SendResult Session::send_informational(const http::ResponseHead& head) {
  const std::size_t size =
      http1::write_informational_head(host_.scratch(), Host::scratch_bytes, head);
  iovec piece{host_.scratch(), size};
  return send(&piece, 1, nullptr);
}

SendResult Session::send_response(const http::ResponseHead* head, const BodyPiece& piece) {
  if (piece.pipe) return out_.send(stream_, *piece.pipe);
  iovec pieces[http1::BodyDecoder::max_slices + http1::BodyFramer::extra_pieces + 1];
  std::size_t count = 0;
  if (head) {
    http1::ResponseFraming framing;
    const bool old_client = active_->head.minor_version == 0;
    framing.body = head->body;
    framing.content_length = head->content_length;
    const bool open_ended = head->body == BodyKind::chunked || head->body == BodyKind::until_close;
    if (open_ended) framing.body = old_client ? BodyKind::until_close : BodyKind::chunked;
    if (framing.body == BodyKind::until_close) close_ = true;
    framing.write_content_length =
        head->body == BodyKind::none && head->find(http::FieldId::content_length) != nullptr;
    if (host_.context().shutting_down) close_ = true;
    // An answer in place of the rest of the content ends the connection, and says so (RFC 9110
    // §10.1.1). Of one that goes on nobody knows yet which of the two ends first.
    if (!active_->body.finished() && (piece.end || head->status >= 400)) close_ = true;
    framing.close = close_ && head->status != 101;
    framing.keep_alive_1_0 = old_client && !close_;
    framing.fields = active_->exchange.answer_fields();
    if (!framing.fields.empty()) drop_fields_of(framing.fields, *head);
    framer_.start(framing.body);
    const std::size_t size =
        http1::write_response_head(host_.scratch(), Host::scratch_bytes, *head, framing);
    if (size == 0) return SendResult::failed;
    pieces[count++] = {host_.scratch(), size};
  }
  if (piece.bytes > 0 || piece.end) {
    count = framer_.frame(pieces, count, piece.slices, piece.count, piece.bytes, piece.end,
                          piece.trailers);
  }
  const SendResult result = send(pieces, count, piece.owner);
  if (tunnel_ && piece.end) {
    tunnel_ended_ = true;
    if (result == SendResult::sent) stream_.shutdown_write();
  }
  return result;
}

SendResult Session::send_own_answer(const exchange::OwnAnswer& answer) {
  if (out_.pending()) return SendResult::failed;  // a client that did not even take a 1xx
  if (answer.close || host_.context().shutting_down) close_ = true;
  framer_.start(BodyKind::length);
  const bool old_client = active_ && active_->head.minor_version == 0;
  const auto connection = close_       ? http1::OwnConnection::close
                          : old_client ? http1::OwnConnection::kept_1_0
                                       : http1::OwnConnection::kept;
  const std::size_t size =
      http1::write_own_answer(host_.scratch(), Host::scratch_bytes, answer.status, answer.sentence,
                              answer.request_id, answer.fields, connection, head_only_);
  iovec piece{host_.scratch(), size};
  return send(&piece, 1, nullptr);
}

void Session::begin_tunnel() {
  tunnel_ = true;
  close_ = true;
  framer_.start(BodyKind::until_close);
  active_->body.start(BodyKind::until_close, 0, host_.limits().head);
}

}  // namespace switchback::downstream
