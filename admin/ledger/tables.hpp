// What the control plane remembers beside flips, as plain rows: which tables there are, their
// columns, and how much of each is brought back into memory at a start.
//
// A table is described once, here; creating it (migrations.cpp), writing and loading follow from
// that. The rooms that own the facts turn them into rows and back. Times are microseconds of the
// wall clock unless a column says otherwise; texts named *_json hold one JSON value.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace switchback::ledger {

enum class Table : std::uint8_t {
  release,        // a release that was registered, or first seen active
  verification,   // one run of a verification plan
  check_result,   // one check of it
  verdict,        // what a stream of requests or probes was judged to be
  readiness_gap,  // when no fit rollback target existed, and why
  hold,           // promotes and automatic rollbacks are held back
  principal,      // who may act, and when they last proved it
  token,          // hashed; the text itself is nowhere
  null_flip,      // the rehearsals of an hour, as a histogram
  drill,
  incident,
  capacity,  // what servers of a color have really taken while active
  baseline,  // what a color's requests came to while it was active
  count_
};
inline constexpr std::size_t table_count = static_cast<std::size_t>(Table::count_);

struct TableInfo {
  std::string_view name;
  std::string_view columns;  // "id, service, at": the order of Row::values; the key stands first
  std::size_t column_count;
  std::size_t key_columns;  // a row with the same key replaces the earlier one
  std::string_view order;   // of loading, newest last: an ORDER BY expression
  std::size_t loaded;       // the newest so many are in memory after a start
};
const TableInfo& info(Table table);

using Value = std::variant<std::monostate, std::int64_t, double, std::string>;

struct Row {
  Table table = Table::release;
  std::vector<Value> values;
  bool same_key(const Row& other) const;

  // Column by position; the empty value where it is absent or of another type.
  std::string text(std::size_t column) const;
  std::int64_t integer(std::size_t column) const;
  double number(std::size_t column) const;
  bool is_null(std::size_t column) const;
};

}  // namespace switchback::ledger
