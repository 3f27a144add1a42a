// An HTTP/1.1 connection to a server: dialled, lent to one exchange at a time, kept alive in
// between. Reads only what was asked for: a byte or an end while idle closes it, so a stale
// connection is mostly found before it is used.
//
// States: connecting -> [securing] -> busy <-> idle | reserved -> closed. Securing: the PROXY
// header has been sent and the TLS handshake is under way (connection_secure.cpp); the connect
// deadline goes on.
//
// Threads: its worker. Ownership: the Dialer recycles it after the running batch of events, so a
// connection may be released from inside its own callbacks.
#pragma once

#include "proxy/exchange/ports.hpp"
#include "proxy/http1/body_framer.hpp"
#include "proxy/http1/decoder.hpp"
#include "proxy/net/input_buffer.hpp"
#include "proxy/net/output.hpp"
#include "proxy/net/stream.hpp"
#include "proxy/upstream/worker_server.hpp"

namespace switchback::upstream {

class Dialer;

class Connection final : public exchange::Upstream,
                         public exchange::ReservedUpstream,
                         public net::EventHandler,
                         public net::Timer,
                         public net::Deferred {
 public:
  explicit Connection(Dialer& dialer) : dialer_(dialer) {}
  ~Connection() = default;

  // A dial begins; the user hears on_connected or on_connect_failed from a later event.
  // `client`: whom a PROXY header names. `counted`: its place in ServerShared::connections has been
  // taken already.
  void dial(WorkerServer& server, exchange::UpstreamUser& user, const net::Endpoints& client,
            bool counted = false);
  // Goes on with another worker's kept connection, lent. False (fd closed): the place is still
  // ours.
  bool adopt(WorkerServer& server, int fd, exchange::UpstreamUser& user);
  // A connection that is free goes to whoever waits first. False when nobody does any more: it has
  // been counted as idle.
  bool give_away();
  void lend(exchange::UpstreamUser& user);  // from idle
  void close();                             // whatever the state; recycled later
  // Who uses it, if it goes to `server`.
  exchange::UpstreamUser* user_at(const WorkerServer& server) const {
    return server_ == &server ? user_ : nullptr;
  }
  bool idle() const { return state_ == State::idle; }
  bool sound();  // kept, and nothing to read

 private:
  friend class IdleList;
  friend class ReservedList;
  friend class Dialer;
  enum class State : std::uint8_t {
    closed,
    connecting,
    securing,
    dial_failed,
    idle,
    reserved,
    busy
  };

  // exchange::Upstream
  exchange::SendResult send_request(const http::RequestHead& head,
                                    const http::RequestAdditions& additions,
                                    const exchange::BodyPiece& piece) override;
  exchange::SendResult send_body(const exchange::BodyPiece& piece) override;
  void resume_response() override;
  void begin_tunnel() override;
  void release(bool reusable) override;
  bool reused() const override { return lent_; }
  bool takes_pipe() const override;
  bool verify_idle() override;
  void make_private(exchange::Reservations* holder) override;
  const char* cause() const override { return cause_; }
  http::Place cause_place() const override { return place_; }
  void timed_out(http::Reason reason) override { note_failure(LastFailure(reason)); }
  void leave_unjudged() override { judged_ = false; }
  std::string_view server() const override { return server_->shared->state->identity; }

  // exchange::ReservedUpstream (connection_reserved.cpp)
  exchange::Upstream* lend_reserved(exchange::UpstreamUser& user) override;
  void end_reserved() override { close(); }

  void on_event(std::uint32_t events) override;
  void on_timer() override;     // idle for too long, or time to dial again
  void on_deferred() override;  // a dial that failed at once, a resumed response, more to read

  void start_dial();
  void finish_dial();
  void begin_link();
  void shake_hands();
  void link_failed(http::Reason reason, int error_number);
  void note_read_error();
  void note_write_error();
  bool quiet();
  bool spoke_unasked(std::uint32_t events) const;
  void begin_request(http::Method method);
  bool flush();
  void read_some();
  net::PipeRef pipe_for_body();
  bool pass_on(net::PipeRef& pipe);
  bool process();
  bool read_head(bool& again);
  bool deliver(const http::ResponseHead* head, bool& again);
  void peer_ended();
  http::Reason lost_reason(http::Reason silent);
  void fail(http::Reason reason, int error_number);
  void fail_answer(http::Reason reason, http::Fault fault, http::Place place);
  void count_lapses(http::Lapses lapses);
  void keep();
  void reserve();
  void begin_lent(exchange::UpstreamUser& user);
  void note_hint(const http::ResponseHead& head);
  void arm_idle(Nanos limit_ns);
  void detach_from_server();
  void note_failure(LastFailure what);
  void note_lost(http::Reason reason);
  void note_status(unsigned status);
  void note_unsaid_end();

  Dialer& dialer_;
  WorkerServer* server_ = nullptr;
  exchange::UpstreamUser* user_ = nullptr;
  Connection* previous_ = nullptr;  // in the server's idle list
  Connection* next_ = nullptr;
  net::Stream stream_;
  net::InputBuffer in_;
  net::Output out_;
  http1::BodyDecoder decoder_;
  http1::BodyFramer framer_;
  std::size_t scanned_ = 0;
  exchange::Reservations* holder_ = nullptr;  // of a private one: whose it is
  Nanos hint_ns_ = -1;                     // the server keeps it so long (Keep-Alive); -1: unsaid
  std::uint64_t lent_turn_ = 0;            // of the loop
  Nanos kept_ns_ = 0;                      // when it last became idle
  const char* cause_ = nullptr;            // of the last failure, where an errno does not say it
  http::Place place_;                      // of that, in the answer
  http::Fault fault_ = http::Fault::none;  // the same, of an answer
  net::Endpoints client_;                  // whom the PROXY header named
  std::uint32_t generation_ = 0;           // of the server's link
  int dial_error_ = 0;
  http::Method method_ = http::Method::get;
  State state_ = State::closed;
  std::uint8_t informational_ = 0;
  bool judged_ = true;  // what its server does to this request counts for the server's standing
  bool lent_ = false;   // it was kept after an earlier request
  bool head_done_ = false;
  bool response_complete_ = false;
  bool request_complete_ = false;
  bool keep_alive_ = false;
  bool paused_ = false;
  bool write_failed_ = false;
  bool tunnel_ = false;
  bool private_ = false;  // the server has tied an identity to it: one client's only
};

}  // namespace switchback::upstream
