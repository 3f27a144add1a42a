// What a tunnel does with the bytes of its two ways, and how it is ended when its time has come.
//
// Until ask_close everything passes untouched. Then, each way for itself:
//   WebSocket: bytes pass to the end of the frame that is on its way, a Close frame of ours follows
//     (RFC 6455 §5.5.1), and what comes behind it is dropped, but read, since the other end's
//     answer is in it. The client's side is ended by us once both Closes have passed (§7.1.1: the
//     server closes first, and towards the client we are the server); the server's side is done
//     with its Close.
//   A frame that cannot be followed, or another protocol: the way ends where it is (a half-close),
//     and the end of the other side is waited for.
// Whoever has begun to close already is left to finish: then ask_close changes nothing.
//
// Sans-IO: facts in, steps out. The owner carries out a step's parts in order, never gives a way
// bytes while that way is blocked and still open, asks due() when it no longer is, and keeps the
// time: it ends what is not finished() at its cap.
// Threads: its owner's. Memory: its own few words.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "proxy/tunnel/close_frame.hpp"
#include "proxy/tunnel/frame_tracker.hpp"

namespace switchback::tunnel {

enum class Way : std::uint8_t { to_server, to_client };
constexpr Way other(Way way) {
  return way == Way::to_server ? Way::to_client : Way::to_server;
}

struct Step {
  std::size_t pass = 0;  // so many of the given bytes go on
  bool close = false;    // then a Close frame of ours
  bool end = false;      // then this way's end
  bool any() const { return pass > 0 || close || end; }
};

class Tunnel {
 public:
  void begin(bool websocket, bool extensions);

  Step on_bytes(Way way, const char* data, std::size_t size);
  Step on_end(Way way);  // the way's source will send nothing more
  // Asks once; a later code changes nothing. Take due() for both ways afterwards.
  void ask_close(CloseCode code);
  Step due(Way way);  // what this way can be given without bytes of its source
  void broken(Way way) { at(way).ended = true; }  // nothing can be sent that way any more

  bool websocket() const { return websocket_; }
  bool lost() const;  // a way breaks the rules: it is not followed any more
  bool asked() const { return asked_; }
  bool left_to_finish() const { return asked_ && !closing_; }
  CloseCode code() const { return code_; }
  // The way still carries its source's bytes: when blocked, its source has to wait.
  bool carries(Way way) const;
  bool ended(Way way) const { return at(way).ended; }
  bool source_ended(Way way) const { return at(way).source_ended; }
  bool half_closed() const { return ways_[0].ended != ways_[1].ended; }
  bool close_sent(Way way) const { return at(way).sent; }
  // The end that this way leads to has been sent our Close and answered with its own.
  bool answered(Way way) const { return at(way).sent && at(other(way)).tracker.closed(); }
  // Both ends are through with it, whoever began.
  bool finished() const;

 private:
  struct State {
    FrameTracker tracker;
    bool source_ended = false;
    bool sent = false;   // our Close
    bool ended = false;  // its end has been passed on, or made
  };
  const State& at(Way way) const { return ways_[static_cast<std::size_t>(way)]; }
  State& at(Way way) { return ways_[static_cast<std::size_t>(way)]; }
  bool side_done(Way towards) const;

  std::array<State, 2> ways_;
  CloseCode code_ = CloseCode::service_restart;
  bool websocket_ = false;
  bool asked_ = false;
  bool closing_ = false;  // asked, and nobody had begun before
};

}  // namespace switchback::tunnel
