// A server's connection that only one client's connection may use, since the server has tied an
// identity to it (http/connection_auth.hpp). The client's side holds it from one request to the
// next; it ends with its holder, when its server ends it, or when the client's requests go to the
// service's other color.
//
// Threads: one worker. Ownership: the connection is its pool's; each side tells the other when it
// is gone.
#pragma once

#include <utility>

namespace switchback::exchange {

class Upstream;
class UpstreamPool;
class UpstreamUser;

class ReservedUpstream {
 public:
  // Lent once more; null: it cannot be used any more, and is gone.
  virtual Upstream* lend_reserved(UpstreamUser& user) = 0;
  virtual void end_reserved() = 0;  // its holder is gone, or wants it no more

  struct Link {  // its holder's own
    const UpstreamPool* pool = nullptr;
    ReservedUpstream* older = nullptr;
  } reserved;

 protected:
  ~ReservedUpstream() = default;
};

// All that wait for one client: one a pool, as its requests may go to several services in turn.
class Reservations {
 public:
  static constexpr unsigned most = 8;  // then the one that was used longest ago ends

  Reservations() = default;
  ~Reservations() { end_all(); }
  Reservations(const Reservations&) = delete;
  Reservations& operator=(const Reservations&) = delete;

  bool any() const { return newest_ != nullptr; }
  bool from(const UpstreamPool* pool) const {
    const ReservedUpstream* at = newest_;
    while (at && at->reserved.pool != pool) at = at->reserved.older;
    return at != nullptr;
  }
  // Where the connection that is about to be held belongs.
  void expect(const UpstreamPool* pool) { expected_ = pool; }
  void hold(ReservedUpstream& connection) {
    end(expected_);
    connection.reserved.pool = expected_;
    connection.reserved.older = newest_;
    newest_ = &connection;
    unsigned count = 1;
    ReservedUpstream* at = newest_;
    for (; at->reserved.older; at = at->reserved.older) ++count;
    if (count > most && unlink(*at)) at->end_reserved();
  }
  void forget(ReservedUpstream& connection) { unlink(connection); }  // from it: it is gone
  // That of the pool; null: there is none, or none any more.
  Upstream* lend(const UpstreamPool* pool, UpstreamUser& user) {
    expected_ = pool;  // it comes back from there
    ReservedUpstream* const found = take(pool);
    return found ? found->lend_reserved(user) : nullptr;
  }
  void end(const UpstreamPool* pool) {
    if (ReservedUpstream* const found = take(pool)) found->end_reserved();
  }
  void end_all() {
    while (newest_) std::exchange(newest_, newest_->reserved.older)->end_reserved();
  }

 private:
  ReservedUpstream* take(const UpstreamPool* pool) {
    ReservedUpstream* at = newest_;
    while (at && at->reserved.pool != pool) at = at->reserved.older;
    if (at) unlink(*at);
    return at;
  }
  bool unlink(ReservedUpstream& connection) {
    ReservedUpstream** at = &newest_;
    while (*at && *at != &connection) at = &(*at)->reserved.older;
    if (!*at) return false;
    *at = std::exchange(connection.reserved.older, nullptr);
    return true;
  }

  ReservedUpstream* newest_ = nullptr;
  const UpstreamPool* expected_ = nullptr;
};

}  // namespace switchback::exchange
