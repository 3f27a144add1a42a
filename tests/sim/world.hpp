// A whole service without sockets: workers with their gates, the control thread that switches, the
// barrier messages on their way, requests that come, change, are retried, fail, end or are ended.
// What happens next is chance; what must hold is asked of the oracles after every step.
#pragma once

#include <deque>
#include <iostream>
#include <memory>
#include <vector>

#include "proxy/drain/drain_gate.hpp"
#include "proxy/route/service_control.hpp"
#include "tests/sim/oracle.hpp"
#include "tests/sim/random.hpp"

namespace switchback::sim {

class World {
 public:
  World(std::uint64_t seed, bool trace);
  ~World();
  void run();  // throws Violation

  struct Totals {  // what the run has seen, to show that the runs are worth something
    std::uint64_t requests = 0, moved = 0, forced = 0, flips = 0, overtaking_flips = 0,
                  closed_early = 0;
  };
  const Totals& totals() const { return totals_; }

 private:
  enum class OnForce : std::uint8_t { leaves_at_once, leaves_later, takes_another_along };
  struct Request;
  struct Message {
    std::shared_ptr<drain::SwitchRecord> record;
    config::Drain limits;
  };
  struct Worker {
    explicit Worker(unsigned number);
    const unsigned number;
    Oracle oracle;
    drain::DrainGate gate;
    std::vector<std::unique_ptr<Request>> requests;  // in flight
    std::vector<std::unique_ptr<Request>> ended;     // kept until nobody can be looking at them
    std::deque<Message> inbox;
    unsigned at_the_door = 0;  // paused
    bool watched = true;       // false while a broken run is taken down
  };

  void step();
  template <class... Parts>
  void say(const Parts&... parts) {
    if (!trace_) return;
    std::cerr << static_cast<double>(now_ns_) / 1e6 << " ms  ";
    (std::cerr << ... << parts) << '\n';
  }
  void after(Worker& worker);
  Worker& any_worker() { return *workers_[random_.below(workers_.size())]; }
  Request* any_request(Worker& worker);

  // What can happen.
  void arrive(Worker& worker);
  void admit(Worker& worker, bool preview);
  void enter(Request& request);
  void respond(Worker& worker);
  void change_class(Worker& worker);
  void retry(Worker& worker);
  void finish(Worker& worker);
  void leave(Request& request, drain::Outcome outcome);
  void force(Request& request);
  void flip();
  void pass_barrier(Worker& worker);
  void enforce(Worker& worker);
  void pass_time();
  void open_the_door();
  void finale();

  Random random_;
  const bool trace_;
  Nanos now_ns_ = 1'000;
  route::ServiceControl control_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::shared_ptr<drain::SwitchRecord>> records_;  // oldest first
  std::uint64_t answered_epoch_ = 1;  // of the newest switch that was answered for
  config::Drain limits_;
  unsigned flip_percent_ = 3;
  bool inbox_in_order_ = true;
  unsigned next_id_ = 1;
  Totals totals_;
};

}  // namespace switchback::sim
