// Another proxy under the same load: a driver is a program that stands between the benchmark and
// whatever it flips, so that any proxy with a switch can be put beside switchback.
//
// The driver is started with SWITCHBACK_BENCH_BLUE and SWITCHBACK_BENCH_GREEN (addresses of the
// benchmark's own servers) in its environment. It starts its proxy, with blue active, and prints
//
//   ready http://127.0.0.1:PORT/ [more URLs] [admin=SOCKET_OR_URL service=NAME]
//
// With `admin=` the proxy is a switchback and is asked directly. Otherwise the driver reads "blue"
// or "green", a line each, flips, and prints "ok" or "ok MS" (how long the switch itself took, by
// the driver's clock: its own overhead is not the proxy's), or "failed WHY". It ends, with its
// proxy, when its input does.
//
// Threads: one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/switchover/child.hpp"
#include "bench/switchover/flipper.hpp"

namespace switchback::bench {

struct DriverReady {
  std::vector<std::string> targets;
  std::string admin, service;  // "": flips go through the driver
};
// nullopt: no "ready" line with at least one target.
std::optional<DriverReady> parse_ready(const std::string& line);

class Driver final : public Switch {
 public:
  // `command` is run by the shell.
  Driver(const std::string& command, const std::string& blue, const std::string& green);

  std::string start();  // "" or one line
  const DriverReady& ready() const { return ready_; }

  SwitchAnswer move(Color to, const std::string& reason) override;
  SwitchAnswer roll_back(const std::string& reason) override;
  ReceiptStages stages(const std::string&) override { return {}; }

 private:
  Child child_;
  DriverReady ready_;
  Color active_ = Color::blue;
};

}  // namespace switchback::bench
