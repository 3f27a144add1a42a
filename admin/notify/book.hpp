// What one target has been told of things that stand, so that it is told once: an alarm that comes
// and goes every second is two messages a minute at most, the last of which is how it is now.
//
// The first time is told at once. What changes within `settle` of the last telling waits until that
// is over, and is left out when it is then as it was told. What still stands after `repeat` is told
// again. Events that do not stand pass through.
// Sans-IO: time comes in. Threads: one. At most `most_keys` things; more pass through untold twice.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "admin/notify/message.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::notify {

class Book {
 public:
  static constexpr Nanos settle_ns = 60'000'000'000;
  static constexpr std::size_t most_keys = 1000;

  Book(Nanos repeat_ns, bool resolved) : repeat_ns_(repeat_ns), resolved_(resolved) {}

  // What it knows, under other rules.
  Book with(Nanos repeat_ns, bool resolved) const {
    Book out = *this;
    out.repeat_ns_ = repeat_ns;
    out.resolved_ = resolved;
    return out;
  }
  // What is to be sent because of it, now.
  std::optional<Message> take(Message message, Nanos now_ns);
  // What is due by now.
  std::vector<Message> due(Nanos now_ns);
  std::uint64_t kept_back() const { return kept_back_; }  // not sent, or not yet

 private:
  struct Thing {
    Message newest;
    bool told_firing = false;
    bool waits = false;  // newest differs from what was told, and settle is not over
    unsigned changes = 0;
    Nanos told_ns = 0;
  };
  Message tell(Thing& thing, Nanos now_ns);

  Nanos repeat_ns_;  // 0: never
  bool resolved_;
  std::map<std::string, Thing> things_;
  std::uint64_t kept_back_ = 0;
};

}  // namespace switchback::notify
