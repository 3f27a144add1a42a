#include "admin/ledger/tables.hpp"

#include <algorithm>
#include <array>

#include "proxy/base/assert.hpp"

namespace switchback::ledger {
namespace {

constexpr std::size_t count_columns(std::string_view columns) {
  return static_cast<std::size_t>(std::count(columns.begin(), columns.end(), ',')) + 1;
}

constexpr TableInfo describe(std::string_view name, std::string_view columns, std::size_t keys,
                             std::string_view order, std::size_t loaded) {
  return {name, columns, count_columns(columns), keys, order, loaded};
}

constexpr std::array<TableInfo, table_count> all = {
    describe("release",
             "service, version, git_commit, first_commit_at, deployed_by, commits, lines, "
             "unplanned, contract_sha, reversible, migration_id, state, color, registered_at, "
             "quarantined_reason, changed_at, configured",
             2, "changed_at", 2000),
    describe("verification", "id, flip, service, plan_sha, phase, verdict, begun_at, ended_at", 1,
             "begun_at", 500),
    describe("check_result", "verification, name, ok, observed, expected, latency_us, passes, runs",
             2, "rowid", 2000),
    describe("verdict", "id, service, flip, kind, subject_release, value, evidence_json, at, acted",
             1, "at", 1000),
    describe("readiness_gap", "service, from_at, to_at, question, reason", 2, "from_at", 2000),
    describe("hold", "service, placed_at, actor, reason, until_at, lifted_at, lifted_by", 2,
             "placed_at", 500),
    describe("principal", "name, auth, role, first_seen_at, last_used_at, last_operated_at", 1,
             "last_used_at", 1000),
    describe("token",
             "id, name, role, services_json, sha256, created_at, created_by, expires_at, "
             "revoked_at, revoked_by, last_used_at",
             // Tokens in force are never left out for the sake of ended ones.
             1, "CASE WHEN revoked_at IS NULL THEN created_at + (1 << 62) ELSE created_at END",
             1000),
    describe("null_flip", "service, hour_at, runs, failures, histogram_json", 2, "hour_at", 2000),
    describe("drill", "id, service, env, plan_sha, executor, steps_json, result, total_ms, at", 1,
             "at", 1000),
    describe("incident", "id, service, opened_at, closed_at, cause_flip, notes_json", 1,
             "opened_at", 1000),
    describe("capacity", "service, color, peak_rps_per_server, at", 2, "at", 1000),
    describe("baseline", "service, color, plan_sha, release, slices_json, at", 2, "at", 1000),
};

}  // namespace

const TableInfo& info(Table table) {
  const auto index = static_cast<std::size_t>(table);
  SB_ASSERT(index < all.size());
  return all[index];
}

bool Row::same_key(const Row& other) const {
  if (table != other.table) return false;
  const auto keys = static_cast<std::ptrdiff_t>(info(table).key_columns);
  return std::equal(values.begin(), values.begin() + keys, other.values.begin(),
                    other.values.begin() + keys);
}

std::string Row::text(std::size_t column) const {
  const auto* value = column < values.size() ? std::get_if<std::string>(&values[column]) : nullptr;
  return value ? *value : std::string();
}

std::int64_t Row::integer(std::size_t column) const {
  const auto* value = column < values.size() ? std::get_if<std::int64_t>(&values[column]) : nullptr;
  return value ? *value : 0;
}

double Row::number(std::size_t column) const {
  if (column >= values.size()) return 0;
  if (const auto* value = std::get_if<double>(&values[column])) return *value;
  return static_cast<double>(integer(column));
}

bool Row::is_null(std::size_t column) const {
  return column >= values.size() || std::holds_alternative<std::monostate>(values[column]);
}

}  // namespace switchback::ledger
