// A connection on which the server knows one client (http/connection_auth.hpp): between two
// requests it waits for that client alone.
#include "proxy/upstream/connection.hpp"
#include "proxy/upstream/dialer.hpp"
#include "proxy/upstream/idle_list.hpp"

namespace switchback::upstream {

void ReservedList::push(WorkerServer& server, Connection& connection) {
  connection.previous_ = nullptr;
  connection.next_ = server.reserved;
  if (server.reserved) server.reserved->previous_ = &connection;
  server.reserved = &connection;
  ++server.reserved_count;
}

// Its holder, too, hears that it is not there any more.
void ReservedList::remove(WorkerServer& server, Connection& connection) {
  (connection.previous_ ? connection.previous_->next_ : server.reserved) = connection.next_;
  if (connection.next_) connection.next_->previous_ = connection.previous_;
  connection.previous_ = connection.next_ = nullptr;
  --server.reserved_count;
  if (connection.holder_) connection.holder_->forget(connection);
}

void Connection::make_private(exchange::Reservations* holder) {
  if (!private_) dialer_.stats().private_connections.add();
  private_ = true;
  holder_ = holder;
}

// From release(), clean. It keeps its place in limits.connections_per_server: to its server it is a
// connection in use.
void Connection::reserve() {
  if (!holder_) {
    close();
    return;
  }
  user_ = nullptr;
  server_->add_load(-1);
  in_.release();
  state_ = State::reserved;
  kept_ns_ = dialer_.reactor().now_ns();
  ReservedList::push(*server_, *this);
  holder_->hold(*this);
  // As long as its client stays, unless the server has said less.
  arm_idle(0);
}

exchange::Upstream* Connection::lend_reserved(exchange::UpstreamUser& user) {
  SB_ASSERT(state_ == State::reserved);
  if (generation_ != server_->link.generation || !sound()) {
    close();
    return nullptr;
  }
  ReservedList::remove(*server_, *this);
  begin_lent(user);
  return this;
}

}  // namespace switchback::upstream
