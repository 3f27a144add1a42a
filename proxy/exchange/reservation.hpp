// A server's connection that only one client's connection may use, since the server has tied an
// identity to it (http/connection_auth.hpp). The client's side holds it from one request to the
// next; it ends with its holder, when its server ends it, or when the client's requests go to
// another pool (a flip, another service).
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
  virtual void end_reserved() = 0;  // its holder is gone

 protected:
  ~ReservedUpstream() = default;
};

class Reservation {
 public:
  Reservation() = default;
  ~Reservation() { end(); }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  bool held() const { return connection_ != nullptr; }
  bool from(const UpstreamPool* pool) const { return held() && pool_ == pool; }
  // Where the connection that is about to be held belongs.
  void expect(const UpstreamPool* pool) { pool_ = pool; }
  void hold(ReservedUpstream& connection) { connection_ = &connection; }
  void forget() { connection_ = nullptr; }  // from the connection: it is gone
  Upstream* lend(UpstreamUser& user) {
    return std::exchange(connection_, nullptr)->lend_reserved(user);
  }
  void end() {
    if (held()) std::exchange(connection_, nullptr)->end_reserved();
  }

 private:
  ReservedUpstream* connection_ = nullptr;
  const UpstreamPool* pool_ = nullptr;
};

}  // namespace switchback::exchange
