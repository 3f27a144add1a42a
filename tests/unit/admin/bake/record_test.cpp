#include "admin/bake/record.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/admin/bake/situations.hpp"

using namespace switchback;
using namespace switchback::bake;
using test::receipt;
using Judgement = AuditLine::Judgement;

namespace {

constexpr std::int64_t minute_us = 60LL * 1'000'000, day_us = 24 * 60 * minute_us;

Record record(int n, Outcome outcome, bool would) {
  Record r;
  r.service = "shop";
  r.flip = "promote-" + std::to_string(n);
  r.release = "v1." + std::to_string(n);
  r.color = Color::green;
  r.since_wall_us = 100 * day_us + n * 2 * day_us;
  r.outcome = outcome;
  r.would_wall_us = would ? r.since_wall_us + minute_us : 0;
  return r;
}

}  // namespace

TEST_CASE("a record is the same after the ledger", "[bake]") {
  Record r = record(3, Outcome::advised, true);
  r.mode = config::BakeMode::automatic;
  r.kind = release::FlipKind::auto_rollback;
  r.objections = "hold: dana";
  r.verdict = "error 2.2 % against 0.1 %";
  r.rollback = "01J";
  r.ended_wall_us = r.since_wall_us + 9;
  r.warned_wall_us = r.since_wall_us + 7;
  const auto again = record_from_row(to_row(r));
  REQUIRE(again);
  CHECK(to_row(*again).values == to_row(r).values);
  auto other = to_row(r);
  other.values[3] = std::string("traffic");
  CHECK_FALSE(record_from_row(other));
  other = to_row(r);
  other.values[6] = std::string("{broken");
  CHECK_FALSE(record_from_row(other));
}

TEST_CASE("alarms are held against what people did", "[bake]") {
  const Record fired = record(0, Outcome::fired, true), agreed = record(1, Outcome::advised, true);
  const Record wrong = record(2, Outcome::advised, true), calm = record(3, Outcome::clean, false);
  const Record missed = record(4, Outcome::interrupted, false);
  const std::vector<release::Receipt> receipts = {
      receipt("r4", release::FlipKind::rollback, "v1.4", "v1.3", missed.since_wall_us + minute_us),
      receipt("r1", release::FlipKind::rollback, "v1.1", "v1.0", agreed.since_wall_us + minute_us),
  };
  const std::int64_t now = missed.since_wall_us + 5 * day_us;
  const auto audit = audit_of({fired, agreed, wrong, calm, missed}, receipts, now);
  REQUIRE(audit.lines.size() == 5);
  CHECK(audit.lines[0].judgement == Judgement::missed);  // newest first
  CHECK(audit.lines[1].judgement == Judgement::quiet);
  CHECK(audit.lines[2].judgement == Judgement::false_alarm);
  CHECK(audit.lines[3].judgement == Judgement::confirmed);
  CHECK(audit.lines[3].person_after_us == minute_us);
  CHECK(audit.lines[4].judgement == Judgement::confirmed);
  CHECK(audit.would == 3);
  CHECK(audit.confirmed == 2);
  CHECK(audit.false_alarms == 1);
  CHECK(audit.missed == 1);
  CHECK_FALSE(audit.recommend_automatic);
}

TEST_CASE("a young alarm is not yet a false one", "[bake]") {
  const Record young = record(0, Outcome::advised, true);
  const auto audit = audit_of({young}, {}, young.since_wall_us + minute_us);
  CHECK(audit.lines[0].judgement == Judgement::open);
  CHECK(audit.watched == 0);
}

TEST_CASE("a rollback from a later promote of the color is not held for the earlier one",
          "[bake]") {
  const Record first = record(0, Outcome::clean, false);
  const std::vector<release::Receipt> receipts = {
      receipt("r", release::FlipKind::rollback, "v2", "v1", first.since_wall_us + 9 * minute_us),
      receipt("second", release::FlipKind::promote, "v1", "v2",
              first.since_wall_us + 5 * minute_us),
  };
  CHECK(audit_of({first}, receipts, first.since_wall_us + 3 * day_us).lines[0].judgement ==
        Judgement::quiet);
}

TEST_CASE("auto is recommended after twenty releases without a false alarm", "[bake]") {
  std::vector<Record> records;
  for (int n = 0; n < 19; ++n) records.push_back(record(n, Outcome::clean, false));
  const std::int64_t now = record(40, Outcome::clean, false).since_wall_us;
  CHECK_FALSE(audit_of(records, {}, now).recommend_automatic);
  records.push_back(record(19, Outcome::fired, true));
  CHECK(audit_of(records, {}, now).recommend_automatic);
  records.push_back(record(20, Outcome::advised, true));
  CHECK_FALSE(audit_of(records, {}, now).recommend_automatic);
}

TEST_CASE("windows that were cut short earn no trust", "[bake]") {
  std::vector<Record> records;
  for (int n = 0; n < 25; ++n) records.push_back(record(n, Outcome::interrupted, false));
  const auto audit = audit_of(records, {}, records.back().since_wall_us + 5 * day_us);
  CHECK(audit.watched == 0);
  CHECK_FALSE(audit.recommend_automatic);
}
