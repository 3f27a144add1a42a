// The audit chain's queue, its budgets, and the anchors that a chain written anew does not pass.
#include "admin/people/audit_trail.hpp"

#include "proxy/base/clock.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

namespace switchback::people {
namespace {

using namespace std::chrono_literals;
using ledger::AuditEntry;
using ledger::AuditRow;

AuditEntry entry(const std::string& actor, std::int64_t at = 1'000'000) {
  return {at, actor, "token", "192.0.2.7", "flip", "{}"};
}

std::vector<AuditRow> rows_of(const std::string& path) {
  std::vector<AuditRow> rows;
  REQUIRE(ledger::read_audit(path, [&](const AuditRow& row) { rows.push_back(row); }) == "");
  return rows;
}

TEST_CASE("what moved traffic is always written, knocking is summed up") {
  const test::TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto ledger = ledger::Ledger::open({.path = path});
    AuditTrail trail(ledger.get(), {.idle_per_minute = 3, .strangers_per_minute = 2});
    for (int i = 0; i < 10; ++i) trail.note(entry("stranger"), Weight::stranger);
    for (int i = 0; i < 10; ++i) trail.note(entry("token ci"), Weight::idle);
    for (int i = 0; i < 10; ++i) trail.note(entry("token ci"), Weight::change);
    CHECK(trail.stats().summed == 8 + 7);
    trail.close_minutes(2'000'000, false);
    trail.close_minutes(62'000'000, false);
    trail.note(entry("token ci", 63'000'000), Weight::idle);
    CHECK(trail.stats().summed == 8 + 7);  // a new minute
    REQUIRE(ledger->flush(20s));
  }
  const auto rows = rows_of(path);
  REQUIRE(rows.size() == 2 + 3 + 10 + 2 + 1);
  std::size_t sums = 0;
  for (const auto& row : rows) {
    if (row.action != "audit.summed") continue;
    ++sums;
    CHECK_THAT(row.text, ContainsSubstring("\"entries\":"));
  }
  CHECK(sums == 2);
  CHECK(ledger::verify_audit(path).first_bad == 0);
}

TEST_CASE("what finds no room is counted, said, and becomes an entry of its own") {
  const test::TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto ledger = ledger::Ledger::open({.path = path});
    AuditTrail full(ledger.get(), {.queue = 5, .ledger_queue = 0});
    for (int i = 0; i < 8; ++i) full.note(entry("token ci"));
    CHECK(full.stats().lost == 3);
    CHECK(full.stats().queued >= 5);
    AuditTrail trail(nullptr, {.queue = 5});
    for (int i = 0; i < 8; ++i) trail.note(entry("token ci"));
    trail.pump(1);
    CHECK(trail.stats().lost == 3);
    CHECK(trail.stats().queued == 5);
  }
}

TEST_CASE("anchors are read back as they were written, what is torn is counted") {
  const test::TempDir dir;
  const std::string path = dir / "audit-anchor";
  CHECK(read_anchors(path).anchors.empty());
  const std::string hash(64, 'a');
  const std::int64_t at = 1'800'000'000'000'000;
  REQUIRE(append_anchor(path, {at, 7, hash, ""}) == "");
  REQUIRE(append_anchor(path, {at, 0, "", "ledger_corrupt\nforged 1"}) == "");
  REQUIRE(append_anchor(path, {at, 3, hash, ""}) == "");
  const auto back = read_anchors(path);
  REQUIRE(back.anchors.size() == 3);
  CHECK(back.unreadable == 0);
  CHECK(back.anchors[0].seq == 7);
  CHECK(back.anchors[0].hash == hash);
  CHECK(back.anchors[0].at_us == at);
  CHECK(back.anchors[1].begun_anew == "ledger_corrupt forged 1");
  std::size_t unreadable = 0;
  CHECK(
      parse_anchors("2027-01-15T08:00:00Z 5\nnonsense\n2027-01-15T08:00:00Z x " + hash, &unreadable)
          .empty());
  CHECK(unreadable == 3);
  CHECK(append_anchor(dir / "no/such/folder", {at, 1, hash, ""}) != "");
}

// A chain as it is stored.
std::vector<AuditRow> chain(std::size_t size, const std::string& actor = "token ci") {
  std::vector<AuditRow> rows;
  std::string previous(ledger::audit_origin);
  for (std::size_t i = 1; i <= size; ++i) {
    const auto e = entry(actor);
    AuditRow row{i,        e.wall_us, e.actor, e.auth, e.source, e.action, ledger::audit_text(i, e),
                 previous, ""};
    row.hash = previous = ledger::audit_hash(row.prev_hash, row.text);
    rows.push_back(row);
  }
  return rows;
}

ledger::AuditCheck check(const std::vector<AuditRow>& rows, const std::vector<Anchor>& anchors) {
  AnchoredVerifier verifier(anchors);
  for (const auto& row : rows) verifier.next(row);
  return verifier.finish();
}

TEST_CASE("a chain that holds in itself is still held against its anchors") {
  const auto good = chain(10);
  const std::vector<Anchor> anchors = {{1, 4, good[3].hash, ""}, {2, 9, good[8].hash, ""}};
  CHECK(check(good, anchors).first_bad == 0);
  CHECK(check(good, {}).first_bad == 0);

  const auto forged = chain(10, "token mallory");
  CHECK(check(forged, {}).first_bad == 0);  // nothing to see without anchors
  CHECK(check(forged, anchors).first_bad == 4);

  auto cut = good;
  cut.resize(6);
  CHECK(check(cut, anchors).first_bad == 7);
  CHECK(check({}, anchors).first_bad == 1);

  auto changed = good;
  changed[1].text[20] ^= 1;
  CHECK(check(changed, anchors).first_bad == 2);

  auto missing = good;
  missing.erase(missing.begin() + 3);
  CHECK(check(missing, anchors).first_bad == 4);
}

TEST_CASE("anchors of a ledger that was set aside are counted, not compared") {
  const auto now = chain(3);
  const std::vector<Anchor> anchors = {
      {1, 50, std::string(64, 'a'), ""}, {2, 0, "", "ledger_corrupt"}, {3, 3, now[2].hash, ""}};
  AnchoredVerifier verifier(anchors);
  for (const auto& row : now) verifier.next(row);
  CHECK(verifier.finish().first_bad == 0);
  CHECK(verifier.compared() == 1);
  CHECK(verifier.earlier() == 1);
}

}  // namespace
}  // namespace switchback::people
