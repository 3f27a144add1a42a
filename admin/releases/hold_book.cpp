#include "admin/releases/hold_book.hpp"

#include <algorithm>

namespace switchback::releases {

std::vector<Hold> HoldBook::place(Hold hold) {
  std::vector<Hold> changed;
  if (auto before = lift(hold.service, hold.actor, hold.placed_wall_us))
    changed.push_back(std::move(*before));
  auto& entries = services_[hold.service];
  // The ledger knows holds by their time; two of one microsecond would be one.
  if (!entries.empty())
    hold.placed_wall_us = std::max(hold.placed_wall_us, entries.back().hold.placed_wall_us + 1);
  entries.push_back({hold, false});
  if (entries.size() > kept_) entries.erase(entries.begin());
  changed.push_back(std::move(hold));
  return changed;
}

std::optional<Hold> HoldBook::lift(const std::string& service, const std::string& by,
                                   std::int64_t wall_us) {
  auto& entries = services_[service];
  if (entries.empty() || !entries.back().hold.stands(wall_us)) return std::nullopt;
  auto& newest = entries.back();
  newest.hold.lifted_wall_us = wall_us;
  newest.hold.lifted_by = by;
  newest.told = true;
  return newest.hold;
}

const Hold* HoldBook::standing(const std::string& service, std::int64_t wall_us) const {
  const auto at = services_.find(service);
  if (at == services_.end() || at->second.empty()) return nullptr;
  const Hold& newest = at->second.back().hold;
  return newest.stands(wall_us) ? &newest : nullptr;
}

std::vector<Hold> HoldBook::all(const std::string& service) const {
  std::vector<Hold> out;
  if (const auto at = services_.find(service); at != services_.end())
    for (auto entry = at->second.rbegin(); entry != at->second.rend(); ++entry)
      out.push_back(entry->hold);
  return out;
}

std::vector<Hold> HoldBook::ended(std::int64_t wall_us) {
  std::vector<Hold> out;
  for (auto& [service, entries] : services_) {
    if (entries.empty()) continue;
    auto& newest = entries.back();
    if (newest.told || newest.hold.stands(wall_us)) continue;
    newest.told = true;
    out.push_back(newest.hold);
  }
  return out;
}

void HoldBook::restore(const ledger::Row& row, std::int64_t wall_us) {
  if (row.table != ledger::Table::hold || row.text(0).empty()) return;
  Entry entry;
  auto& hold = entry.hold;
  hold.service = row.text(0);
  hold.placed_wall_us = row.integer(1);
  hold.actor = row.text(2);
  hold.reason = row.text(3);
  hold.until_wall_us = row.integer(4);
  hold.lifted_wall_us = row.integer(5);
  hold.lifted_by = row.text(6);
  entry.told = !hold.stands(wall_us);
  auto& entries = services_[hold.service];
  const auto later = std::find_if(entries.begin(), entries.end(), [&](const Entry& other) {
    return other.hold.placed_wall_us >= hold.placed_wall_us;
  });
  if (later != entries.end() && later->hold.placed_wall_us == hold.placed_wall_us) return;
  entries.insert(later, std::move(entry));
}

ledger::Row to_row(const Hold& h) {
  using ledger::Value;
  return {ledger::Table::hold,
          {h.service, h.placed_wall_us, h.actor, h.reason,
           h.until_wall_us ? Value(h.until_wall_us) : Value(),
           h.lifted_wall_us ? Value(h.lifted_wall_us) : Value(),
           h.lifted_by.empty() ? Value() : Value(h.lifted_by)}};
}

}  // namespace switchback::releases
