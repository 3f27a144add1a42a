// The two sides of an exchange, as it sees them: a client's side (Downstream) and a server's side
// (Upstream). An HTTP/1 connection implements them today; TLS changes nothing here, and an HTTP/2
// stream is one more implementation.
//
// Flow control: a send that answers `blocked` has kept what was given to it (by reference to the
// owner buffer) and says "writable" later; until then its source is paused. So one exchange holds
// at most one buffer a direction.
// Re-entrancy: an implementation may call the exchange back only from its own event, never from
// inside a call the exchange made to it; failures are answers, not calls.
// Threads: one worker.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <string_view>

#include "proxy/exchange/queue_waiter.hpp"
#include "proxy/exchange/reservation.hpp"
#include "proxy/http/additions.hpp"
#include "proxy/http/client_naming.hpp"
#include "proxy/http/fault.hpp"
#include "proxy/http/head.hpp"
#include "proxy/http/reject.hpp"
#include "proxy/net/endpoints.hpp"
#include "proxy/net/output.hpp"

namespace switchback::exchange {

using net::SendResult;

// Body bytes in order. Slices lie in `owner`'s memory (or are empty). `end`: nothing follows.
struct BodyPiece {
  const iovec* slices = nullptr;
  std::size_t count = 0;
  std::size_t bytes = 0;
  const net::BufferRef* owner = nullptr;
  bool end = false;
  std::string_view trailers;     // with end: raw "Name: value\r\n" lines, filtered
  net::PipeRef* pipe = nullptr;  // the bytes are in it, and there are no slices
};

enum class Flow : std::uint8_t {
  proceed,  // give more as it comes
  pause,    // stop until resumed
  over,     // the exchange is finished with this side: the source must not touch it again
};

// How an exchange leaves its client's connection behind.
enum class Ending : std::uint8_t {
  reusable,  // the answer is complete and the request was read to its end
  close,     // the answer is complete, but the connection cannot go on
  abort,     // the answer is cut: it must not look complete
};

// An answer of the proxy's own, complete.
struct OwnAnswer {
  unsigned status = 0;
  std::string_view sentence;  // its body, with a line end
  std::string_view request_id;
  std::string_view fields;  // further "Name: value\r\n" lines, such as Location
  bool close = false;       // the connection cannot be used again
};

// How a client's connection is encrypted; empty where it is not. For the access record.
struct TlsFacts {
  std::string_view version, cipher;  // "TLSv1.3", "TLS_AES_128_GCM_SHA256"
  std::string_view name;             // asked for (SNI)
};

class Downstream {
 public:
  // What has already arrived of the request body. Never blocks; may be empty.
  virtual BodyPiece pull_body() = 0;
  // From now on give body bytes to the exchange as they come (on_request_body), or stop.
  virtual void read_body(bool wanted) = 0;
  virtual SendResult send_informational(const http::ResponseHead& head) = 0;
  // `head` with the first piece only.
  virtual SendResult send_response(const http::ResponseHead* head, const BodyPiece& piece) = 0;
  // The answer's next piece may come in a pipe: nothing is written between its bytes, none is
  // encrypted, and none waits to be taken.
  virtual bool takes_pipe() const { return false; }
  virtual SendResult send_own_answer(const OwnAnswer& answer) = 0;
  // After the 101 was sent: bytes in both directions are raw, `end` means half-close.
  virtual void begin_tunnel() = 0;
  // The exchange is over and is not to be called again.
  virtual void exchange_finished(Ending ending) = 0;
  virtual std::string_view client_ip() const = 0;
  virtual const std::uint8_t* client_ip16() const = 0;  // 16 bytes, v4-mapped
  virtual std::string_view scheme() const = 0;
  // The client's address and port and the ones it connected to; asked for only where a server
  // wants to be told (PROXY header). What a PROXY header from the client's side said goes first.
  virtual net::Endpoints endpoints() const { return {}; }
  // Asked only when limits are configured: whether the client's address may have one more request.
  // `named`: the client that a trusted peer has named; null: it is the peer.
  virtual bool admit_request(const http::ClientAddress* named) {
    static_cast<void>(named);
    return true;
  }
  // Bytes of this connection that the client's machine has acknowledged so far.
  virtual std::uint64_t taken_bytes() const { return 0; }
  virtual TlsFacts tls() const { return {}; }
  // Where servers' connections wait that are this client's alone; null: it has no such place.
  virtual Reservations* reservations() { return nullptr; }

 protected:
  ~Downstream() = default;
};

// What a PROXY header says of the client. Whom a trusted peer has named comes with the address that
// the peer connected to (none where that was a Unix socket), and with port 0 where none was named.
inline net::Endpoints ends_of(const Downstream& client, const http::ClientAddress* named) {
  net::Endpoints ends = client.endpoints();
  if (!named) return ends;
  ends.source = named->ip;
  ends.source_port = named->port;
  if (!ends.known && named->is_v4()) ends.destination[10] = ends.destination[11] = 0xff;
  ends.known = true;
  return ends;
}

// The host to ask a server for (RFC 9112 §3.2) when the request names none. Behind a blank stands
// the address that the server's name has at the moment.
inline std::string_view host_of_server(std::string_view server) {
  return server.starts_with("unix:") ? "localhost" : server.substr(0, server.find(' '));
}

class Upstream {
 public:
  virtual SendResult send_request(const http::RequestHead& head,
                                  const http::RequestAdditions& additions,
                                  const BodyPiece& piece) = 0;
  virtual SendResult send_body(const BodyPiece& piece) = 0;
  virtual bool takes_pipe() const { return false; }  // as Downstream's, for send_body
  virtual void resume_response() = 0;                // may deliver from a later event only
  virtual void begin_tunnel() = 0;
  // Ends the attempt; the pointer is dead afterwards. `reusable`: the response was read to its end
  // and the request was sent to its end; the connection decides the rest.
  virtual void release(bool reusable) = 0;
  virtual bool reused() const = 0;  // it has served a request before
  // The exchange's deadline for the connect or the answer has passed: the server's fault.
  virtual void timed_out(http::Reason reason) = 0;
  // Nobody's request: what becomes of it says nothing about its server. Once, after acquire.
  virtual void leave_unjudged() {}
  // From now on it is nobody's but this client's: released, it goes to `holder`, or is closed.
  virtual void make_private(Reservations* holder) = 0;
  virtual bool verify_idle() = 0;  // a kept connection still has nothing to read and no end
  virtual std::string_view server() const = 0;
  // More about what went wrong than an errno can say ("certificate has expired"), or null. Static
  // text. Ask before release().
  virtual const char* cause() const { return nullptr; }
  virtual http::Place cause_place() const { return {}; }  // of it, in the server's answer

 protected:
  ~Upstream() = default;
};

// Whose time is over at a server that has left its pool.
struct ServerLeft {
  bool end_requests = false;
  bool end_streams = false;
  unsigned end_tunnels = 0;  // how many more may be ended now
  unsigned tunnels = 0;      // those that stay, counted by themselves
};

// What an upstream tells its exchange.
class UpstreamUser {
 public:
  virtual void on_connected(Upstream& upstream) = 0;
  virtual void on_connect_failed(http::Reason reason, int error_number,
                                 std::string_view server) = 0;
  virtual Flow on_informational(const http::ResponseHead& head) = 0;
  virtual Flow on_response(const http::ResponseHead* head, const BodyPiece& piece) = 0;
  virtual bool takes_pipe() const { return false; }  // in on_response, without a head
  virtual void on_upstream_writable() = 0;
  virtual void on_upstream_failed(http::Reason reason, int error_number) = 0;
  // Again and again, from an event of its own, while the attempt runs at a server that has left.
  virtual void on_server_left(ServerLeft&) {}

 protected:
  ~UpstreamUser() = default;
};

// One attempt's wishes.
struct AcquireWish {
  bool fresh = false;                       // a new connection, not a kept one
  const void* avoid = nullptr;              // a server that has just failed, if another can do it
  const http::RequestHead* head = nullptr;  // for hash balancing
  const Downstream* client = nullptr;       // for PROXY headers; null: ends tells, or nobody's
  const net::Endpoints* ends = nullptr;     // instead of the client, which may have gone
  // Whom a trusted peer has named as the client; null: nobody, so it is the peer.
  const http::ClientAddress* named = nullptr;
  QueueWaiter* waiter = nullptr;  // null: never waits; all servers full is then no_server
  Nanos queued_ns = 0;            // its rank among those who wait
  bool admitted = false;          // it was in a queue before: one that is full takes it too
};

// queued: the waiter hears on_turn. queue_full: too many wait already.
enum class AcquireStatus : std::uint8_t { ready, connecting, no_server, queued, queue_full };
struct Acquired {
  AcquireStatus status = AcquireStatus::no_server;
  Upstream* upstream = nullptr;  // ready, or connecting: then release(false) is all it may be told
  const void* server_key = nullptr;  // identity for `avoid`
};

// One color's servers on one worker.
class UpstreamPool {
 public:
  virtual Acquired acquire(UpstreamUser& user, const AcquireWish& wish) = 0;
  // Connections to its servers name their client (PROXY header).
  virtual bool names_clients() const { return false; }
  // Names of servers that have no address, and why; "" when there are none. Valid in this turn.
  virtual std::string_view unresolved() const { return {}; }
  // Servers that fail their checks are used, for want of others.
  virtual bool in_panic() const { return false; }
  // In on_turn: uses what wish.waiter was called for, or acquires (it may have to wait on).
  virtual Acquired take_turn(UpstreamUser& user, const AcquireWish& wish) {
    return acquire(user, wish);
  }
  virtual void leave_queue(QueueWaiter&) {}
  virtual void recall() {}  // a flip: those who wait are called, to resolve their color anew

 protected:
  ~UpstreamPool() = default;
};

}  // namespace switchback::exchange
