// When no fit way back existed: the readiness of a service as a share of time, with its gaps
// (rollback.md §0 rule 5). Sans-IO; rows go to and come from the ledger.
//
// Time in which switchback itself did not run is neither: it is not counted. Bounded: the newest
// `kept` gaps of a service.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "admin/ledger/tables.hpp"

namespace switchback::readiness {

struct Gap {
  std::int64_t from_wall_us = 0, to_wall_us = 0;  // to 0: it stands
  std::string question, reason;
};

class Gaps {
 public:
  static constexpr std::size_t kept = 1000;
  // A target that is away for a moment (a health check that failed once) is no gap yet.
  static constexpr std::int64_t grace_us = 3'000'000;
  static constexpr std::int64_t window_us = 30LL * 24 * 3600 * 1'000'000;

  Gaps(std::string service, std::int64_t since_wall_us)
      : service_(std::move(service)), since_wall_us_(since_wall_us) {}

  // What was found now; the row to write when a gap opened, changed its reason or closed.
  std::optional<ledger::Row> found(bool ready, const std::string& question,
                                   const std::string& reason, std::int64_t now_wall_us);
  void restore(const ledger::Row& row);  // of an earlier life; one that stood goes on

  struct Summary {
    double share = 1;  // of the time watched, within 30 days
    std::int64_t watched_us = 0;
    std::size_t gaps = 0;  // within 30 days
    std::vector<std::pair<std::string, std::size_t>> by_question;
  };
  Summary summary(std::int64_t now_wall_us) const;
  const std::deque<Gap>& all() const { return gaps_; }  // oldest first
  bool open() const { return !gaps_.empty() && gaps_.back().to_wall_us == 0; }

 private:
  ledger::Row row_of(const Gap& gap) const;
  std::string service_;
  std::int64_t since_wall_us_;
  std::int64_t bad_since_us_ = 0;  // of the grace; 0: ready
  std::deque<Gap> gaps_;
};

}  // namespace switchback::readiness
