// Takes one message to its target and says what came of it: by HTTP, or to a program's stdin.
//
// deliver() blocks for at most about the target's timeout, looking the name up included (c-ares;
// the system's resolver could take as long as it likes). Files that the target names are read each
// time. Threads: deliver on one thread; cancel from any, after which everything ends at once.
#pragma once

#include <memory>

#include "admin/notify/outbox.hpp"
#include "config/model.hpp"

namespace switchback::notify {

class Courier {
 public:
  virtual ~Courier() = default;
  virtual Delivery deliver(const Message& message, std::uint64_t left_out) = 0;
  virtual void cancel() = 0;
};

// `dns`: as the names of servers are looked up.
std::unique_ptr<Courier> make_courier(const config::NotifyTarget& target, const config::Dns& dns);

// What an answer means: 2xx is good; 408, 429 and 5xx are worth another attempt, all others are
// not. A Retry-After may be seconds or a date; `now_us` is the wall clock.
Delivery judge_status(unsigned status, std::string_view retry_after, std::int64_t now_us = 0);

}  // namespace switchback::notify
