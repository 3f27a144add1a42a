// One connection of the load: a request at a time, or one WebSocket session, driven by readiness.
//
// Threads: the load's. The owner gives it events; it calls back the log for what began and ended.
#pragma once

#include <optional>
#include <string>

#include "bench/switchover/answer.hpp"
#include "bench/switchover/flip_log.hpp"
#include "bench/switchover/link.hpp"
#include "bench/switchover/load.hpp"

namespace switchback::bench {

// What all connections of a lane share.
struct LaneContext {
  const LaneOptions& options;
  std::size_t index;
  const TlsContext& tls;
  const ColorReader& colors;
  FlipLog& log;
  std::string request;  // as it goes out
};

class ClientConnection {
 public:
  explicit ClientConnection(const LaneContext& lane);

  // From free() only. Opens the connection first where there is none.
  void ask(Nanos meant);
  void on_event();
  void on_timeout();

  bool free() const { return state_ == State::idle || state_ == State::closed; }
  bool wants_write() const { return wants_write_; }
  int descriptor() const { return link_.descriptor(); }
  Nanos since() const { return since_; }  // when the step under way began

 private:
  enum class State : std::uint8_t { closed, opening, sending, reading, idle, pinging, closing };

  void advance();
  bool opened();
  bool sent();
  void receive();
  void take(std::string_view bytes);
  void answer_done();
  void tunnel_bytes(std::string_view bytes);
  void ended();
  void fail(Fault fault, const std::string& detail);
  void close();
  void send_now(std::string bytes, State next);

  const LaneContext& lane_;
  State state_ = State::closed;
  Link link_;
  AnswerReader answer_;
  std::optional<Ticket> ticket_;
  std::string out_, tunnel_;
  std::size_t out_done_ = 0;
  Nanos meant_ = 0, since_ = 0;
  bool wants_write_ = false;
};

}  // namespace switchback::bench
