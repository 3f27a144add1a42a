// One run of `bench flip`: looks at the targets, says what will happen, loads, flips, sums up.
//
// Threads: the caller's; the load has its own. Errors: CommandFailed.
#pragma once

#include <atomic>
#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "bench/switchover/color_reader.hpp"
#include "bench/switchover/flipper.hpp"
#include "bench/switchover/load.hpp"
#include "bench/switchover/report.hpp"

namespace switchback::cli {

struct BenchOptions {
  std::string service;
  std::vector<std::string> targets, headers;
  unsigned flips = 0;  // 0 and negative: the defaults of demo or running service
  double rate = 0;
  double pause_ms = -1;
  unsigned connections = 64;
  std::string kind = "flip", svg, driver;
  std::string preview_header = "X-Switchback-Preview";
  bench::ColorMark mark;
  bench::Fields fields;  // of --header
  double timeout_s = 10, delay_ms = 5;
  unsigned workers = 0;
  bool insecure = false, keep_going = false, yes = false;

  Nanos delay() const { return static_cast<Nanos>(delay_ms * 1e6); }
};

class BenchRun {
 public:
  // `own`: what is flipped was started for this benchmark.
  BenchRun(BenchOptions options, std::string subject, const boost::json::object& service, bool own);

  // Asks every target what it says; CommandFailed when it cannot be judged.
  void prepare();
  void announce(bool quiet) const;
  bench::Result run(bench::Switch& flipped, const std::atomic<bool>& interrupted);

 private:
  void look_at(const bench::Target& target, const bench::TlsContext& tls);
  void learn_colors(const bench::Target& target, const bench::TlsContext& tls);
  void add_lanes(const std::vector<bench::Target>& targets, const bench::TlsContext& tls);
  bool speaks_websocket(const bench::Target& target, const bench::TlsContext& tls) const;

  BenchOptions options_;
  const bool own_;
  Color active_;
  bench::ColorReader colors_;
  bench::RunFacts facts_;
  bench::LoadOptions load_;
};

}  // namespace switchback::cli
