// How much a color has really taken while it had the traffic: requests begun, looked at once a
// tick, as a rate over a window; the highest rate per server in use is what is proven. Sans-IO.
#pragma once

#include <cstdint>
#include <deque>

#include "proxy/base/clock.hpp"

namespace switchback::releases {

class Capacity {
 public:
  explicit Capacity(unsigned ticks_per_window) : window_(ticks_per_window) {}

  // `requests`: begun so far. True when the peak rose by more than a hundredth: worth writing down.
  bool sample(Nanos now_ns, std::uint64_t requests, unsigned healthy, bool active,
              std::int64_t wall_us);
  double rate() const { return rate_; }
  double peak_per_server() const { return peak_; }
  std::int64_t peak_wall_us() const { return peak_wall_us_; }
  void restore(double peak_per_server, std::int64_t wall_us);

 private:
  struct Sample {
    Nanos at_ns;
    std::uint64_t requests;
  };
  const unsigned window_;
  std::deque<Sample> samples_;
  bool was_active_ = false;
  double rate_ = 0, peak_ = 0;
  std::int64_t peak_wall_us_ = 0;
};

}  // namespace switchback::releases
