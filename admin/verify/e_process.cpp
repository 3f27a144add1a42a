#include "admin/verify/e_process.hpp"

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <limits>

namespace switchback::verify {

namespace {
constexpr double highest_share = 0.98;
constexpr double least_share = 1e-6;  // a null of zero would be refuted by one bad outcome
constexpr double rounding = 1e-9;     // three thirds of a logarithm may miss the whole by an ulp
const double log_20 = std::log(20.0);
const double log_100 = std::log(100.0);
const double log_2 = std::log(2.0);
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
      1.5 * null_share_, 2 * null_share_,  3 * null_share_,   5 * null_share_,
      10 * null_share_,  30 * null_share_, 100 * null_share_, 0.5,
      highest_share};
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
  bets_[bet_count_++].log_stake = -log_2;
}

// Logarithm of the mean capital over the alternatives.
double EProcess::mixture(const Bet& bet) const {
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < alternative_count_; ++i) most = std::max(most, bet.log_capital[i]);
  double sum = 0;
  for (std::size_t i = 0; i < alternative_count_; ++i) sum += std::exp(bet.log_capital[i] - most);
  return most + std::log(sum / static_cast<double>(alternative_count_));
}

// Giving up a bet only loses, so what is left is still bounded in expectation.
void EProcess::bet_anew() {
  since_bet_ = 0;
  const auto k = static_cast<double>(++bets_made_);
  std::size_t place = bet_count_;
  if (bet_count_ < max_bets) {
    ++bet_count_;
  } else {
    const auto poorest =
        std::min_element(bets_.begin(), bets_.end(),
                         [](const Bet& a, const Bet& b) { return a.log_worth() < b.log_worth(); });
    place = static_cast<std::size_t>(poorest - bets_.begin());
  }
  bets_[place] = {};
  bets_[place].log_stake = -log_2 - std::log(k * (k + 1));
}

// Of all bets, and of what is not staked yet: half of 1/(k+1).
double EProcess::worth() const {
  const double unstaked = -log_2 - std::log(static_cast<double>(bets_made_) + 1);
  double most = unstaked;
  for (std::size_t i = 0; i < bet_count_; ++i) most = std::max(most, bets_[i].log_worth());
  double sum = std::exp(unstaked - most);
  for (std::size_t i = 0; i < bet_count_; ++i) sum += std::exp(bets_[i].log_worth() - most);
  return most + std::log(sum);
}

void EProcess::second(const Counts& seen) {
  if (seen.requests == 0) return;
  const double bad = static_cast<double>(std::min(seen.bad, seen.requests));
  const double good = static_cast<double>(seen.requests) - bad;
  total_.requests += seen.requests;
  total_.bad += std::min(seen.bad, seen.requests);
  if (since_bet_++ >= restart_seconds) {
    bet_anew();
    since_bet_ = 1;
  }
  const double healthy = bad * healthy_log_bad_ + good * healthy_log_good_;
  log_healthy_ += healthy;
  // The first bet has to win its half of the stake back too: in n seconds, not in n + 1.
  const double most_won = rule_.burst_seconds == 0
                              ? std::numeric_limits<double>::infinity()
                              : (log_2 - std::log(rule_.alpha)) / rule_.burst_seconds;
  for (std::size_t b = 0; b < bet_count_; ++b) {
    Bet& bet = bets_[b];
    for (std::size_t i = 0; i < alternative_count_; ++i)
      bet.log_capital[i] += bad * alternatives_[i].log_bad + good * alternatives_[i].log_good;
    const double before = bet.log_mixture;
    bet.log_mixture = mixture(bet);
    bet.log_guarded += std::min(bet.log_mixture - before, most_won);
    bet.log_healthy += healthy;
  }
  log_total_ = worth();
}

bool EProcess::regressed() const {
  return total_.bad >= rule_.min_bad &&
         log_total_ + rounding >= std::log(static_cast<double>(rule_.streams) / rule_.alpha);
}

bool EProcess::warned() const {
  return total_.bad >= rule_.min_bad && log_total_ >= log_100;
}

bool EProcess::healthy() const {
  return healthy_share_ < rule_.tolerate && log_healthy_ >= log_20;
}

bool EProcess::healthy_since_change() const {
  const auto leading =
      std::max_element(bets_.begin(), bets_.begin() + static_cast<std::ptrdiff_t>(bet_count_),
                       [](const Bet& a, const Bet& b) { return a.log_worth() < b.log_worth(); });
  return healthy_share_ < rule_.tolerate && leading->log_healthy >= log_20;
}

std::uint64_t EProcess::requests_for_healthy() const {
  if (healthy()) return 0;
  if (healthy_share_ >= rule_.tolerate) return std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(std::ceil((log_20 - log_healthy_) / healthy_log_good_));
}

}  // namespace switchback::verify
