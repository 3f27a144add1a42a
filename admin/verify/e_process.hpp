// Is a stream of good and bad outcomes worse than it was before the release? Watched every second,
// decided at any of them, and still with a bounded chance of a false alarm.
//
// An e-process: a bet against "the bad share is at most p0" that nobody can expect to win while
// that holds. Its capital E is a non-negative supermartingale under it, so by Ville's inequality
// (J. Ville, 1939) P(E ever reaches 1/alpha) <= alpha, however often one looks. The bet is spread
// evenly over alternatives from a little worse to "nearly everything fails" (method of mixtures;
// M. Lindon et al., "Rapid Regression Detection in Software Deployments through Sequential
// Testing", KDD 2022).
// Burst guard: real errors come in bursts (one pool restart, one bad client), which are not
// independent. The capital that decides takes at most the factor alpha^(-1/n) of one second, so
// that n separate seconds must testify. Taking less than was won keeps it a supermartingale.
// Late onset: a bet that runs from the flip on loses a little with every good request, and a
// release that fails after ten good minutes would have to win all of that back first. So half of
// the stake is bet at the flip, and of the other half a share anew every `restart_seconds`, the
// later the smaller (1/k(k+1)): a mixture over the moment of the change, which is an e-process
// again. The price is a few nats, that is seconds, for what fails late.
//
// Sans-IO: counts per second come in. Threads: none of its own. Units: shares are 0..1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace switchback::verify {

struct Counts {
  std::uint64_t requests = 0;
  std::uint64_t bad = 0;  // <= requests
};

struct StreamRule {
  double floor = 0.002;        // a bad share up to this is never an alarm
  double tolerate = 0.01;      // up to this it is worse, but no reason to go back
  std::uint64_t min_bad = 5;   // fewer bad outcomes prove nothing
  double alpha = 1e-4;         // chance of a false alarm, over the whole watch and all streams
  unsigned streams = 1;        // that share alpha
  unsigned burst_seconds = 3;  // 0: no guard
};

// Upper end of the bad share that the baseline leaves possible: 97.5 % quantile of the Beta
// posterior under Jeffreys' prior. Nothing seen: 1.
double upper_bound(const Counts& baseline);

class EProcess {
 public:
  EProcess(const StreamRule& rule, const Counts& baseline);

  void second(const Counts& seen);  // one second's outcomes; an empty one changes nothing

  // The null's bound: max(floor, 1.25 x upper bound of the baseline), at most 0.97.
  double null_share() const { return null_share_; }
  double log_capital() const { return log_total_; }  // natural logarithm of the guarded capital
  const Counts& total() const { return total_; }

  bool regressed() const;  // capital >= streams/alpha, and enough bad outcomes
  bool warned() const;     // capital >= 100
  // Positive evidence that the share is below `tolerate`: likelihood ratio of at least 20.
  bool healthy() const;
  // The same, counted only since the bet that has won most was made: how it was before the change
  // says nothing about how bad it is now.
  bool healthy_since_change() const;
  // Clean requests still needed for that; 0 when healthy, max when it cannot be had at all.
  std::uint64_t requests_for_healthy() const;

 private:
  static constexpr std::size_t max_alternatives = 9;
  static constexpr std::size_t max_bets = 16;  // the poorest gives way
  static constexpr unsigned restart_seconds = 10;
  struct Alternative {
    double log_bad = 0, log_good = 0;  // what one outcome of each kind does to the bet
  };
  struct Bet {
    double log_stake = 0;  // its share of all that is bet
    std::array<double, max_alternatives> log_capital{};
    double log_mixture = 0, log_guarded = 0, log_healthy = 0;
    double log_worth() const { return log_stake + log_guarded; }
  };
  double mixture(const Bet& bet) const;
  void bet_anew();
  double worth() const;

  StreamRule rule_;
  double null_share_ = 0;
  double healthy_share_ = 0;  // of the bet on "healthy"; >= tolerate: cannot be had
  double healthy_log_bad_ = 0, healthy_log_good_ = 0;
  std::array<Alternative, max_alternatives> alternatives_;
  std::size_t alternative_count_ = 0;
  std::array<Bet, max_bets> bets_;
  std::size_t bet_count_ = 0;
  std::uint64_t bets_made_ = 0;  // after the first
  unsigned since_bet_ = 0;       // seconds with traffic since the newest
  double log_total_ = 0;
  double log_healthy_ = 0;
  Counts total_;
};

}  // namespace switchback::verify
