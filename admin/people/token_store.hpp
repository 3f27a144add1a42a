// The tokens in force: those of the configuration and those made at run time, which live in the
// ledger. Only hashes are kept.
//
// A token is valid until it expires or is revoked. Rotating makes a second one of the same name;
// the old one stays valid for a time of grace, so that whoever holds it can be told. Tokens of the
// configuration are changed there.
//
// Sans-IO: the caller says what time it is and writes the rows. Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "admin/ledger/tables.hpp"
#include "admin/people/token.hpp"
#include "config/model.hpp"

namespace switchback::people {

inline constexpr std::int64_t hour_us = 3'600'000'000;
inline constexpr std::int64_t day_us = 24 * hour_us;
inline constexpr std::int64_t warned_before_us = 14 * day_us;
inline constexpr std::int64_t usual_grace_us = day_us;

enum class TokenState : std::uint8_t { valid, expiring, expired, revoked };
std::string_view to_string(TokenState state);

struct TokenEntry {
  std::string id;  // of one from the configuration: its name
  std::string name;
  config::Role role = config::Role::read;
  std::vector<std::string> services;  // it may change these only; empty: all
  std::string sha256;
  bool configured = false;  // by admin.tokens; else made at run time
  std::int64_t created_us = 0, expires_us = 0, revoked_us = 0, last_used_us = 0;  // 0: none
  std::string created_by, revoked_by;

  TokenState state(std::int64_t now_us) const;
  bool usable(std::int64_t now_us) const { return state(now_us) < TokenState::expired; }
};

struct TokenWish {
  std::string name;
  config::Role role = config::Role::operate;
  std::vector<std::string> services;
  std::int64_t expires_us = 0;
  std::string by;  // who asks
};

// Why a change was refused: a code for programs, words, and what to type next.
struct TokenFault {
  unsigned status = 409;
  std::string code, detail, next;
};
struct MadeToken {
  std::string text;  // the only time it is known
  TokenEntry entry;
  std::optional<TokenEntry> replaced;  // rotate: the old one, with the end of its grace
};
using TokenChange = std::variant<TokenEntry, TokenFault>;
using TokenMade = std::variant<MadeToken, TokenFault>;

class TokenStore {
 public:
  static constexpr std::size_t most_usable = 256;  // made at run time

  void adopt(const std::vector<config::Token>& configured);
  void restore(const std::vector<ledger::Row>& rows);
  bool restored() const { return restored_; }

  // By the text after "Bearer ". Every token is compared, in constant time; expired and revoked
  // ones are found too, so that the answer can say so.
  const TokenEntry* find(std::string_view text, std::int64_t now_us) const;
  void used(std::string_view id, std::int64_t now_us);

  TokenMade make(const TokenWish& wish, std::int64_t now_us);
  // Without `expires_us` the new one lives as long as the old one was made for.
  TokenMade rotate(std::string_view which, std::int64_t grace_us,
                   std::optional<std::int64_t> expires_us, const std::string& by,
                   std::int64_t now_us);
  TokenChange revoke(std::string_view which, const std::string& by, std::int64_t now_us);
  // at_us 0: never.
  TokenChange expire(std::string_view which, std::int64_t at_us, std::int64_t now_us);

  const std::vector<TokenEntry>& all() const { return entries_; }
  // Rows that have changed since the last call (of tokens made at run time), at most `limit`.
  std::vector<ledger::Row> take_changed(std::size_t limit);
  void touch_all();  // all are changed: for a ledger begun anew
  // What expired a week ago is settled, so that it does not crowd out others when loaded.
  void settle_expired(std::int64_t now_us);

 private:
  using Found = std::variant<TokenEntry*, TokenFault>;
  Found pick(std::string_view which, std::int64_t now_us);
  void touch(const TokenEntry& entry);

  std::vector<TokenEntry> entries_;
  std::vector<std::string> changed_;  // ids
  bool restored_ = false;
};

}  // namespace switchback::people
