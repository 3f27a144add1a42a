#include "admin/bake/burn.hpp"

namespace switchback::bake {

void BurnRate::add(std::int64_t minute, std::uint64_t requests, std::uint64_t bad) {
  Minute& slot = ring_[static_cast<std::size_t>(minute) % kept_];
  if (slot.minute != minute) slot = {minute, 0, 0};
  slot.requests += requests;
  slot.bad += bad;
}

BurnRate::Minute BurnRate::sum(std::int64_t now_minute, unsigned minutes) const {
  Minute total;
  for (const Minute& slot : ring_) {
    if (slot.minute < 0 || slot.minute > now_minute || slot.minute + minutes <= now_minute)
      continue;
    total.requests += slot.requests;
    total.bad += slot.bad;
  }
  return total;
}

double BurnRate::over(std::int64_t now_minute, unsigned minutes) const {
  const Minute total = sum(now_minute, minutes);
  if (total.requests == 0 || allowed_ <= 0) return 0;
  return static_cast<double>(total.bad) / static_cast<double>(total.requests) / allowed_;
}

double BurnRate::budget_per_hour(std::int64_t now_minute, unsigned minutes) const {
  return over(now_minute, minutes) / (30 * 24);
}

BurnRate::Page BurnRate::page(std::int64_t now_minute) const {
  if (sum(now_minute, 60).bad >= min_bad && over(now_minute, 60) >= 14.4 &&
      over(now_minute, 5) >= 14.4) {
    return Page::fast;
  }
  if (sum(now_minute, 360).bad >= min_bad && over(now_minute, 360) >= 6 &&
      over(now_minute, 30) >= 6) {
    return Page::slow;
  }
  return Page::none;
}

}  // namespace switchback::bake
