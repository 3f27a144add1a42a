// limits.min_rate: how fast a client moves while we wait for it, and only then.
//
// Time counts while the client is what we wait for (wait .. moved or stop); a server that is slow,
// or a pause because a server takes no more, costs the client nothing. After a window (30 s) of
// such time the bytes that moved in it are judged, and the next window begins. Sans-IO: no clock,
// no timer; the caller gives the time it has anyway.
#pragma once

#include <cstdint>

#include "proxy/base/clock.hpp"

namespace switchback::guard {

class Pace {
 public:
  void reset() { *this = {}; }
  void wait(Nanos now_ns) {  // from now on it is the client's turn
    if (since_ns_ == 0) since_ns_ = now_ns;
  }
  void stop(Nanos now_ns) {  // no more
    if (since_ns_ == 0) return;
    waited_ns_ += now_ns - since_ns_;
    since_ns_ = 0;
  }
  void moved(Nanos now_ns, std::uint64_t bytes) {
    stop(now_ns);
    bytes_ += bytes;
  }
  void note(std::uint64_t bytes) { bytes_ += bytes; }  // moved, while it is still its turn
  bool waiting() const { return since_ns_ != 0; }
  Nanos waiting_since_ns() const { return since_ns_; }
  // When the running window is over if the client does not move; 0: it is not its turn.
  Nanos window_end_ns(Nanos window_ns) const {
    return waiting() ? since_ns_ + window_ns - waited_ns_ : 0;
  }
  // Only while it is the client's turn: what has come in time in the end is not late.
  bool window_over(Nanos now_ns, Nanos window_ns) const {
    return waiting() && waited_ns_ + now_ns - since_ns_ >= window_ns;
  }
  // At the end of a window: whether the client was too slow. Begins the next one.
  bool judge(Nanos now_ns, std::uint64_t min_rate) {
    stop(now_ns);
    // Its own time, which may be longer than a window: nobody looks in between.
    const bool slow = static_cast<double>(bytes_) * 1e9 <
                      static_cast<double>(min_rate) * static_cast<double>(waited_ns_);
    waited_ns_ = 0;
    bytes_ = 0;
    since_ns_ = now_ns;
    return slow;
  }

 private:
  Nanos since_ns_ = 0;   // 0: it is not the client's turn
  Nanos waited_ns_ = 0;  // of this window, before since_ns_
  std::uint64_t bytes_ = 0;
};

}  // namespace switchback::guard
