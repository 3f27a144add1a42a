#include "admin/verify/e_process.hpp"

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <limits>

namespace switchback::verify {

namespace {
constexpr double highest_share = 0.98;
constexpr double least_share = 1e-6;   // a null of zero would be refuted by one bad outcome
constexpr double rounding = 1e-9;      // three thirds of a logarithm may miss the whole by an ulp
const double log_20 = std::log(20.0);
const double log_100 = std::log(100.0);
}  // namespace

double upper_bound(const Counts& baseline) {
  if (baseline.requests == 0) return 1.0;
  const double bad = static_cast<double>(std::min(baseline.bad, baseline.requests));
  const double good = static_cast<double>(baseline.requests) - bad;
  return boost::math::ibeta_inv(bad + 0.5, good + 0.5, 0.975);
}

EProcess::EProcess(const StreamRule& rule, const Counts& baseline) : rule_(rule) {
  const double upper = upper_bound(baseline);
  null_share_ = std::clamp(std::max(rule.floor, 1.25 * upper), least_share, 0.97);
  const double shares[max_alternatives] = {
      1.5 * null_share_, 2 * null_share_,  3 * null_share_,   5 * null_share_, 10 * null_share_,
      30 * null_share_,  100 * null_share_, 0.5, highest_share};
  for (const double share : shares) {
    if (share <= null_share_ || share > highest_share) continue;
    Alternative& alternative = alternatives_[alternative_count_++];
    alternative.log_bad = std::log(share / null_share_);
    alternative.log_good = std::log((1 - share) / (1 - null_share_));
  }
  healthy_share_ = std::max(upper, rule.tolerate / 10);
  if (healthy_share_ < rule.tolerate) {
    healthy_log_bad_ = std::log(healthy_share_ / rule.tolerate);
    healthy_log_good_ = std::log((1 - healthy_share_) / (1 - rule.tolerate));
  }
}

// Logarithm of the mean capital over the alternatives.
double EProcess::mixture() const {
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < alternative_count_; ++i) {
    most = std::max(most, alternatives_[i].log_capital);
  }
  double sum = 0;
  for (std::size_t i = 0; i < alternative_count_; ++i) {
    sum += std::exp(alternatives_[i].log_capital - most);
  }
  return most + std::log(sum / static_cast<double>(alternative_count_));
}

void EProcess::second(const Counts& seen) {
  if (seen.requests == 0) return;
  const double bad = static_cast<double>(std::min(seen.bad, seen.requests));
  const double good = static_cast<double>(seen.requests) - bad;
  total_.requests += seen.requests;
  total_.bad += std::min(seen.bad, seen.requests);
  for (std::size_t i = 0; i < alternative_count_; ++i) {
    Alternative& alternative = alternatives_[i];
    alternative.log_capital += bad * alternative.log_bad + good * alternative.log_good;
  }
  const double before = log_mixture_;
  log_mixture_ = mixture();
  double won = log_mixture_ - before;
  if (rule_.burst_seconds > 0) {
    won = std::min(won, -std::log(rule_.alpha) / static_cast<double>(rule_.burst_seconds));
  }
  log_guarded_ += won;
  log_healthy_ += bad * healthy_log_bad_ + good * healthy_log_good_;
}

bool EProcess::regressed() const {
  return total_.bad >= rule_.min_bad &&
         log_guarded_ + rounding >= std::log(static_cast<double>(rule_.streams) / rule_.alpha);
}

bool EProcess::warned() const {
  return total_.bad >= rule_.min_bad && log_guarded_ >= log_100;
}

bool EProcess::healthy() const {
  return healthy_share_ < rule_.tolerate && log_healthy_ >= log_20;
}

std::uint64_t EProcess::requests_for_healthy() const {
  if (healthy()) return 0;
  if (healthy_share_ >= rule_.tolerate) return std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(std::ceil((log_20 - log_healthy_) / healthy_log_good_));
}

}  // namespace switchback::verify
