// A prepared SQLite statement with its parameters bound one after another.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>

#include "admin/ledger/tables.hpp"

namespace switchback::ledger {

class Statement {
 public:
  Statement(sqlite3* db, const char* sql) { code_ = sqlite3_prepare_v2(db, sql, -1, &s_, nullptr); }
  ~Statement() { sqlite3_finalize(s_); }
  Statement(const Statement&) = delete;

  Statement& bind(const std::string& text) {
    return note(
        sqlite3_bind_text64(s_, ++bound_, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  }
  Statement& bind(std::int64_t value) { return note(sqlite3_bind_int64(s_, ++bound_, value)); }
  Statement& bind(const std::optional<std::int64_t>& value) {
    return value ? bind(*value) : note(sqlite3_bind_null(s_, ++bound_));
  }
  Statement& bind(double value) { return note(sqlite3_bind_double(s_, ++bound_, value)); }
  Statement& bind(const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return bind(*text);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return bind(*integer);
    if (const auto* number = std::get_if<double>(&value)) return bind(*number);
    return note(sqlite3_bind_null(s_, ++bound_));
  }

  // SQLITE_ROW, SQLITE_DONE, or the first thing that went wrong since the statement was made.
  int step() { return code_ == SQLITE_OK ? sqlite3_step(s_) : code_; }

  std::string text(int column) const {
    const auto* bytes = sqlite3_column_text(s_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(s_, column));
    return bytes ? std::string(reinterpret_cast<const char*>(bytes), size) : std::string();
  }
  std::int64_t integer(int column) const { return sqlite3_column_int64(s_, column); }
  std::optional<std::int64_t> optional_integer(int column) const {
    if (sqlite3_column_type(s_, column) == SQLITE_NULL) return std::nullopt;
    return integer(column);
  }
  Value value(int column) const {
    switch (sqlite3_column_type(s_, column)) {
      case SQLITE_INTEGER:
        return integer(column);
      case SQLITE_FLOAT:
        return sqlite3_column_double(s_, column);
      case SQLITE_NULL:
        return {};
      default:
        return text(column);
    }
  }

 private:
  Statement& note(int code) {
    if (code_ == SQLITE_OK) code_ = code;
    return *this;
  }
  sqlite3_stmt* s_ = nullptr;
  int code_ = SQLITE_OK;
  int bound_ = 0;
};

}  // namespace switchback::ledger
