// The flips of a benchmark, one after another: command, answer, settling, pause; and at the end,
// whatever happened, back to the color it began with.
//
// Between two flips it waits until the pause is over, every request begun before the answer has
// ended, the new color has answered, and the drain is over (each up to a limit), so that one flip's
// figures do not run into the next one's.
//
// Threads: the caller's, which blocks.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "bench/switchover/flip_log.hpp"

namespace switchback::bench {

struct SwitchAnswer {
  bool moved = false;
  std::string error;             // why it did not, in words; may have several lines
  bool hands_off = false;        // somebody else moved traffic: leave it where it is
  Nanos at = 0;                  // when the answer was here
  std::optional<double> own_ms;  // the switch's own measure of its time, instead of ours
  std::string flip;              // the receipt's id; "": there is none to ask for
};

// What is flipped.
class Switch {
 public:
  virtual ~Switch() = default;
  virtual SwitchAnswer move(Color to, const std::string& reason) = 0;
  // Back to the other color by the rollback command.
  virtual SwitchAnswer roll_back(const std::string& reason) = 0;
  // The stages of that flip as far as they are reached.
  virtual ReceiptStages stages(const std::string& flip) = 0;
};

struct FlipPlan {
  unsigned flips = 50;
  bool rollbacks = false;     // each measured step is a rollback; the flips between are not
  bool stop_when_bad = true;  // at the first flip with a failed or stale request
  Nanos pause = 500'000'000;
  Nanos settle_limit = 2'000'000'000;
};

struct FlipsEnd {
  unsigned done = 0;    // measured flips that were answered
  std::string stopped;  // why it ended early; "" when it did not
  bool interrupted = false;
  Color active = Color::blue;  // where traffic is now, as far as is known
  bool restored = true;
};

class Flipper {
 public:
  Flipper(FlipPlan plan, Color active, Switch& to_move, FlipLog& log,
          const std::atomic<bool>& interrupted);
  FlipsEnd run();

 private:
  bool step(unsigned number, bool roll_back, bool measured);
  void settle(const SwitchAnswer& answer);
  template <class Done>
  void wait(Nanos until, const Done& done);
  void restore();

  const FlipPlan plan_;
  const Color first_;
  Color active_;
  Switch& switch_;
  FlipLog& log_;
  const std::atomic<bool>& interrupted_;
  FlipsEnd end_;
  bool hands_off_ = false;
};

}  // namespace switchback::bench
