// The audit chain: every entry's hash covers the one before it, so that a row that was changed,
// taken out or put in is found by reading the file, without a secret.
//
// hash = SHA-256(previous hash in hex, "\n", stored text of the entry), in hex. The stored text is
// one JSON object; what is hashed is its bytes as they are stored. Entry 1 follows 64 zeros.
// A chain alone can be written anew from some entry on by who owns the file: its head is therefore
// also told to the outside (the program's log, /metrics, the event stream).
// Sans-IO, but for verify_audit, which reads a file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace switchback::ledger {

struct AuditEntry {  // what happened
  std::int64_t wall_us = 0;
  std::string actor;   // "token ci", "uid 1000 (dana)"
  std::string auth;    // "peer", "token", "internal"
  std::string source;  // where the call came from: "unix", "192.0.2.7"
  std::string action;  // "flip", "rollback", "token.create", …
  std::string body;    // JSON object: what was asked and what came of it
};

struct AuditRow {  // as stored
  std::uint64_t seq = 0;
  std::int64_t wall_us = 0;
  std::string actor, auth, source, action;
  std::string text;  // the bytes that are hashed
  std::string prev_hash, hash;
};

struct AuditMark {
  std::uint64_t seq = 0;
  std::string hash;
};

inline constexpr std::string_view audit_origin =
    "0000000000000000000000000000000000000000000000000000000000000000";

std::string audit_text(std::uint64_t seq, const AuditEntry& entry);
std::string audit_hash(std::string_view prev_hash, std::string_view text);

struct AuditCheck {
  bool readable = true;  // false: `fault` says why the file could not be read
  std::uint64_t entries = 0;
  std::uint64_t first_bad = 0;  // 0: the chain holds
  std::string fault;            // what is wrong there
  std::string head;             // hash of the last entry; empty: none
};
// Row by row, from seq 1. `next` is fed the rows in order.
class AuditVerifier {
 public:
  void next(const AuditRow& row);
  const AuditCheck& result() const { return check_; }

 private:
  AuditCheck check_;
  std::string previous_{audit_origin};
  std::uint64_t expected_ = 1;
};

// Opens the ledger read-only beside a running switchback; all rows by seq. "" or why not.
std::string read_audit(const std::string& path, const std::function<void(const AuditRow&)>& each);
AuditCheck verify_audit(const std::string& path);

}  // namespace switchback::ledger
