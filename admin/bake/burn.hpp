// How fast the error budget burns: the share of failed requests against what the objective allows,
// over windows of minutes and hours, so that a release that turns bad after its bake still pages
// (multi-window, multi-burn-rate alerts: Google SRE workbook, "Alerting on SLOs").
//
// Sans-IO; one object a service. Memory: one pair of counters a minute, six hours of them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace switchback::bake {

class BurnRate {
 public:
  // `objective`: share of requests that have to succeed, 0.999.
  explicit BurnRate(double objective) : allowed_(1 - objective) {}

  // What came since the last call. `minute`: of the clock, growing.
  void add(std::int64_t minute, std::uint64_t requests, std::uint64_t bad);

  // Bad share over the last `minutes` (at most 360), as a multiple of what is allowed; 0 where
  // nothing was asked. 14.4 over an hour spends 2 % of a 30-day budget.
  double over(std::int64_t now_minute, unsigned minutes) const;
  double budget_per_hour(std::int64_t now_minute, unsigned minutes) const;  // share of 30 days'

  enum class Page : std::uint8_t { none, slow, fast };
  // fast: 14.4 × over an hour and over 5 minutes; slow: 6 × over 6 hours and over 30 minutes. The
  // short window ends the page as soon as the fault has gone.
  Page page(std::int64_t now_minute) const;
  static constexpr std::uint64_t min_bad = 5;  // fewer prove nothing

 private:
  static constexpr std::size_t kept_ = 361;
  struct Minute {
    std::int64_t minute = -1;
    std::uint64_t requests = 0, bad = 0;
  };
  Minute sum(std::int64_t now_minute, unsigned minutes) const;
  double allowed_;
  std::array<Minute, kept_> ring_{};
};

}  // namespace switchback::bake
