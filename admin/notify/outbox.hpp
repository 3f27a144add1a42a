// What waits for one target, in order: bounded, paced, tried again.
//
// The oldest goes when there is no room; the next delivery says how many went. A message that
// failed stays in front and is tried again when the server has said, or after 1 s, 2 s, 4 s … 60 s
// (a fifth more or less): by failures in a row, whichever message they hit, so that a target that
// is down is left in peace. After `retries` attempts more, or at once when trying again is of no
// use, it is given up. Tests go first, at once, and are not tried again. Sans-IO: time and chance
// come in. Threads: one, or under its owner's lock.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "admin/notify/message.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::notify {

struct Delivery {  // how an attempt ended
  bool good = false;
  bool hopeless = false;     // the same again would fail the same way
  Nanos retry_after_ns = 0;  // the server's wish; 0: none
  unsigned status = 0;       // of HTTP; 0: no answer, or a program
  std::string error;         // one line
  double took_ms = 0;
};

struct OutboxLimits {
  std::size_t queue = 100;
  unsigned per_minute = 30;
  unsigned retries = 5;
};

struct OutboxStats {
  std::uint64_t sent = 0;
  std::uint64_t failed = 0;   // given up
  std::uint64_t dropped = 0;  // for want of room
  std::uint64_t attempts = 0;
  std::size_t queued = 0;  // the one under way too
  unsigned failed_in_a_row = 0;
};

class Outbox {
 public:
  struct Item {
    Message message;
    unsigned attempts = 0;       // made
    std::uint64_t left_out = 0;  // dropped before it and not told yet
    std::uint64_t test = 0;      // of a test: its number
  };

  explicit Outbox(OutboxLimits limits, Nanos now_ns);

  void put(Message message);
  void put_test(Message message, std::uint64_t number);
  // Until something may be sent: 0 now; nullopt: nothing waits.
  std::optional<Nanos> wait_ns(Nanos now_ns) const;
  // What is to be sent now; wait_ns has said 0. It counts as under way until done().
  const Item& begin(Nanos now_ns);
  // True when the item is finished with, well or badly.
  bool done(const Delivery& delivery, Nanos now_ns, double chance);

  bool idle() const { return !under_way_ && queue_.empty() && tests_.empty(); }
  OutboxStats stats() const;
  // What waits, for a successor.
  std::deque<Message> take_all();

 private:
  bool has_token(Nanos now_ns) const { return tokens_at(now_ns) >= 1; }
  double tokens_at(Nanos now_ns) const;
  double burst() const;

  const OutboxLimits limits_;
  std::deque<Item> queue_, tests_;
  std::optional<Item> under_way_;
  Nanos not_before_ns_ = 0;
  unsigned failures_ = 0;  // attempts in a row, of whichever message
  double tokens_;
  Nanos tokens_ns_;
  std::uint64_t untold_ = 0;
  OutboxStats stats_;
};

}  // namespace switchback::notify
