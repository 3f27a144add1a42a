#include "admin/people/token_store.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "admin/people/roles.hpp"

namespace switchback::people {
namespace {

namespace json = boost::json;
using ledger::Value;

std::string services_text(const std::vector<std::string>& services) {
  json::array list;
  for (const auto& service : services) list.emplace_back(service);
  return json::serialize(list);
}

// A row that cannot be read must not become a token for everything.
bool read_services(const std::string& text, std::vector<std::string>& out) {
  if (text.empty()) return true;
  boost::system::error_code error;
  const auto value = json::parse(text, error);
  if (error || !value.is_array()) return false;
  for (const auto& item : value.get_array()) {
    if (!item.is_string()) return false;
    out.emplace_back(item.get_string());
  }
  return true;
}

Value time_or_null(std::int64_t us) {
  return us == 0 ? Value() : Value(us);
}

ledger::Row to_row(const TokenEntry& t) {
  return {ledger::Table::token,
          {t.id, t.name, std::string(role_text(t.role)), services_text(t.services), t.sha256,
           t.created_us, t.created_by, time_or_null(t.expires_us), time_or_null(t.revoked_us),
           t.revoked_by, time_or_null(t.last_used_us)}};
}

std::optional<TokenEntry> from_row(const ledger::Row& row) {
  TokenEntry t;
  t.id = row.text(0);
  t.name = row.text(1);
  const auto role = role_of(row.text(2));
  t.sha256 = row.text(4);
  if (t.id.empty() || t.sha256.size() != 64 || !role) return std::nullopt;
  if (!read_services(row.text(3), t.services)) return std::nullopt;
  t.role = *role;
  t.created_us = row.integer(5);
  t.created_by = row.text(6);
  t.expires_us = row.integer(7);
  t.revoked_us = row.integer(8);
  t.revoked_by = row.text(9);
  t.last_used_us = row.integer(10);
  return t;
}

}  // namespace

std::string_view to_string(TokenState state) {
  constexpr std::string_view names[] = {"valid", "expiring", "expired", "revoked"};
  return names[static_cast<std::size_t>(state)];
}

TokenState TokenEntry::state(std::int64_t now_us) const {
  if (revoked_us != 0) return TokenState::revoked;
  if (expires_us == 0) return TokenState::valid;
  if (now_us >= expires_us) return TokenState::expired;
  return expires_us - now_us <= warned_before_us ? TokenState::expiring : TokenState::valid;
}

void TokenStore::adopt(const std::vector<config::Token>& configured) {
  std::vector<TokenEntry> kept;
  for (const auto& token : configured) {
    TokenEntry entry;
    entry.id = entry.name = token.name;
    entry.role = token.role;
    entry.services = token.services;
    entry.sha256 = token.sha256;
    entry.configured = true;
    entry.expires_us = token.expires.wall_us;
    for (const auto& old : entries_) {
      if (old.configured && old.sha256 == entry.sha256) entry.last_used_us = old.last_used_us;
    }
    kept.push_back(std::move(entry));
  }
  for (auto& entry : entries_) {
    if (!entry.configured) kept.push_back(std::move(entry));
  }
  entries_ = std::move(kept);
}

void TokenStore::restore(const std::vector<ledger::Row>& rows) {
  restored_ = true;
  for (const auto& row : rows) {
    auto entry = from_row(row);
    if (!entry) continue;
    const bool known = std::any_of(entries_.begin(), entries_.end(), [&](const auto& other) {
      return !other.configured && other.id == entry->id;
    });
    if (!known) entries_.push_back(std::move(*entry));
  }
}

const TokenEntry* TokenStore::find(std::string_view text, std::int64_t now_us) const {
  const std::string digest = sha256_hex(text);
  const TokenEntry* found = nullptr;
  for (const auto& entry : entries_) {
    if (!equal_in_constant_time(entry.sha256, digest)) continue;
    // The same token may stand in the file and in the ledger; the one that is good counts.
    if (found == nullptr || (!found->usable(now_us) && entry.usable(now_us))) found = &entry;
  }
  return found;
}

void TokenStore::touch(const TokenEntry& entry) {
  if (entry.configured) return;
  if (std::find(changed_.begin(), changed_.end(), entry.id) == changed_.end())
    changed_.push_back(entry.id);
}

void TokenStore::touch_all() {
  for (const auto& entry : entries_) touch(entry);
}

void TokenStore::used(std::string_view id, std::int64_t now_us) {
  for (auto& entry : entries_) {
    if (entry.id != id) continue;
    entry.last_used_us = now_us;
    touch(entry);
    return;
  }
}

TokenMade TokenStore::make(const TokenWish& wish, std::int64_t now_us) {
  std::size_t usable = 0;
  for (const auto& entry : entries_) {
    if (!entry.usable(now_us)) continue;
    usable += entry.configured ? 0 : 1;
    if (entry.name != wish.name) continue;
    return TokenFault{409, "token_exists", "There is a token named '" + wish.name + "' already.",
                      entry.configured ? "switchback token new ANOTHER-NAME"
                                       : "switchback token rotate " + wish.name};
  }
  if (usable >= most_usable) {
    return TokenFault{409, "too_many_tokens",
                      "There are " + std::to_string(usable) + " tokens, as many as there may be.",
                      "switchback token list"};
  }
  const NewToken made = make_unique_token(wish.name);
  TokenEntry entry;
  entry.id = made.id;
  entry.name = wish.name;
  entry.role = wish.role;
  entry.services = wish.services;
  entry.sha256 = made.sha256;
  entry.created_us = now_us;
  entry.created_by = wish.by;
  entry.expires_us = wish.expires_us;
  entries_.push_back(entry);
  touch(entry);
  return MadeToken{made.text, std::move(entry), std::nullopt};
}

// By id, or by a name that one usable token bears. Of two of a name (one in its grace) the newest
// is meant.
TokenStore::Found TokenStore::pick(std::string_view which, std::int64_t now_us) {
  TokenEntry* found = nullptr;
  for (auto& entry : entries_) {
    const bool named = entry.name == which && entry.usable(now_us);
    if (entry.id != which && !named) continue;
    if (found == nullptr || entry.created_us >= found->created_us) found = &entry;
    if (entry.id == which && !entry.configured) break;
  }
  const std::string name(which.substr(0, 64));
  if (found == nullptr) {
    return TokenFault{404, "unknown_token", "There is no token '" + name + "' that is in force.",
                      "switchback token list"};
  }
  if (!found->configured) return found;
  return TokenFault{409, "token_configured",
                    "'" + name +
                        "' stands in the configuration, under admin.tokens: change or "
                        "remove its line there and reload (SIGHUP).",
                    "switchback token new " + name};
}

TokenMade TokenStore::rotate(std::string_view which, std::int64_t grace_us,
                             std::optional<std::int64_t> expires_us, const std::string& by,
                             std::int64_t now_us) {
  auto picked = pick(which, now_us);
  if (auto* fault = std::get_if<TokenFault>(&picked)) return std::move(*fault);
  TokenEntry& old = *std::get<TokenEntry*>(picked);
  if (!old.usable(now_us)) {
    return TokenFault{409, "token_ended", "That token has ended; make one of that name.",
                      "switchback token new " + old.name};
  }
  const NewToken made = make_unique_token(old.name);
  TokenEntry entry = old;
  entry.id = made.id;
  entry.sha256 = made.sha256;
  entry.created_us = now_us;
  entry.created_by = by;
  entry.last_used_us = 0;
  const std::int64_t same_life = old.expires_us == 0 ? 0 : now_us + old.expires_us - old.created_us;
  entry.expires_us = expires_us.value_or(same_life);
  // All of that name end with the grace: who rotates twice has a reason to end the first one too.
  const std::int64_t end_us = now_us + grace_us;
  std::optional<TokenEntry> replaced;
  for (auto& other : entries_) {
    if (other.configured || other.name != entry.name || !other.usable(now_us)) continue;
    if (other.expires_us == 0 || other.expires_us > end_us) other.expires_us = end_us;
    touch(other);
    if (!replaced || other.created_us >= replaced->created_us) replaced = other;
  }
  entries_.push_back(entry);
  touch(entry);
  return MadeToken{made.text, std::move(entry), std::move(replaced)};
}

TokenChange TokenStore::revoke(std::string_view which, const std::string& by, std::int64_t now_us) {
  auto picked = pick(which, now_us);
  if (auto* fault = std::get_if<TokenFault>(&picked)) return std::move(*fault);
  TokenEntry& entry = *std::get<TokenEntry*>(picked);
  const bool by_name = entry.id != which;
  // Named, all of that name are meant: one in its grace must not survive.
  for (auto& other : entries_) {
    const bool meant = &other == &entry || (by_name && other.name == entry.name);
    if (!meant || other.configured || other.revoked_us != 0) continue;
    other.revoked_us = now_us;
    other.revoked_by = by;
    touch(other);
  }
  return entry;
}

TokenChange TokenStore::expire(std::string_view which, std::int64_t at_us, std::int64_t now_us) {
  auto picked = pick(which, now_us);
  if (auto* fault = std::get_if<TokenFault>(&picked)) return std::move(*fault);
  TokenEntry& entry = *std::get<TokenEntry*>(picked);
  if (!entry.usable(now_us)) {
    return TokenFault{409, "token_ended", "That token has ended, and stays so.",
                      "switchback token new " + entry.name};
  }
  entry.expires_us = at_us;
  touch(entry);
  return entry;
}

std::vector<ledger::Row> TokenStore::take_changed(std::size_t limit) {
  std::vector<ledger::Row> rows;
  while (!changed_.empty() && rows.size() < limit) {
    for (const auto& entry : entries_) {
      if (!entry.configured && entry.id == changed_.back()) rows.push_back(to_row(entry));
    }
    changed_.pop_back();
  }
  return rows;
}

void TokenStore::settle_expired(std::int64_t now_us) {
  for (auto& entry : entries_) {
    if (entry.configured || entry.state(now_us) != TokenState::expired) continue;
    if (now_us - entry.expires_us < 7 * day_us) continue;
    entry.revoked_us = entry.expires_us;
    entry.revoked_by = "its date";
    touch(entry);
  }
  // Memory keeps what ended within 90 days.
  std::erase_if(entries_, [&](const auto& entry) {
    return entry.revoked_us != 0 && now_us - entry.revoked_us > 90 * day_us &&
           std::find(changed_.begin(), changed_.end(), entry.id) == changed_.end();
  });
}

}  // namespace switchback::people
