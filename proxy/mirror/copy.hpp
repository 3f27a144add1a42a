// One mirrored request: listens in on the original, sends the copy once the request is whole, reads
// and forgets its answer, and judges when both have ended.
//
// States: free -> gathering (the request's body comes) -> ready (starts behind this turn's events)
// -> running -> free. A deadline of mirror.timeout holds from the sampling on while gathering, and
// anew from the start on.
// Never retried, never seen by a gate, a receipt or the access log.
// Threads: its worker. Ownership: its Mirror, which uses it again and again.
#pragma once

#include "proxy/exchange/tap.hpp"
#include "proxy/mirror/answer.hpp"
#include "proxy/mirror/request_copy.hpp"
#include "proxy/mirror/run.hpp"
#include "proxy/net/reactor.hpp"

namespace switchback::mirror {

class Mirror;

class Copy final : public exchange::Tap,
                   public exchange::UpstreamUser,
                   public net::Timer,
                   public net::Deferred {
 public:
  explicit Copy(Mirror& mirror) : mirror_(mirror) {}
  ~Copy() = default;

  // False: the head is too large to keep.
  bool begin(const exchange::TapSubject& subject, std::shared_ptr<Run> run);
  void stop();     // at once, whatever it is doing
  void read_on();  // the answer, after its turn was over
  bool busy() const { return state_ != State::free; }

 private:
  friend class Mirror;
  enum class State : std::uint8_t { free, gathering, ready, running };

  // exchange::Tap
  void on_request_body(const exchange::BodyPiece& piece) override;
  void on_answer(const http::ResponseHead* head, const exchange::BodyPiece& piece) override;
  void on_exchange_end(exchange::TapEnd end) override;
  // exchange::UpstreamUser
  void on_connected(exchange::Upstream& upstream) override;
  void on_connect_failed(http::Reason reason, int error_number, std::string_view server) override;
  exchange::Flow on_informational(const http::ResponseHead&) override {
    return exchange::Flow::proceed;
  }
  exchange::Flow on_response(const http::ResponseHead* head,
                             const exchange::BodyPiece& piece) override;
  void on_upstream_writable() override {}
  void on_upstream_failed(http::Reason reason, int error_number) override;
  void on_timer() override;
  void on_deferred() override;

  void request_whole();
  void acquire();
  void send();
  void copy_failed(Fault fault);
  void settle();
  void judge();
  void keep_sample(Verdict verdict, std::uint8_t header, bool slower);
  Nanos original_latency() const;
  Nanos copy_latency() const;
  void skip(Skip why);
  void drop(Drop why);
  void give_up(Drop why);
  void end(Verdict verdict);
  void release();
  void arm();

  Mirror& mirror_;
  std::shared_ptr<Run> run_;
  exchange::Upstream* up_ = nullptr;
  Copy* previous_ = nullptr;  // among those whose turn to read has to come
  Copy* next_ = nullptr;
  RequestCopy request_;
  net::Endpoints ends_;  // the client's, where the standby's connections name it
  http::ClientAddress client_;
  bool named_ = false;  // client_ is whom a trusted peer has named
  Answer original_, answer_;
  Nanos whole_ns_ = 0;    // when the request was whole: the original's latency counts from here
  Nanos started_ns_ = 0;  // and the copy's from here
  State state_ = State::free;
  bool original_over_ = false;  // its answer has ended, or there will be none
  bool original_failed_ = false;
  bool faulty_ = false;
  bool waiting_ = false;  // to read on
  Fault fault_ = Fault::connect;
};

}  // namespace switchback::mirror
