// One service's verification: the standby's rounds, the run after a switch, the watch over the
// release's traffic. The verifier's clock drives it (tick); see docs/verification.md.
//
// Threads: the control thread.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "admin/events/alarms.hpp"
#include "admin/verify/baseline_row.hpp"
#include "admin/verify/checks.hpp"
#include "admin/verify/hooks.hpp"
#include "admin/verify/prober.hpp"
#include "admin/verify/run_fsm.hpp"
#include "admin/verify/traffic.hpp"
#include "admin/verify/verifier.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::verify {

// What a service needs of the rest.
struct Surroundings {
  worker::DataPlane& plane;
  release::Controller& controller;
  events::Alarms& alarms;
  Prober& prober;
  Hooks& hooks;
  config::Duration standby_round;
  std::function<ReleaseFacts(const std::string&, Color)> facts;
  std::function<void(const std::string& service, const ServiceVerdict&)> tell;
  // To the ledger: never blocks.
  std::function<void(const release::Receipt&, const std::string& plan_sha,
                     const release::Verification&)>
      write_run;
  std::function<void(const ServiceVerdict&)> write_verdict;
  std::function<void(SavedBaseline)> write_baseline;
};

class ServiceVerifier : public std::enable_shared_from_this<ServiceVerifier> {
 public:
  ServiceVerifier(Surroundings& around, const config::Service& service);

  void configure(const config::Service& service);
  void switched(const release::Receipt& receipt);
  void taken_away();  // by a reload, with its service: nobody is left waiting for a proof

  // Whatever is due at `now`; returns when it wants to be called again at the latest.
  Nanos tick(Nanos now);

  const std::string& name() const { return name_; }
  Standing standing() const;
  const ServiceVerdict& verdict() const { return verdict_; }
  const std::optional<release::Verification>& run_report() const { return last_run_; }
  void run_now(Color color, Verifier::OnStanding done);

  // service_memory.cpp: what outlives the process.
  void restore(SavedBaseline saved);
  // Goes on watching the release of `newest`, when its bake window is open still: by the wall
  // clock, with the baseline of before the flip, and evidence gathered anew.
  void resume(const release::Receipt& newest);
  void save_baseline(Color color);
  void save_at_end();  // with what the running second has brought

 private:
  struct Round;
  struct Run {
    release::Receipt receipt;
    Nanos begun_ns = 0;
    RunState state = RunState::verifying;
    std::vector<Nanos> next;  // of each probe
    std::vector<bool> open;   // an answer is awaited
    unsigned hooks_open = 0;
    bool hook_failed = false;
    std::string hook_fault;
  };
  struct Watch {
    release::Receipt receipt;
    Nanos ends_ns = 0;
    std::int64_t begun_wall_us = 0;
    std::vector<StreamWatch> streams;
    std::size_t slow_bucket = 0;
    TrafficCounts pending;  // of the running second
    std::optional<PairedProbes> pairs;
    std::size_t next_pair = 0;
    Nanos next_pair_ns = 0;
    std::string told;  // the last verdict event
    std::optional<std::int64_t> warned_wall_us, regressed_wall_us;
  };

  CheckBoard& board(Color color) { return boards_[index_of(color)]; }
  const CheckBoard& board(Color color) const { return boards_[index_of(color)]; }
  void refresh_probes(Color color);
  void standby_round(Nanos now);
  void ask_all(Color color, std::function<void()> done);
  void ask(Color color, std::size_t probe, std::function<void()> done);
  Standing standing_of(Color color, CheckBoard::By by) const;

  void step_run(Nanos now);
  void report_run(bool settled, const RunVerdict& verdict);
  void settle(const RunVerdict& verdict);
  void start_hooks(config::HookMoment moment, const release::Receipt& receipt, bool counted);

  void begin_watch(const release::Receipt& receipt, Nanos now);
  void resume_watch(Nanos now);
  void open_watch(const release::Receipt& receipt, Nanos now);  // against judged_by_
  void sample(Nanos now);
  void end_second(Nanos now, std::uint64_t seconds);
  void step_pairs(Nanos now);
  void judge(Nanos now);
  StreamVerdict stream_verdict(std::size_t i) const;
  Counts pending_of(std::size_t i) const;

  Surroundings& around_;
  std::string name_;
  std::optional<config::Verify> plan_;
  config::Bake bake_;
  std::string plan_sha_;
  std::array<CheckBoard, 2> boards_;
  std::array<ReleaseFacts, 2> facts_;
  Nanos next_round_ns_ = 0, round_ended_ns_ = 0;
  std::int64_t round_ended_wall_us_ = 0;
  Color round_color_ = Color::green;
  bool round_open_ = false;
  std::optional<Run> run_;
  std::optional<release::Verification> last_run_;

  std::optional<TrafficRules> rules_;
  std::array<Baseline, 2> baselines_;
  Color active_ = Color::blue;
  std::array<std::uint64_t, 2> seen_requests_{}, seen_lost_{};
  std::array<Latencies, 2> seen_latencies_{};
  bool sampled_ = false;
  TrafficCounts unsaved_;              // of the active color, this second
  Nanos second_ns_ = 0;                // when the running second began
  std::uint64_t unsaved_seconds_ = 0;  // of the active color's baseline
  std::optional<Watch> watch_;
  std::string watched_flip_;  // the newest that was or is watched under this plan
  Nanos next_resume_ns_ = 0;
  TrafficCounts judged_by_;  // the baseline of the newest watch
  ServiceVerdict verdict_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace switchback::verify
