// What came of each watch, kept in the ledger, and what the sum of them says about trusting it:
// automatic mode is earned (rollback.md's rule, docs/bake.md). Sans-IO.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "admin/bake/watch.hpp"
#include "admin/ledger/tables.hpp"

namespace switchback::bake {

struct Record {
  std::string service, flip, release;
  Color color = Color::blue;
  release::FlipKind kind = release::FlipKind::promote;
  config::BakeMode mode = config::BakeMode::advise;
  std::int64_t since_wall_us = 0, until_wall_us = 0, ended_wall_us = 0;  // ended 0: goes on
  Outcome outcome = Outcome::watching;
  std::int64_t warned_wall_us = 0, regressed_wall_us = 0, would_wall_us = 0;  // 0: never
  std::string verdict;     // the newest, in words
  std::string objections;  // what spoke against going back
  std::string rollback;    // the flip that went back automatically
};
ledger::Row to_row(const Record& record);
std::optional<Record> record_from_row(const ledger::Row& row);  // nullopt: another kind of verdict

struct AuditLine {
  Record record;
  bool person_went_back = false;     // a person's rollback from this release, in 24 h
  std::int64_t person_after_us = 0;  // … so long after the promote
  // false_alarm: it would have gone back, and nobody did. missed: a person did, and it would not.
  enum class Judgement : std::uint8_t {
    quiet,
    confirmed,
    false_alarm,
    missed,
    open
  } judgement = Judgement::quiet;
};

struct Audit {
  static constexpr unsigned releases_needed = 20;
  std::vector<AuditLine> lines;  // newest first
  unsigned watched = 0;          // whose window was watched to its end; others count nowhere
  unsigned would = 0, confirmed = 0, false_alarms = 0, missed = 0;
  bool recommend_automatic = false;
  std::string advice;  // one or two sentences
};
// `receipts`: newest first, of all services or of one.
Audit audit_of(std::vector<Record> records, const std::vector<release::Receipt>& receipts,
               std::int64_t now_wall_us);

}  // namespace switchback::bake
