// Null flips: the way back, rehearsed all the time under live load without moving anything
// (rollback.md §2 HOW). Every `null_flip` (60 s, with jitter) per service: permission, target,
// judgement, a write with fdatasync to a scratch slot on a lane of its own, the same table
// published again and the barrier through all workers, the ledger. No epoch is used; a real flip
// that comes meanwhile goes first and the rehearsal is dropped.
//
// Threads: the control thread. Lifetime: ends before the controller.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/events/stream.hpp"
#include "admin/ledger/ledger.hpp"
#include "admin/release/controller.hpp"

namespace switchback::releases {

// Milliseconds since the rehearsal began; absent: not reached.
struct NullStages {
  std::optional<double> permitted, decided, persisted, switched, recorded;
};

struct NullFlip {
  std::uint64_t number = 0;  // of this service since the process began
  std::int64_t wall_us = 0;  // for people; ages are told from at_ns
  Nanos at_ns = 0;
  bool ok = false;
  std::string fault;     // what went wrong, or why it was dropped
  bool dropped = false;  // a real flip came; neither good nor bad
  double ms = 0;         // whole length, when ok
  NullStages stages;
};

// Bucket i holds what took less than 2^(i+4) µs: 16 µs … 8.4 s; the last one is open.
inline constexpr std::size_t null_flip_buckets = 21;
struct NullFlipHour {
  std::int64_t hour_wall_us = 0;
  std::uint64_t runs = 0, failures = 0;
  std::array<std::uint64_t, null_flip_buckets> counts{};
};

class NullFlips {
 public:
  // "" or why the caller that would roll this service back would not be let in.
  using Permission = std::function<std::string(const std::string& service)>;
  NullFlips(boost::asio::io_context& io, release::Controller& controller, events::Stream& stream,
            ledger::Ledger& ledger);
  ~NullFlips();
  NullFlips(const NullFlips&) = delete;

  void set_permission(Permission permission);
  // After a start or a reload: every service, and how often; 0: not at all.
  void set_periods(const std::map<std::string, config::Duration>& periods);
  config::Duration period(const std::string& service) const;
  // Now, beside the schedule; `done` once it has ended.
  void run(const std::string& service, std::function<void(const NullFlip&)> done);

  std::optional<NullFlip> last(const std::string& service) const;  // dropped ones do not count
  std::optional<NullFlip> last_good(const std::string& service) const;
  std::vector<NullFlipHour> hours(const std::string& service) const;  // newest last, 48 at most
  struct Totals {
    std::uint64_t good = 0, failed = 0, dropped = 0;
  };
  Totals totals(const std::string& service) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace switchback::releases
