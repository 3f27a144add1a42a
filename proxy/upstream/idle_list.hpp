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
};

}  // namespace switchback::upstream
