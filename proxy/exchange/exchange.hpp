// One request and its response, from the complete head to both bodies' ends: routing, claim of a
// color, attempts and retries, streaming with back-pressure, deadlines, drain, accounting. It knows
// neither HTTP/1 nor sockets (ports.hpp); one instance is used for many requests, one after the
// other.
//
// States: idle -> [waiting] -> [queued] -> connecting <-> requesting -> responding -> (tunnel) ->
// idle, or answering (an own answer that the client has not taken yet). Claim: the color is read
// and its gate entered in one turn, so no drain can miss a request; it is chosen anew when the
// request leaves the door and when it is retried. Lifetime: the downstream side owns it; after
// Downstream::exchange_finished it may be begun again.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/exchange/retry_policy.hpp"
#include "proxy/exchange/service_runtime.hpp"
#include "proxy/exchange/tap.hpp"
#include "proxy/guard/pace.hpp"
#include "proxy/tunnel/tunnel.hpp"

namespace switchback::exchange {

class Exchange final : public UpstreamUser,
                       public DoorWaiter,
                       public QueueWaiter,
                       public drain::Ticket,
                       public net::Timer {
 public:
  explicit Exchange(WorkerContext& context) : context_(context) {}
  ~Exchange() = default;

  // `head` and the downstream stay valid until exchange_finished.
  void begin(Downstream& downstream, const http::RequestHead& head);
  bool active() const { return phase_ != Phase::idle; }
  // Further whole lines for the head of the running request's answer, the server's or our own.
  std::string_view answer_fields() const {
    return by_https_ ? std::string_view(runtime_->https->hsts_line) : std::string_view();
  }

  // From the downstream side.
  Flow on_request_body(const BodyPiece& piece);
  // The attempt is carried to its end though nobody is there to take the answer.
  bool outlives_client() const;
  bool watches_client() const;   // limits.client_gone: cancel, and there is something to cancel
  bool takes_body_pipe() const;  // in on_request_body
  void on_request_rejected(http::Reason reason);  // the body's framing or size is wrong
  void on_downstream_writable();                  // what was blocked has been taken
  void on_downstream_progress();                  // some of it has: the reader is alive
  void on_downstream_gone(http::Reason reason);   // client_closed, client_reset
  bool in_tunnel() const { return phase_ == Phase::tunnel; }
  void end_tunnel_in(Nanos in_ns);  // the process ends: this tunnel's moment
  void on_shutdown_limit();         // 503 before a head, a cut after it

 private:
  enum class Phase : std::uint8_t {
    idle,
    waiting,
    queued,
    connecting,
    requesting,
    responding,
    tunnel,
    answering
  };
  enum class Deadline : std::uint8_t {
    queue,
    connect,
    body_idle,
    response_head,
    response_idle,
    write_idle,
    tunnel_idle,
    tunnel_close,
    tunnel_cut
  };

  // UpstreamUser
  void on_connected(Upstream& upstream) override;
  void on_connect_failed(http::Reason reason, int error_number, std::string_view server) override;
  Flow on_informational(const http::ResponseHead& head) override;
  Flow on_response(const http::ResponseHead* head, const BodyPiece& piece) override;
  bool takes_pipe() const override;
  void on_upstream_writable() override;
  void on_upstream_failed(http::Reason reason, int error_number) override;
  void on_server_left(ServerLeft& left) override;
  void on_door_open() override;
  void on_turn() override;
  void on_timer() override;
  void force_end() override;

  void reset(Downstream& downstream, const http::RequestHead& head);
  bool refuse_early();
  bool redirect_to_https();
  bool refuse_hop();
  bool count_hop();
  void choose_identity();
  void know_client();
  // Whom a trusted peer has named as the client; null: the peer is the client.
  const http::ClientAddress* named() const { return named_ ? &client_ : nullptr; }
  void choose_color();
  void wait_at_door();
  void enter(Color color, std::uint64_t epoch);
  Color preview_or(Color active, bool& preview) const;
  bool can_repeat() const;
  void begin_tap();
  void end_tap(TapEnd end);
  http::RequestAdditions additions() const;
  void attempt(bool turn = false);
  bool use_reserved();
  void keep_private();
  void begin_trace();
  std::string_view trace_id() const;
  void enter_queue();
  void leave_queue();
  void send_request();
  bool note_body(const BodyPiece& piece);
  void remember(const BodyPiece& piece);
  void after_request_bytes(SendResult result);
  bool start_response(const http::ResponseHead& head);
  void attempt_failed(http::Reason reason, int error_number, http::Fault fault = http::Fault::none);
  bool try_again(http::Reason reason);
  void begin_again();
  void drop_upstream(bool reusable);
  void arm(Deadline kind, config::Duration limit);
  void disarm_timer();
  void set_timer();
  void rest_after_429();
  void wait_for_body();
  void wait_for_reader();
  void reader_took_all();
  bool reader_moved();
  bool judge_pace(Nanos now);
  config::Duration write_idle() const {
    return phase_ == Phase::answering ? config::Timeouts{}.write_idle
                                      : service().timeouts.write_idle;
  }
  void answer(http::Reason reason, std::string_view fields = {});
  drain::Outcome own_answer_outcome() const;
  void complete();
  // A tunnel (exchange_tunnel.cpp). Those that return bool: false, the exchange is over.
  bool agreed_upgrade(const http::ResponseHead& head) const;
  void open_tunnel(const http::ResponseHead& head);
  void enter_tunnel(const BodyPiece& piece);
  Flow tunnel_from_client(const BodyPiece& piece);
  Flow tunnel_from_server(const BodyPiece& piece);
  bool tunnel_move(tunnel::Way way, const BodyPiece& piece);
  bool tunnel_give(tunnel::Way way, const BodyPiece& piece, const tunnel::Step& step);
  bool tunnel_due(tunnel::Way way);
  bool tunnel_settle();
  bool tunnel_write_failed();
  void tunnel_writable(tunnel::Way way);
  void tunnel_server_gone(http::Reason reason);
  void tunnel_moved();
  void end_tunnel(tunnel::CloseCode code, http::Reason reason, config::Duration grace);
  void cut_tunnel();
  drain::Outcome tunnel_outcome() const;
  void finish_tunnel(drain::Outcome outcome, Ending ending);
  std::string_view tunnel_detail() const;
  void finish(drain::Outcome outcome, Ending ending);
  void record_stats();
  void note_outcome();
  void record_access(drain::Outcome outcome);
  const config::Service& service() const { return *runtime_->config; }
  stats::ColorStats& color_stats() { return runtime_->stats->color[index_of(color())]; }

  WorkerContext& context_;
  Downstream* down_ = nullptr;
  Upstream* up_ = nullptr;
  ServiceRuntime* runtime_ = nullptr;
  const http::RequestHead* head_ = nullptr;
  const void* last_server_ = nullptr;
  Tap* tap_ = nullptr;  // who listens in; most have none
  net::BufferRef replay_;
  std::uint32_t replay_bytes_ = 0;
  Phase phase_ = Phase::idle;
  Deadline deadline_ = Deadline::connect;
  Nanos deadline_ns_ = 0;          // of that; 0: none. The timer may come before it, for a pace
  guard::Pace upload_, download_;  // limits.min_rate: of a client's body; of a client's reading
  std::uint64_t taken_seen_ = 0;   // by the client's machine, when last looked at
  http::Reason reason_ = http::Reason::none;
  http::Reason counted_reason_ = http::Reason::none;  // an own answer's, before it is sent
  Ending after_answer_ = Ending::reusable;
  bool claimed_ = false;  // a ticket was entered for this request
  bool request_ended_ = false;
  bool response_started_ = false;
  bool response_ended_ = false;
  bool replayable_ = true;
  bool reader_known_ = false;  // taken_seen_ is of this exchange
  bool upload_broken_ = false;
  bool upstream_blocked_ = false;  // the server has not taken what it was given
  bool wrote_ = false;
  bool binds_ = false;  // its credentials are of a connection (http/connection_auth.hpp)
  bool fresh_next_ = false;
  bool free_retry_used_ = false;
  bool trusted_ = false;
  bool named_ = false;  // client_ is this request's
  bool preview_ = false;
  bool by_https_ = false;     // known only where the service has rules about it
  std::uint8_t retries_ = 0;  // all extra attempts, for the record
  std::uint8_t counted_ = 0;  // of them, counted ones
  std::uint16_t status_ = 0;
  int error_number_ = 0;
  const char* cause_ = nullptr;  // static text; of the last failed attempt
  http::Place cause_place_;      // of what it names, in the server's answer
  Nanos queued_since_ns_ = 0;    // rank in the queue; 0: in none yet
  Nanos queue_entered_ns_ = 0, queue_wait_ns_ = 0;
  Nanos begun_ns_ = 0, claimed_ns_ = 0, connect_ns_ = 0, first_byte_ns_ = 0, attempt_ns_ = 0;
  std::int64_t wall_us_ = 0;
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
  tunnel::Tunnel tunnel_;
  http::Reason tunnel_reason_ = http::Reason::none;  // why it is being ended
  bool client_blocked_ = false;  // it has not taken a 1xx, or in a tunnel what it was given
  bool repeat_waits_ = false;    // for that 1xx to be taken
  bool tunnel_cut_ = false;
  bool tunnel_lost_ = false;  // counted
  http::ClientAddress client_;
  std::array<char, 56> traceparent_;
  std::array<char, 32> request_id_;
  std::string_view request_id_view_;
  std::string_view traceparent_view_;
  std::array<char, 12> hops_;  // Max-Forwards to send
  std::array<char, 128> server_name_;
  std::uint8_t server_name_size_ = 0;
};

}  // namespace switchback::exchange
