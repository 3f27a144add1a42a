// A client's HTTP/1.0 or 1.1 connection: heads in, exchanges run one after the other, answers out.
//
// It holds no buffer and no request state while idle (sizeof is what an idle connection costs).
// States: [opening] -> idle -> reading_head -> exchanging -> idle … -> [lingering] -> closed.
// Opening: where a PROXY header comes first, nothing else is read until it is there; only then the
// client's address is known (session_opening.cpp).
// Closing (RFC 9112 §9.6): when the client may still be sending, the write side is shut first and
// what comes is read and thrown away for a while, so that a reset cannot destroy the answer.
#pragma once

#include "proxy/downstream/host.hpp"
#include "proxy/guard/client_guard.hpp"
#include "proxy/http1/body_framer.hpp"
#include "proxy/net/input_buffer.hpp"
#include "proxy/net/output.hpp"
#include "proxy/net/socket.hpp"
#include "proxy/net/stream.hpp"
#include "proxy/tls/failure.hpp"

namespace switchback::tls {
class Layer;
}

namespace switchback::downstream {

class Session final : public exchange::Downstream,
                      public net::EventHandler,
                      public net::Timer,
                      public net::Deferred {
 public:
  explicit Session(Host& host) : host_(host) {}
  ~Session() = default;

  void open(int fd, const sockaddr_storage& peer, const ListenerRuntime& listener);
  void begin_shutdown();  // closes after the running answer, or after a while without a request
  void end_request();     // answers 503 where nothing of an answer was sent, else cuts
  void cut();             // ends whatever runs
  void handshake_step();  // for the HandshakeQueue: one step of TLS
  bool is_open() const { return state_ != State::closed; }
  bool in_tunnel() const { return state_ == State::exchanging && tunnel_; }
  void end_tunnel_in(Nanos in_ns) { active_->exchange.end_tunnel_in(in_ns); }
  // For the Host. Since when it has waited for a request (`heads`: or for the rest of its head); 0
  // while a request is under way.
  Nanos waiting_since_ns(bool heads) const {
    const bool head = state_ == State::reading_head || state_ == State::opening;
    return state_ == State::idle || (heads && head) ? since_ns_ : 0;
  }
  void evict() { close(); }
  guard::Visit& visit() { return visit_; }
  // All zero while a PROXY header is still to tell it.
  net::IpBytes address() const { return state_ == State::opening ? net::IpBytes{} : ip16_; }
  // Where the address becomes known after the connection was accepted (a PROXY header): call once
  // then. False: it was one too many, and the session is closed.
  bool admit();

 private:
  // While the process ends: how long a connection may still bring a request.
  static constexpr Nanos last_request_ns = 1'000'000'000;

  enum class State : std::uint8_t {
    closed,
    opening,
    handshaking,
    idle,
    reading_head,
    exchanging,
    flushing,
    lingering
  };

  // exchange::Downstream
  exchange::BodyPiece pull_body() override;
  void read_body(bool wanted) override;
  exchange::SendResult send_informational(const http::ResponseHead& head) override;
  exchange::SendResult send_response(const http::ResponseHead* head,
                                     const exchange::BodyPiece& piece) override;
  bool takes_pipe() const override;
  exchange::SendResult send_own_answer(const exchange::OwnAnswer& answer) override;
  void begin_tunnel() override;
  void exchange_finished(exchange::Ending ending) override;
  std::string_view client_ip() const override { return ip_.view(); }
  const std::uint8_t* client_ip16() const override { return ip16_.data(); }
  std::string_view scheme() const override { return https_ ? "https" : "http"; }
  net::Endpoints endpoints() const override {
    return told_ends_ ? *told_ends_ : net::endpoints_of(stream_.fd());
  }
  bool admit_request(const http::ClientAddress* named) override;
  std::uint64_t taken_bytes() const override { return stream_.taken(); }

  exchange::TlsFacts tls() const override;
  exchange::Reservations* reservations() override { return &reservations_; }

  void on_event(std::uint32_t events) override;
  void on_timer() override;
  void on_deferred() override;

  void read_proxy_header();
  void refuse_proxy_header(std::string_view why);
  void client_known();
  void begin_tls();
  void handshaking_event(std::uint32_t events);
  void handshake_done();
  void handshake_failed(tls::Failure failure);
  void answer_plain();
  tls::Layer* tls_layer() const;
  void exchanging_event(std::uint32_t events);
  void watch_client();
  void read_head();
  bool parse();
  http1::DecodeResult decode_head();
  void start_exchange();
  void reject(http::Reason reason);
  void record_reject(http::Reason reason, unsigned status, std::string_view detail = {});
  void read_body_some();
  bool process_body(net::InputBuffer& from);
  net::PipeRef pipe_for_body();
  bool pass_on(net::PipeRef& pipe);
  void body_ended_early();
  void peer_reset();
  http1::DecodeStatus decode_piece(net::InputBuffer& from, exchange::BodyPiece& piece);
  exchange::SendResult send(iovec* pieces, std::size_t count, const net::BufferRef* owner);
  bool flush();
  void go_idle();
  void close_after_answer(bool unread_possible);
  void end_idle();
  void linger(Nanos at_most_ns = 2'000'000'000);
  void discard_input();
  void close(bool with_reset = false);
  void arm(Nanos in_ns);

  Host& host_;
  const ListenerRuntime* listener_ = nullptr;
  ActiveRequest* active_ = nullptr;
  net::Stream stream_;
  net::InputBuffer in_;       // heads, and what follows them
  net::InputBuffer body_in_;  // streamed bodies: the head in `in_` must stay readable
  net::Output out_;
  http1::BodyFramer framer_;
  exchange::Reservations reservations_;
  guard::Visit visit_;  // what it holds of the limits of clients
  Nanos since_ns_ = 0;  // idle, or in the head being read
  std::uint32_t scanned_ = 0;
  std::uint32_t discarded_ = 0;
  net::IpText ip_;
  net::IpBytes ip16_{};
  std::unique_ptr<const net::Endpoints> told_ends_;  // by a PROXY header; null: none
  State state_ = State::closed;
  bool parsing_ = false;
  bool body_wanted_ = false;
  bool close_ = false;  // this connection ends with the running answer
  bool head_only_ = false;
  bool tunnel_ = false;
  bool tunnel_ended_ = false;          // towards the client
  bool asked_client_ = false;  // whether it is still there
  bool hung_up_ = false;
  bool any_byte_ = false;     // of the head being read
  bool utf8_target_ = false;  // bytes of its target were percent-encoded
  bool https_ = false;        // by TLS to us, or to the balancer whose PROXY header says so
};

}  // namespace switchback::downstream
