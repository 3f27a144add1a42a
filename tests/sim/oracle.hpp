// What one worker's drain gate must say, worked out the slow and obvious way: every request that
// was ever entered is remembered, each cohort is a list of them made at its barrier, and counts
// are made by counting. The simulation tells oracle and gate the same things and compares.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/drain/drain_gate.hpp"
#include "proxy/drain/switch_record.hpp"

namespace switchback::sim {

// A broken invariant. The runner adds the seed.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};
void require(bool holds, const char* what);
void require(bool holds, const drain::SwitchRecord& record, const char* what);
void require(bool holds, const drain::SwitchRecord& record, drain::TrafficClass c,
             const char* what);

// When a drain may end a request, at the earliest and at the latest.
struct Window {
  Nanos earliest_ns = 0;
  Nanos latest_ns = 0;
};

// One stay of a request in the gate (a request that moves to the other color has two).
struct Life {
  Color color = Color::blue;
  std::uint64_t epoch = 0;
  drain::TrafficClass traffic_class = drain::TrafficClass::request;
  std::uint64_t retries = 0;
  bool forced = false;
  std::optional<Window> window;
  std::optional<drain::Outcome> ended;
};

class Oracle {
 public:
  explicit Oracle(unsigned worker) : worker_(worker) {}

  Life* enter(Color color, std::uint64_t epoch);
  void reclassify(Life& life, drain::TrafficClass to, Nanos now_ns);
  void retried(Life& life) { ++life.retries; }
  void leave(Life& life, drain::Outcome outcome, Nanos now_ns);
  void response(std::uint64_t epoch, Nanos now_ns);
  void barrier(const std::shared_ptr<drain::SwitchRecord>& record, const config::Drain& limits,
               Nanos now_ns);
  void forced(Life& life, Nanos now_ns);         // the gate says so: throws if it must not
  void told(const drain::SwitchRecord& record);  // a Progress call
  void enforced(Nanos now_ns) const;             // throws if somebody is overdue

  // Compares with the gate and with this worker's shards. Holds whenever the gate is not at work,
  // and inside its Progress calls.
  void check(const drain::DrainGate& gate) const;
  void check_told() const;   // every stage was told; between steps only
  void check_ended() const;  // everybody has left: every record adds up and is drained

  // The highest epoch whose barrier has passed here.
  std::uint64_t newest_barrier() const { return newest_begun_; }
  bool newest_drained() const;
  bool anybody_due() const;
  std::size_t closed_early() const { return closed_early_; }

 private:
  struct Cohort {
    std::shared_ptr<drain::SwitchRecord> record;
    config::Drain limits;
    std::vector<const Life*> members;
    Nanos barrier_ns = 0, last_old_ns = 0, drained_ns = 0;
    bool overtaken = false;
    bool may_forget_first = false;  // answered, and a later epoch entered, before the barrier
    mutable bool final_check_done = false;  // nothing changes after it is closed
    bool closed_early = false;
    bool open() const { return drained_ns == 0 && !closed_early; }
  };
  struct Told {
    Nanos barrier_ns = 0, first_new_ns = 0, last_old_ns = 0, drained_ns = 0;
    friend bool operator==(const Told&, const Told&) = default;
  };

  static bool in(const Cohort& cohort, const Life& life);
  static std::optional<Window> window(const Cohort& cohort, drain::TrafficClass c,
                                      std::size_t tunnels);
  Told stages(const drain::SwitchRecord& record) const;
  const Cohort* newest() const;
  void settle(Nanos now_ns);
  void check_counts(const Cohort& cohort) const;
  void check_first_new(const Cohort& cohort) const;
  void check_deadline(const drain::DrainGate& gate) const;

  const unsigned worker_;
  std::deque<Life> lives_;
  std::vector<Life*> present_;  // in flight
  std::deque<Cohort> cohorts_;  // in the order of their barriers
  std::map<const drain::SwitchRecord*, Told> told_;
  std::map<std::uint64_t, Nanos> first_response_ns_;  // by epoch
  std::uint64_t newest_entered_ = 0;
  std::uint64_t newest_begun_ = 0;
  std::size_t closed_early_ = 0;
};

}  // namespace switchback::sim
