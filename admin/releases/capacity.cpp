#include "admin/releases/capacity.hpp"

#include <algorithm>

namespace switchback::releases {

bool Capacity::sample(Nanos now_ns, std::uint64_t requests, unsigned healthy, bool active,
                      std::int64_t wall_us) {
  // A reload begins to count anew; a window over it, or over a flip, would be of neither side.
  if (!samples_.empty() && requests < samples_.back().requests) samples_.clear();
  if (active != was_active_) samples_.clear();
  was_active_ = active;
  samples_.push_back({now_ns, requests});
  if (samples_.size() > window_ + 1) samples_.pop_front();
  const Nanos length = now_ns - samples_.front().at_ns;
  rate_ = length <= 0 ? 0
                      : static_cast<double>(requests - samples_.front().requests) * 1e9 /
                            static_cast<double>(length);
  if (!active || healthy == 0 || samples_.size() <= window_) return false;
  const double each = rate_ / healthy;
  if (each <= peak_) return false;
  const bool worth_it = each > 1.01 * peak_;
  peak_ = each;
  peak_wall_us_ = wall_us;
  return worth_it;
}

void Capacity::restore(double peak_per_server, std::int64_t wall_us) {
  if (peak_per_server <= peak_) return;
  peak_ = peak_per_server;
  peak_wall_us_ = wall_us;
}

}  // namespace switchback::releases
