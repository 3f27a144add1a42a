// Anchors of the audit chain: where its head stood, written every hour into an append-only file and
// the program's log. Whoever owns the ledger can write a whole new chain that holds in itself; it
// will not pass through the anchors, and a tail that was cut off ends before the last of them.
//
// A line is "TIME SEQ HASH"; "TIME new REASON" says that the ledger was begun anew, so that anchors
// before it belong to a file that was moved aside.
// Sans-IO but for read_anchors and append_anchor, which block: on a lane.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/ledger/audit.hpp"

namespace switchback::people {

struct Anchor {
  std::int64_t at_us = 0;
  std::uint64_t seq = 0;
  std::string hash;
  std::string begun_anew;  // why; empty: an anchor
};

inline constexpr std::size_t most_anchor_bytes = 16 * 1024 * 1024;  // 18 years of hours

std::string anchor_line(const Anchor& anchor);  // with the line feed
// A line that cannot be read is one fault more in `unreadable`.
std::vector<Anchor> parse_anchors(std::string_view text, std::size_t* unreadable = nullptr);

struct AnchorFile {
  std::vector<Anchor> anchors;
  std::size_t unreadable = 0;
  std::string fault;  // empty: read, or there is none yet
};
AnchorFile read_anchors(const std::string& path);
// Appends and syncs; "" or what went wrong.
std::string append_anchor(const std::string& path, const Anchor& anchor);

// The chain, row by row from seq 1, held against the anchors that belong to it.
class AnchoredVerifier {
 public:
  explicit AnchoredVerifier(const std::vector<Anchor>& anchors);
  void next(const ledger::AuditRow& row);
  // After the last row: a chain that ends before an anchor is bad right behind its end.
  ledger::AuditCheck finish();
  std::size_t compared() const { return compared_; }  // anchors passed through
  std::size_t earlier() const { return earlier_; }    // of a chain before this one: not compared

 private:
  ledger::AuditVerifier chain_;
  std::vector<Anchor> anchors_;  // of this chain, by seq
  std::size_t next_ = 0;
  std::size_t compared_ = 0, earlier_ = 0;
  std::uint64_t last_seq_ = 0;
  ledger::AuditCheck fault_;  // first_bad 0: none of the anchors'
};

}  // namespace switchback::people
