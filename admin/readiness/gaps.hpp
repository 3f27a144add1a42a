// When no fit way back existed: the readiness of a service as a share of time, with its gaps
// (rollback.md §0 rule 5). Sans-IO; rows go to and come from the ledger.
//
// Time in which switchback itself did not run is neither: it is not counted. So each life leaves a
// row of its own (question "watched", from its start to the last minute it was seen), and a gap
// that stood when a life ended ends with it. Bounded: the newest `kept` gaps and lives of a
// service.
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
  // That this life watches, for the ledger: every minute or so.
  ledger::Row watched(std::int64_t now_wall_us);
  // Of earlier lives; rows to write: gaps whose end nobody saw.
  std::vector<ledger::Row> restore(const std::vector<ledger::Row>& rows);

  struct Summary {
    double share = 1;  // of the time watched, in this life and earlier ones, within 30 days
    std::int64_t watched_us = 0;
    std::size_t gaps = 0;  // within 30 days
    std::vector<std::pair<std::string, std::size_t>> by_question;
  };
  Summary summary(std::int64_t now_wall_us) const;
  const std::deque<Gap>& all() const { return gaps_; }  // oldest first
  bool open() const { return !gaps_.empty() && gaps_.back().to_wall_us == 0; }

 private:
  struct Life {
    std::int64_t from_us = 0, to_us = 0;
  };
  ledger::Row row_of(const Gap& gap) const;
  void restore_one(const Gap& gap);
  Life* life_of(const Gap& gap);
  std::string service_;
  std::int64_t since_wall_us_;
  std::int64_t bad_since_us_ = 0;  // of the grace; 0: ready
  bool goes_on_ = false;           // the gap before had another question: no grace
  std::deque<Gap> gaps_;
  std::deque<Life> lives_;  // earlier ones, oldest first
};

}  // namespace switchback::readiness
