#include "admin/readiness/gaps.hpp"

#include <algorithm>
#include <map>

namespace switchback::readiness {

// Columns: service, from_at, to_at, question, reason.
ledger::Row Gaps::row_of(const Gap& gap) const {
  ledger::Row row{ledger::Table::readiness_gap, {}};
  row.values = {service_, gap.from_wall_us, std::monostate{}, gap.question, gap.reason};
  if (gap.to_wall_us != 0) row.values[2] = gap.to_wall_us;
  return row;
}

std::optional<ledger::Row> Gaps::found(bool ready, const std::string& question,
                                       const std::string& reason, std::int64_t now_wall_us) {
  if (ready) {
    bad_since_us_ = 0;
    if (!open()) return std::nullopt;
    gaps_.back().to_wall_us = std::max(now_wall_us, gaps_.back().from_wall_us + 1);
    return row_of(gaps_.back());
  }
  if (open()) {
    // What is told is why it is so now; that it was not so for another reason before is history.
    if (gaps_.back().question == question) return std::nullopt;
    gaps_.back().question = question;
    gaps_.back().reason = reason;
    return row_of(gaps_.back());
  }
  if (bad_since_us_ == 0) bad_since_us_ = now_wall_us;
  if (now_wall_us - bad_since_us_ < grace_us) return std::nullopt;
  gaps_.push_back({bad_since_us_, 0, question, reason});
  if (gaps_.size() > kept) gaps_.pop_front();
  return row_of(gaps_.back());
}

void Gaps::restore(const ledger::Row& row) {
  const Gap gap{row.integer(1), row.integer(2), row.text(3), row.text(4)};
  since_wall_us_ = std::min(since_wall_us_, gap.from_wall_us);
  const auto place =
      std::lower_bound(gaps_.begin(), gaps_.end(), gap,
                       [](const Gap& a, const Gap& b) { return a.from_wall_us < b.from_wall_us; });
  if (place != gaps_.end() && place->from_wall_us == gap.from_wall_us) return;
  gaps_.insert(place, gap);
  // One that stood when the earlier life ended, and is not the newest: its end was never seen.
  for (std::size_t i = 0; i + 1 < gaps_.size(); ++i) {
    if (gaps_[i].to_wall_us == 0) gaps_[i].to_wall_us = gaps_[i + 1].from_wall_us;
  }
  while (gaps_.size() > kept) gaps_.pop_front();
}

Gaps::Summary Gaps::summary(std::int64_t now_wall_us) const {
  Summary summary;
  const std::int64_t begin = std::max(since_wall_us_, now_wall_us - window_us);
  summary.watched_us = std::max<std::int64_t>(now_wall_us - begin, 0);
  std::int64_t lost = 0;
  std::map<std::string, std::size_t> questions;
  for (const Gap& gap : gaps_) {
    const std::int64_t to = gap.to_wall_us == 0 ? now_wall_us : gap.to_wall_us;
    if (to <= begin) continue;
    ++summary.gaps;
    ++questions[gap.question];
    lost += to - std::max(gap.from_wall_us, begin);
  }
  summary.by_question.assign(questions.begin(), questions.end());
  if (summary.watched_us > 0) {
    summary.share = 1 - static_cast<double>(lost) / static_cast<double>(summary.watched_us);
    summary.share = std::clamp(summary.share, 0.0, 1.0);
  }
  return summary;
}

}  // namespace switchback::readiness
