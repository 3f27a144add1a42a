// What a connection tells the pool: how its server behaves, and that it is free for others.
#include <unistd.h>

#include "proxy/upstream/connection.hpp"
#include "proxy/upstream/dialer.hpp"
#include "proxy/upstream/idle_list.hpp"
#include "proxy/upstream/pool_shared.hpp"

namespace switchback::upstream {

using http::Reason;

void Connection::note_failure(LastFailure what) {
  if (!server_->pool || !judged_) return;
  server_->pool->failed(*server_->shared, what, dialer_.reactor().now_ns());
}

// The connection ended where an answer was wanted. One that was kept and is gone before a byte of
// an answer is what a server's idle timeout looks like, and counts for nothing.
void Connection::note_lost(Reason reason) {
  const auto what = LastFailure::of_answer(reason, fault_, place_);
  if (head_done_) {
    if (fault_ != http::Fault::none && judged_) server_->shared->standing.remember(what);
    return;
  }
  const bool nothing_came = reason == Reason::server_reset || reason == Reason::server_closed ||
                            reason == Reason::server_write_failed;
  if ((nothing_came && !lent_) || reason == Reason::bad_response) {
    note_failure(what);
  } else if (fault_ != http::Fault::none && judged_) {
    server_->shared->standing.remember(what);
  }
}

void Connection::note_status(unsigned status) {
  if (lent_) server_->keeping = Keeping::keeps;
  if (status == 502 || status == 503 || status == 504) {
    note_failure(LastFailure::of_status(status));
  } else if (judged_) {
    server_->shared->standing.succeeded();
  }
}

// It ended before a second request: the server's way when that came right behind the answer, an
// idle timeout when later. Servers that have one give it two seconds or more (docs/servers.md).
void Connection::note_unsaid_end() {
  constexpr Nanos right_behind_ns = 1'000'000'000;
  if (lent_ || server_->keeping != Keeping::unknown) return;
  if (dialer_.reactor().now_ns() - kept_ns_ < right_behind_ns) server_->keeping = Keeping::ends;
}

// Leaves the books of the server and of the worker, but for the count of connections.
void Connection::detach_from_server() {
  if (state_ == State::idle) {
    IdleList::remove(*server_, *this);
    dialer_.stats().upstream_idle.add(-1);
  }
  if (state_ == State::reserved) ReservedList::remove(*server_, *this);
  if (user_) {
    server_->add_load(-1);
    user_ = nullptr;
  }
  state_ = State::closed;
  dialer_.reactor().timers().disarm(*this);
  in_.release();
  out_.clear();
  --server_->connections;
  dialer_.recycle(*this);
}

bool Connection::takes_pipe() const {
  return state_ == State::busy && !stream_.layer() && framer_.kind() == http::BodyKind::length &&
         !tunnel_ && !write_failed_ && !out_.pending();
}

bool Connection::give_away() {
  SlotQueue& slots = server_->pool->slots();
  ServerShared& shared = *server_->shared;
  // What was said on it before HTTP (a client's name, a key) is no other worker's.
  const int fd = server_->link.bare ? stream_.detach() : -1;
  if (fd < 0) {  // what cannot be carried leaves its place
    stream_.close();
    detach_from_server();
    slots.closed(shared, dialer_.reactor().now_ns());
    return true;
  }
  switch (slots.offer(shared, server_->worker, fd, dialer_.reactor().now_ns())) {
    case SlotQueue::Offer::taken:
      break;
    case SlotQueue::Offer::close:
      ::close(fd);
      break;
    case SlotQueue::Offer::keep:
      if (stream_.open(dialer_.reactor(), fd, *this)) return false;
      slots.idle_ended(shared, server_->worker);
      detach_from_server();
      slots.closed(shared, dialer_.reactor().now_ns());
      return true;
  }
  detach_from_server();
  return true;
}

bool Connection::adopt(WorkerServer& server, int fd, exchange::UpstreamUser& user) {
  server_ = &server;
  user_ = &user;
  lent_ = true;
  dial_error_ = 0;
  cause_ = nullptr;
  generation_ = server.link.generation;
  client_ = {};
  private_ = false;
  holder_ = nullptr;
  hint_ns_ = -1;
  lent_turn_ = 0;
  begin_request(http::Method::get);
  if (!stream_.open(dialer_.reactor(), fd, *this)) {
    user_ = nullptr;
    dialer_.recycle(*this);
    return false;
  }
  ++server.connections;
  server.add_load(1);
  state_ = State::busy;
  return true;
}

}  // namespace switchback::upstream
