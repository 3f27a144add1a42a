// Releases as rows of the ledger.
#include "admin/releases/registry.hpp"

namespace switchback::releases {

ledger::Row to_row(const Release& r) {
  using ledger::Value;
  const auto text = [](const std::string& s) { return s.empty() ? Value() : Value(s); };
  const auto number = [](const std::optional<std::int64_t>& n) { return n ? Value(*n) : Value(); };
  return {
      ledger::Table::release,
      {r.service, r.version, text(r.git_commit),
       r.first_commit_wall_us ? Value(r.first_commit_wall_us) : Value(), text(r.deployed_by),
       number(r.commits), number(r.lines), Value(std::int64_t{r.unplanned}), text(r.contract_sha),
       text(r.reversible), text(r.migration_id), std::string(to_string(r.state)),
       r.color ? Value(std::string(to_string(*r.color))) : Value(), r.registered_wall_us,
       text(r.reason), r.changed_wall_us, text(r.configured)}};
}

std::optional<Release> release_from_row(const ledger::Row& row) {
  const auto state = events::release_state_from(row.text(11));
  if (row.table != ledger::Table::release || !state || row.text(0).empty() || row.text(1).empty())
    return std::nullopt;
  const auto number = [&](std::size_t i) {
    return row.is_null(i) ? std::nullopt : std::optional(row.integer(i));
  };
  Release r;
  r.service = row.text(0);
  r.version = row.text(1);
  r.git_commit = row.text(2);
  r.first_commit_wall_us = row.integer(3);
  r.deployed_by = row.text(4);
  r.commits = number(5);
  r.lines = number(6);
  r.unplanned = row.integer(7) != 0;
  r.contract_sha = row.text(8);
  r.reversible = row.text(9);
  r.migration_id = row.text(10);
  r.state = *state;
  if (row.text(12) == "blue") r.color = Color::blue;
  if (row.text(12) == "green") r.color = Color::green;
  r.registered_wall_us = row.integer(13);
  r.reason = row.text(14);
  r.changed_wall_us = row.integer(15);
  r.configured = row.text(16);
  return r;
}

}  // namespace switchback::releases
