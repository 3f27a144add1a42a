#include "proxy/upstream/connection.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "proxy/http/keep_alive.hpp"
#include "proxy/net/socket.hpp"
#include "proxy/upstream/dialer.hpp"
#include "proxy/upstream/idle_list.hpp"
#include "proxy/upstream/pool_shared.hpp"

namespace switchback::upstream {

using exchange::BodyPiece;
using exchange::Flow;
using exchange::SendResult;
using http::BodyKind;
using http::Reason;

namespace {

constexpr Nanos redial_ns = 10'000'000;

Reason connect_reason(int error_number) {
  return error_number == ECONNREFUSED ? Reason::connect_refused : Reason::connect_failed;
}
}  // namespace

void Connection::dial(WorkerServer& server, exchange::UpstreamUser& user,
                      const net::Endpoints& client, bool counted) {
  server_ = &server;
  user_ = &user;
  ++server.connections;
  if (!counted && server.pool) server.pool->slots().opened(*server.shared);
  server.add_load(1);
  lent_ = false;
  dial_error_ = 0;
  cause_ = nullptr;
  generation_ = server.link.generation;
  client_ = client;
  private_ = false;
  holder_ = nullptr;
  hint_ns_ = -1;
  begin_request(http::Method::get);
  start_dial();
}

void Connection::start_dial() {
  state_ = State::connecting;
  const ResolvedAddress* address = server_->shared->state->resolved();
  const auto start = [&] {
    return address ? net::start_connect(reinterpret_cast<const sockaddr*>(&address->storage),
                                        address->size)
                   : -EHOSTUNREACH;
  };
  int fd = start();
  if ((fd == -EMFILE || fd == -ENFILE) && dialer_.make_room()) fd = start();
  if (fd >= 0 && stream_.open(dialer_.reactor(), fd, *this)) return;
  if (fd == -EAGAIN && address->storage.ss_family == AF_UNIX) {
    // The backlog of a Unix socket is full, and nobody will say when it is not: TCP would try again
    // by itself. The user's connect deadline ends it.
    dialer_.reactor().timers().arm(*this, dialer_.reactor().now_ns() + redial_ns);
    return;
  }
  dial_error_ = fd < 0 ? -fd : errno;
  state_ = State::dial_failed;
  dialer_.reactor().defer(*this);  // told from an event of its own
}

void Connection::lend(exchange::UpstreamUser& user) {
  SB_ASSERT(state_ == State::idle);
  IdleList::remove(*server_, *this);
  dialer_.stats().upstream_idle.add(-1);
  begin_lent(user);
}

void Connection::begin_lent(exchange::UpstreamUser& user) {
  dialer_.reactor().timers().disarm(*this);
  state_ = State::busy;
  lent_ = true;
  lent_turn_ = dialer_.reactor().turns();
  cause_ = nullptr;
  user_ = &user;
  server_->add_load(1);
  begin_request(http::Method::get);
}

void Connection::begin_request(http::Method method) {
  method_ = method;
  scanned_ = 0;
  informational_ = 0;
  head_done_ = response_complete_ = request_complete_ = false;
  keep_alive_ = paused_ = write_failed_ = tunnel_ = false;
  judged_ = true;
  fault_ = http::Fault::none;
  place_ = {};
}

void Connection::finish_dial() {
  const int error_number = -net::connect_result(stream_.fd());
  if (error_number != 0) {
    state_ = State::dial_failed;
    if (server_at_fault(error_number)) note_failure(LastFailure(connect_reason(error_number)));
    user_->on_connect_failed(connect_reason(error_number), error_number, server());
    return;
  }
  if (!server_->link.bare) {
    begin_link();
    return;
  }
  state_ = State::busy;
  user_->on_connected(*this);
}

void Connection::close() {
  if (state_ == State::closed) return;
  if (state_ == State::idle && server_->limited) {
    server_->pool->slots().idle_ended(*server_->shared, server_->worker);
  }
  stream_.close();
  detach_from_server();
  if (server_->pool) {
    server_->pool->slots().closed(*server_->shared, dialer_.reactor().now_ns());
  }
}

SendResult Connection::send_request(const http::RequestHead& head,
                                    const http::RequestAdditions& additions,
                                    const BodyPiece& piece) {
  method_ = head.method;
  framer_.start(additions.body);
  const std::size_t size =
      http1::write_request_head(dialer_.scratch(), Dialer::scratch_bytes, head, additions);
  if (size == 0) return SendResult::failed;
  iovec pieces[http1::BodyDecoder::max_slices + http1::BodyFramer::extra_pieces + 1];
  pieces[0] = {dialer_.scratch(), size};
  const std::size_t count =
      framer_.frame(pieces, 1, piece.slices, piece.count, piece.bytes, piece.end, piece.trailers);
  request_complete_ = piece.end;
  const SendResult result = out_.send(stream_, dialer_.buffers(), {pieces, count},
                                      piece.owner ? *piece.owner : net::BufferRef{});
  if (result == SendResult::failed) {
    note_write_error();
    note_lost(Reason::server_write_failed);
  }
  return result;
}

SendResult Connection::send_body(const BodyPiece& piece) {
  if (write_failed_) return SendResult::failed;
  if (piece.pipe) {
    if (piece.end) request_complete_ = true;
    return out_.send(stream_, *piece.pipe);
  }
  iovec pieces[http1::BodyDecoder::max_slices + http1::BodyFramer::extra_pieces];
  const std::size_t count =
      framer_.frame(pieces, 0, piece.slices, piece.count, piece.bytes, piece.end, piece.trailers);
  if (piece.end) request_complete_ = true;
  const SendResult result = out_.send(stream_, dialer_.buffers(), {pieces, count},
                                      piece.owner ? *piece.owner : net::BufferRef{});
  if (tunnel_ && piece.end && result == SendResult::sent) stream_.shutdown_write();
  // What the server has said before it went is still read; its end then tells.
  if (tunnel_ && result == SendResult::failed) write_failed_ = true;
  return result;
}

void Connection::begin_tunnel() {
  tunnel_ = true;
  keep_alive_ = false;
  request_complete_ = false;
  framer_.start(BodyKind::until_close);
}

void Connection::resume_response() {
  paused_ = false;
  dialer_.reactor().defer(*this);
}

void Connection::on_deferred() {
  if (state_ == State::dial_failed) {
    if (server_at_fault(dial_error_)) note_failure(LastFailure(connect_reason(dial_error_)));
    if (user_) user_->on_connect_failed(connect_reason(dial_error_), dial_error_, server());
    return;
  }
  if (state_ != State::busy || paused_ || !user_) return;
  if (!in_.empty() && !process()) return;
  if (stream_.readable()) read_some();
}

void Connection::release(bool reusable) {
  if (state_ == State::closed) return;
  bool clean = reusable && state_ == State::busy && response_complete_ && request_complete_ &&
               keep_alive_ && !write_failed_ && !out_.pending() && in_.empty() &&
               !server_->removed && generation_ == server_->link.generation && hint_ns_ != 0 &&
               server_->idle_count < Dialer::max_idle_per_server;
  if (clean && (stream_.peer_closed() || (stream_.readable() && !sound()))) {
    kept_ns_ = dialer_.reactor().now_ns();
    note_unsaid_end();
    clean = false;
  }
  if (!clean) {
    close();
    return;
  }
  private_ ? reserve() : keep();
}

void Connection::keep() {
  if (server_->limited && !server_->pool->slots().keep(*server_->shared, server_->worker) &&
      give_away()) {
    return;
  }
  if (server_->link.per_client && server_->idle_count >= IdleList::max_per_client_idle) {
    server_->idle_oldest->close();
  }
  user_ = nullptr;
  server_->add_load(-1);
  in_.release();
  state_ = State::idle;
  kept_ns_ = dialer_.reactor().now_ns();
  IdleList::push(*server_, *this);
  dialer_.stats().upstream_idle.add(1);
  arm_idle(server_->link.wire.idle_ns);
}

// The shorter of ours and of what the server has announced; 0: none.
void Connection::arm_idle(Nanos limit_ns) {
  if (hint_ns_ > 0 && (limit_ns == 0 || hint_ns_ < limit_ns)) limit_ns = hint_ns_;
  if (limit_ns > 0) {
    dialer_.reactor().timers().arm(*this, dialer_.reactor().now_ns() + limit_ns);
  }
}

void Connection::note_hint(const http::ResponseHead& head) {
  for (const http::Field& field : head.fields) {
    if (field.id != http::FieldId::keep_alive) continue;
    const http::KeepAliveHint hint = http::keep_alive_hint(field.value());
    if (hint.timeout_s) hint_ns_ = http::kept_within(*hint.timeout_s);
    if (hint.max == 0U) keep_alive_ = false;
  }
}

void Connection::on_timer() {
  if (state_ == State::connecting) {
    start_dial();  // a Unix socket whose backlog was full
  } else {
    close();  // idle for too long
  }
}

// The answer is wrong, or ended too early: `cause()` says so from here on.
void Connection::fail_answer(Reason reason, http::Fault fault, http::Place place) {
  fault_ = fault;
  place_ = place;
  cause_ = fault == http::Fault::none ? nullptr : http::text_of(fault).data();
  fail(reason, 0);
}

void Connection::count_lapses(http::Lapses lapses) {
  for (std::size_t i = 0; i < http::lapse_count; ++i)
    if ((lapses & (1u << i)) != 0) dialer_.stats().lapses[i].add();
}

void Connection::fail(Reason reason, int error_number) {
  keep_alive_ = false;
  note_lost(reason);
  user_->on_upstream_failed(reason, error_number);
}

}  // namespace switchback::upstream
