// The same probe to both colors at the same moment, again and again: which of them is at fault?
// It gives a verdict without any traffic, and tells an outage that both share (a database, a DNS
// server) from one that a rollback would cure.
//
// Only pairs that differ count for "one color": under "both are equal" each is as likely to be the
// failing one, so an e-process against 1/2 (e_process.hpp) is a valid test however often one looks;
// a shared outage gives no discordant pairs and never wins the bet. "Both fail" is judged by an
// e-process of its own against the share that is let pass.
// Sans-IO.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "admin/verify/e_process.hpp"

namespace switchback::verify {

enum class PairedVerdict : std::uint8_t {
  unknown,     // too little seen
  equal_good,  // at least `enough` pairs in which both were good, and no evidence against either
  new_only,    // the active color fails where the other does not: a rollback helps
  old_only,    // the standby fails where the active one does not: a rollback would hurt
  shared,      // both fail: a rollback will not help
};
std::string_view to_string(PairedVerdict verdict);

class PairedProbes {
 public:
  static constexpr std::uint64_t enough = 10;
  explicit PairedProbes(double alpha = 1e-4);

  void pair(bool new_good, bool old_good);

  PairedVerdict verdict() const;
  std::uint64_t pairs() const { return pairs_; }
  std::uint64_t both_good() const { return both_good_; }
  std::uint64_t both_bad() const { return both_bad_; }
  std::uint64_t only_new_bad() const { return only_new_bad_; }
  std::uint64_t only_old_bad() const { return only_old_bad_; }
  double log_new_only() const { return capital(only_new_bad_, only_old_bad_); }
  double log_old_only() const { return capital(only_old_bad_, only_new_bad_); }
  // The restored color was good in at least `enough` pairs, the last of them all: what a verified
  // rollback may rest on when there is no traffic.
  bool new_proven_good() const { return new_good_in_a_row_ >= enough; }

 private:
  static double capital(std::uint64_t against, std::uint64_t in_favour);
  double log_threshold_;
  EProcess shared_;
  std::uint64_t pairs_ = 0, both_good_ = 0, both_bad_ = 0, only_new_bad_ = 0, only_old_bad_ = 0;
  std::uint64_t new_good_in_a_row_ = 0, both_good_in_a_row_ = 0;
};

}  // namespace switchback::verify
