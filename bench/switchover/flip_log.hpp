// The books of a flip benchmark: every request's beginning and end, every flip's command and
// answer, and the judgement which answers are stale. Sans-IO: the clock is given.
//
// The judgement. A request may be answered by the color that was active when it began (the target
// of the last flip answered before), or by the target of any flip commanded after that and before
// the request's own end. Any other color is stale. So a request begun after a flip's answer was
// here and served by the color that the flip left is stale, until another flip goes back there.
//
// Beginnings and answers take their times under one lock: "begun after the answer" is the order in
// which both were really seen here, not a comparison of two threads' clock readings.
//
// Threads: any; one lock, held for some tens of nanoseconds. Bounded: a record per flip
// (flips_limit), fixed-size counts per lane, complaints_kept texts.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bench/switchover/percentiles.hpp"
#include "bench/switchover/timeline.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/base/color.hpp"

namespace switchback::bench {

inline constexpr std::size_t flips_limit = 100'000;
inline constexpr std::size_t complaints_kept = 20;

// Why a request failed.
enum class Fault : std::uint8_t {
  connect,  // no connection (or no name, or no descriptor)
  tls,      // no TLS session
  closed,   // closed or reset before any byte of an answer
  cut,      // closed or reset within an answer
  garbled,  // no HTTP, or no WebSocket
  status,   // 5xx
  refused,  // a WebSocket handshake answered by anything but 101
  timeout,
  count_,
};
inline constexpr std::size_t fault_count = static_cast<std::size_t>(Fault::count_);
const char* to_string(Fault fault);

struct LaneCounts {
  std::uint64_t answered = 0;  // good, and judged
  std::uint64_t stale = 0;     // within answered
  std::uint64_t unjudged = 0;  // good, but nothing in the answer told its color
  std::uint64_t failed = 0;
  std::uint64_t late = 0;  // never sent: their time was more than a second ago
  std::array<std::uint64_t, fault_count> faults{};
  LatencyHistogram latency;  // of good answers, from the time they were meant to be sent
};

// By the flip's receipt, in ms from the command's arrival there; none: not reached, or not told.
struct ReceiptStages {
  std::optional<double> persisted, switched, drained, verified;
  bool verifying = false;  // a verification runs, whose end is still to come
};

// What is known of one flip. Times are monotonic; stages are the receipt's, in ms.
struct FlipRecord {
  Color from = Color::blue, to = Color::green;
  Nanos commanded = 0;
  Nanos answered = 0;                   // 0: not yet
  std::optional<Nanos> first_new;       // the first answer of the new color was here
  std::optional<Nanos> last_old_begun;  // when the last request that the old color answered began
  std::optional<Nanos> last_old_ended;  // the old color's last answer was here
  std::uint64_t failed = 0, stale = 0;
  bool measured = true;  // false: a step on the way, or none at all; its times are not counted
  ReceiptStages receipt;
};

struct Ticket {  // one request under way
  std::uint32_t flips_answered = 0;
  std::uint16_t lane = 0;
  Nanos meant = 0;  // to begin
  Nanos begun = 0;
};

class FlipLog {
 public:
  using Clock = Nanos (*)();
  FlipLog(Color active, std::size_t lanes, Clock clock = monotonic_ns);

  // The load's side. Every begin() is followed by one of the three.
  Ticket begin(std::size_t lane, Nanos meant);
  void end(const Ticket& ticket, Color color);
  void end_unjudged(const Ticket& ticket);
  void fail(const Ticket& ticket, Fault fault, const std::string& detail);
  // Without a ticket: nothing was sent (connections that never came to be, and what came to
  // nothing after the answer, as in a tunnel).
  void fail(std::size_t lane, Fault fault, const std::string& detail);
  void late(std::size_t lane, std::uint64_t requests);

  // The flipper's side. command() is followed by answered(), when the answer is here.
  void command(Color to, bool measured = true);
  // `answer_at`: when the answer came, as read right there.
  void answered(Nanos answer_at);
  // Instead of answered(): nothing moved, or it is not known. Both colors are right from then on.
  void refused();
  void stages(const ReceiptStages& stages);
  // Every request begun before the last flip's answer has ended, and the new color has answered.
  bool settled() const;
  std::uint64_t bad() const;  // failed and stale, so far
  std::uint64_t answers() const;
  std::uint64_t open() const;

  // Results; copies.
  std::vector<FlipRecord> flips() const;
  std::vector<LaneCounts> lanes() const;
  std::vector<std::string> complaints() const;
  Timeline timeline() const;

 private:
  Color active_after(std::uint32_t flips) const;
  bool allowed(const Ticket& ticket, Color color) const;
  void close(const Ticket& ticket);
  void note_failure(std::size_t lane, Fault fault, const std::string& detail, Nanos now);
  void complain(std::string text);

  const Clock clock_;
  const Color first_;
  mutable std::mutex mutex_;
  std::vector<FlipRecord> flips_;
  std::uint32_t flips_answered_ = 0;
  std::uint64_t open_ = 0, open_before_ = 0;  // begun before the last answer
  std::uint64_t bad_ = 0, answers_ = 0;
  std::vector<LaneCounts> lanes_;
  std::vector<std::string> complaints_;
  Timeline timeline_;
};

}  // namespace switchback::bench
