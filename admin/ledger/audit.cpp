#include "admin/ledger/audit.hpp"

#include <openssl/evp.h>
#include <sqlite3.h>

#include <array>
#include <memory>

#include "admin/ledger/statement.hpp"

namespace switchback::ledger {
namespace {

// JSON's own escapes (RFC 8259 §7); what is stored is what is hashed, so it needs one way only.
void append_quoted(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out += ",\"";
  out += name;
  out += "\":";
  append_quoted(out, text);
}

struct CloseDb {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};

}  // namespace

std::string audit_text(std::uint64_t seq, const AuditEntry& entry) {
  std::string out =
      "{\"seq\":" + std::to_string(seq) + ",\"at_us\":" + std::to_string(entry.wall_us);
  append_member(out, "actor", entry.actor);
  append_member(out, "auth", entry.auth);
  append_member(out, "source", entry.source);
  append_member(out, "action", entry.action);
  out += ",\"body\":" + (entry.body.empty() ? std::string("{}") : entry.body) + "}";
  return out;
}

std::string audit_hash(std::string_view prev_hash, std::string_view text) {
  std::string input(prev_hash);
  input += '\n';
  input += text;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(input.data(), input.size(), digest.data(), &size, EVP_sha256(), nullptr);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * size);
  for (unsigned i = 0; i < size; ++i) {
    out += digits[digest[i] >> 4];
    out += digits[digest[i] & 15];
  }
  return out;
}

void AuditVerifier::next(const AuditRow& row) {
  if (check_.first_bad != 0) return;
  ++check_.entries;
  const auto bad = [&](std::string fault) {
    check_.first_bad = expected_;
    check_.fault = std::move(fault);
  };
  const std::string begin =
      "{\"seq\":" + std::to_string(row.seq) + ",\"at_us\":" + std::to_string(row.wall_us) + ",";
  std::string named;
  append_member(named, "actor", row.actor);
  append_member(named, "auth", row.auth);
  append_member(named, "source", row.source);
  append_member(named, "action", row.action);
  if (row.seq != expected_) {
    bad("entry " + std::to_string(expected_) + " is missing: the next one is " +
        std::to_string(row.seq));
  } else if (row.prev_hash != previous_) {
    bad("it does not follow the entry before it");
  } else if (row.hash != audit_hash(row.prev_hash, row.text)) {
    bad("its text is not the one that was written");
  } else if (!row.text.starts_with(begin) ||
             row.text.compare(begin.size() - 1, named.size(), named) != 0) {
    bad("its columns do not say what its text says");
  }
  previous_ = row.hash;
  check_.head = row.hash;
  ++expected_;
}

std::string read_audit(const std::string& path, const std::function<void(const AuditRow&)>& each) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READONLY, nullptr);
  const std::unique_ptr<sqlite3, CloseDb> db(raw);
  if (code != SQLITE_OK) return raw ? sqlite3_errmsg(raw) : "out of memory";
  sqlite3_busy_timeout(raw, 2000);
  Statement rows(raw,
                 "SELECT seq, at, actor, auth, source, action, text, prev_hash, hash FROM audit"
                 " ORDER BY seq");
  int step = rows.step();
  for (; step == SQLITE_ROW; step = rows.step()) {
    each({static_cast<std::uint64_t>(rows.integer(0)), rows.integer(1), rows.text(2), rows.text(3),
          rows.text(4), rows.text(5), rows.text(6), rows.text(7), rows.text(8)});
  }
  return step == SQLITE_DONE ? "" : sqlite3_errmsg(raw);
}

AuditCheck verify_audit(const std::string& path) {
  AuditVerifier verifier;
  const auto fault = read_audit(path, [&](const AuditRow& row) { verifier.next(row); });
  if (fault.empty()) return verifier.result();
  AuditCheck unreadable;
  unreadable.readable = false;
  unreadable.fault = fault;
  return unreadable;
}

}  // namespace switchback::ledger
