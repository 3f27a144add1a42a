#include "bench/switchover/flipper.hpp"

#include <chrono>
#include <thread>

namespace switchback::bench {

Flipper::Flipper(FlipPlan plan, Color active, Switch& to_move, FlipLog& log,
                 const std::atomic<bool>& interrupted)
    : plan_(plan),
      first_(active),
      active_(active),
      switch_(to_move),
      log_(log),
      interrupted_(interrupted) {}

template <class Done>
void Flipper::wait(Nanos until, const Done& done) {
  while (!interrupted_ && !done() && monotonic_ns() < until) {
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
}

FlipsEnd Flipper::run() {
  for (unsigned n = 1; n <= plan_.flips && !interrupted_; ++n) {
    if (plan_.rollbacks) {
      if (!step(n, false, false) || interrupted_) break;
      if (!step(n, true, true)) break;
    } else if (!step(n, false, true)) {
      break;
    }
  }
  end_.interrupted = interrupted_;
  restore();
  end_.active = active_;
  return end_;
}

// False: no further flips.
bool Flipper::step(unsigned number, bool roll_back, bool measured) {
  const Color to = other(active_);
  const auto reason =
      "switchback bench flip, " + std::to_string(number) + " of " + std::to_string(plan_.flips);
  const auto bad_before = log_.bad();
  log_.command(to, measured);
  const Nanos begun = monotonic_ns();
  const auto answer = roll_back ? switch_.roll_back(reason) : switch_.move(to, reason);
  if (!answer.moved) {
    log_.refused();
    hands_off_ = answer.hands_off;
    end_.stopped = "flip " + std::to_string(number) + " was not made: " + answer.error;
    return false;
  }
  log_.answered(answer.own_ms ? begun + static_cast<Nanos>(*answer.own_ms * 1e6) : answer.at);
  active_ = to;
  if (measured) ++end_.done;
  settle(answer);
  if (plan_.stop_when_bad && log_.bad() > bad_before) {
    end_.stopped = "flip " + std::to_string(number) +
                   " hurt requests, so no further one was made (--keep-going makes them all)";
    return false;
  }
  return true;
}

void Flipper::settle(const SwitchAnswer& answer) {
  const Nanos begun = monotonic_ns();
  wait(begun + plan_.pause, [] { return false; });
  wait(begun + plan_.pause + plan_.settle_limit, [&] { return log_.settled(); });
  if (answer.flip.empty()) return;
  ReceiptStages stages;
  Nanos next = 0;  // a drain that takes long is not asked for two thousand times a second
  wait(begun + plan_.pause + plan_.settle_limit, [&] {
    const Nanos now = monotonic_ns();
    if (now < next) return false;
    next = now + 20'000'000;
    stages = switch_.stages(answer.flip);
    return stages.drained.has_value() && !stages.verifying;
  });
  log_.stages(stages);
}

// Also after Ctrl-C: only then is the benchmark over.
void Flipper::restore() {
  if (active_ == first_) return;
  if (hands_off_) {
    end_.restored = false;
    return;
  }
  log_.command(first_, false);
  const auto answer = switch_.move(first_, "switchback bench flip, back to where it began");
  if (!answer.moved) {
    log_.refused();
    end_.restored = false;
    end_.stopped += (end_.stopped.empty() ? "" : "\n") +
                    std::string("traffic could not be sent back: ") + answer.error;
    return;
  }
  log_.answered(answer.at);
  active_ = first_;
}

}  // namespace switchback::bench
