// Everybody who may act, and who has proved it: users and groups of admin.access, tokens of the
// configuration and of the ledger, client certificates (docs/people.md).
//
// One person may have several ways in (a user "dana", a token "dana", a certificate "dana"): they
// are told apart by `auth` and shown as one by name. "Proven hands" are people who have really
// moved traffic (a flip, a rollback, a drill) within 90 days: a permission shown to work, not
// assumed.
//
// Threads: the control thread. Facts live in memory and are handed to the ledger, which may lag or
// fail without anybody waiting; after a start they come back from it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "admin/ledger/ledger.hpp"
#include "admin/people/access.hpp"
#include "admin/people/audit_trail.hpp"
#include "admin/people/token_store.hpp"
#include "config/model.hpp"

namespace switchback::people {

inline constexpr std::int64_t proof_lasts_us = 90 * day_us;

struct PersonView {
  std::string name;                        // "dana": of a user, a token or a certificate
  std::vector<std::string> auth;           // "peer", "token", "certificate"
  config::Role role = config::Role::read;  // the best of their ways in
  std::vector<std::string> services;  // all their ways in are confined to these; empty: to none
  std::int64_t last_used_us = 0;      // wall clock; 0: never
  std::int64_t last_operated_us = 0;  // moved traffic; 0: never
  std::int64_t token_expires_us = 0;  // when the last of their tokens ends; 0: none does
  bool on_call = false;
};

struct Hands {
  std::size_t able = 0;    // hold operate or more
  std::size_t proven = 0;  // of these, have moved traffic within 90 days
};

// A way in that was used: what whoami, receipts and the ledger's `principal` rows call it.
struct Principal {
  std::string actor;   // "uid 1000 (dana)", "token ci", "certificate dana"
  std::string auth;    // "peer", "token", "certificate"
  std::string person;  // "dana", "ci"
  config::Role role = config::Role::read;
};

class People {
 public:
  static constexpr std::size_t most_principals = 1000;  // that are remembered as having acted

  // `ledger` may be null (nothing is kept over a restart); otherwise it outlives this.
  explicit People(const config::Admin& admin, ledger::Ledger* ledger = nullptr);
  ~People();
  People(const People&) = delete;

  void adopt(const config::Admin& admin);  // SIGHUP; may ask the name service

  TokenStore& tokens() { return tokens_; }
  const TokenStore& tokens() const { return tokens_; }
  AuditTrail& audit() { return audit_; }
  const AuditTrail& audit() const { return audit_; }

  // Without any token or certificate, TCP answers reads from loopback. A token that has ended still
  // counts while it is remembered: revoking the last one must not open what it guarded.
  bool tcp_is_guarded() const;

  std::vector<PersonView> people() const;  // by name
  Hands hands() const;

  const Access& access() const { return access_; }

  // The principal came in just now, or has moved traffic just now.
  void used(const Principal& who, std::int64_t now_us);
  void operated(const Principal& who, std::int64_t now_us);
  // Rows of Table::principal as the ledger found them (Ledger::when_loaded); merged into what this
  // life has seen already.
  void restore(const std::vector<ledger::Row>& rows);
  // Hands what has changed since to the ledger; `used` alone does not, since it happens with every
  // call.
  void write_out();
  // After the ledger was begun anew: everything is written again.
  void restate();

  // Who is on call now, by admin.on_call.
  void set_on_call(std::vector<std::string> names) { on_call_ = std::move(names); }
  const std::vector<std::string>& on_call() const { return on_call_; }
  std::optional<std::int64_t> last_operated(const std::string& actor) const;

 private:
  struct Seen {
    Principal principal;
    std::int64_t first_us = 0, used_us = 0, operated_us = 0;
    bool dirty = false;
    bool present = false;  // has come in under the rules in force now
  };
  bool may_still_come(const Seen& seen) const;
  Seen& seen(const Principal& who, std::int64_t now_us);
  void write(Seen& seen);
  Access access_;
  TokenStore tokens_;
  ledger::Ledger* ledger_;
  AuditTrail audit_;
  std::map<std::string, Seen> seen_;  // by actor
  std::vector<std::string> on_call_;
};

}  // namespace switchback::people
