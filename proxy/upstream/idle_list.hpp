// A server's kept-alive connections on one worker: the one used last is lent first, so that a
// burst's surplus grows old and is closed.
#pragma once

#include "proxy/upstream/connection.hpp"

namespace switchback::upstream {

class IdleList {
 public:
  static void push(WorkerServer& server, Connection& connection) {
    connection.previous_ = nullptr;
    connection.next_ = server.idle_newest;
    (server.idle_newest ? server.idle_newest->previous_ : server.idle_oldest) = &connection;
    server.idle_newest = &connection;
    ++server.idle_count;
  }
  static void remove(WorkerServer& server, Connection& connection) {
    (connection.previous_ ? connection.previous_->next_ : server.idle_newest) = connection.next_;
    (connection.next_ ? connection.next_->previous_ : server.idle_oldest) = connection.previous_;
    connection.previous_ = connection.next_ = nullptr;
    --server.idle_count;
  }

  // Private ones are in a list of their own (ReservedList).
  // With PROXY headers a connection is its client's own. So many are kept at most, and all of them
  // are looked at, so that none is kept in vain.
  static constexpr unsigned max_per_client_idle = 128;
  static Connection* find(const WorkerServer& server, const net::Endpoints& client) {
    Connection* at = server.idle_newest;
    while (at && !(at->client_ == client)) at = at->next_;
    return at;
  }
};

// Private connections that wait for their client's next request: they are looked up by nobody, and
// end with their server.
class ReservedList {
 public:
  static void push(WorkerServer& server, Connection& connection);
  static void remove(WorkerServer& server, Connection& connection);
};

}  // namespace switchback::upstream
