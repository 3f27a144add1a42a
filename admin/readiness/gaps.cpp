#include "admin/readiness/gaps.hpp"

#include <algorithm>
#include <map>
#include <string_view>

namespace switchback::readiness {
namespace {
constexpr std::string_view watched_word = "watched";  // stands where a gap has its question
}

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
    goes_on_ = false;
    if (!open()) return std::nullopt;
    gaps_.back().to_wall_us = std::max(now_wall_us, gaps_.back().from_wall_us + 1);
    return row_of(gaps_.back());
  }
  if (open()) {
    if (gaps_.back().question == question) return std::nullopt;
    // Another question fails now: a gap of its own, or its time would be laid to the wrong one.
    bad_since_us_ = std::max(now_wall_us, gaps_.back().from_wall_us + 1);
    goes_on_ = true;
    gaps_.back().to_wall_us = bad_since_us_;
    return row_of(gaps_.back());
  }
  // A clock that was set back begins the grace anew.
  if (bad_since_us_ == 0 || now_wall_us < bad_since_us_) bad_since_us_ = now_wall_us;
  if (!goes_on_ && now_wall_us - bad_since_us_ < grace_us) return std::nullopt;
  goes_on_ = false;
  gaps_.push_back({bad_since_us_, 0, question, reason});
  if (gaps_.size() > kept) gaps_.pop_front();
  return row_of(gaps_.back());
}

ledger::Row Gaps::watched(std::int64_t now_wall_us) {
  return row_of(
      {since_wall_us_, std::max(now_wall_us, since_wall_us_ + 1), std::string(watched_word), ""});
}

void Gaps::restore_one(const Gap& gap) {
  if (gap.from_wall_us == since_wall_us_) return;  // our own
  const auto older = [](const auto& a, std::int64_t from_us) { return a.from_wall_us < from_us; };
  const auto place = std::lower_bound(gaps_.begin(), gaps_.end(), gap.from_wall_us, older);
  if (place == gaps_.end() || place->from_wall_us != gap.from_wall_us) gaps_.insert(place, gap);
  while (gaps_.size() > kept) gaps_.pop_front();
}

std::vector<ledger::Row> Gaps::restore(const std::vector<ledger::Row>& rows) {
  std::vector<ledger::Row> closed;
  for (const auto& row : rows) {
    const Gap found{row.integer(1), row.integer(2), row.text(3), row.text(4)};
    if (row.text(0) != service_) continue;
    if (found.question != watched_word) {
      restore_one(found);
    } else if (found.from_wall_us != since_wall_us_) {
      lives_.push_back({found.from_wall_us, found.to_wall_us});
    }
  }
  std::sort(lives_.begin(), lives_.end(),
            [](const Life& a, const Life& b) { return a.from_us < b.from_us; });
  while (lives_.size() > kept) lives_.pop_front();
  for (Gap& gap : gaps_) {
    if (gap.to_wall_us != 0 || gap.from_wall_us >= since_wall_us_) continue;
    const Life* life = life_of(gap);
    gap.to_wall_us = std::max(gap.from_wall_us + 1, life ? life->to_us : 0);
    closed.push_back(row_of(gap));
  }
  // A life was at least as long as the gaps that it saw end.
  for (const Gap& gap : gaps_)
    if (Life* life = life_of(gap)) life->to_us = std::max(life->to_us, gap.to_wall_us);
  return closed;
}

// Of a gap before this life; nullptr: nothing is known of the life that saw it.
Gaps::Life* Gaps::life_of(const Gap& gap) {
  if (gap.from_wall_us >= since_wall_us_) return nullptr;
  const auto later = std::find_if(lives_.begin(), lives_.end(), [&](const Life& life) {
    return life.from_us > gap.from_wall_us;
  });
  return later == lives_.begin() ? nullptr : &*std::prev(later);
}

Gaps::Summary Gaps::summary(std::int64_t now_wall_us) const {
  Summary summary;
  const std::int64_t begin = now_wall_us - window_us;
  const auto within = [&](std::int64_t from_us, std::int64_t to_us) {
    return std::max<std::int64_t>(to_us - std::max(from_us, begin), 0);
  };
  summary.watched_us = within(since_wall_us_, now_wall_us);
  for (const Life& life : lives_) summary.watched_us += within(life.from_us, life.to_us);
  // What is lost is part of what was watched: of an unknown life nothing is.
  const auto known_from = lives_.empty() ? since_wall_us_ : lives_.front().from_us;
  std::int64_t lost = 0;
  std::map<std::string, std::size_t> questions;
  for (const Gap& gap : gaps_) {
    const std::int64_t to = gap.to_wall_us == 0 ? now_wall_us : gap.to_wall_us;
    if (to <= begin) continue;
    ++summary.gaps;
    ++questions[gap.question];
    if (gap.from_wall_us >= known_from) lost += within(gap.from_wall_us, to);
  }
  summary.by_question.assign(questions.begin(), questions.end());
  if (summary.watched_us > 0) {
    summary.share = 1 - static_cast<double>(lost) / static_cast<double>(summary.watched_us);
    summary.share = std::clamp(summary.share, 0.0, 1.0);
  }
  return summary;
}

}  // namespace switchback::readiness
