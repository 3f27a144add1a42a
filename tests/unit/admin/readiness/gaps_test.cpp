#include "admin/readiness/gaps.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::readiness;

namespace {

constexpr std::int64_t second = 1'000'000, hour = 3600 * second, day = 24 * hour;
constexpr std::int64_t start = 1000 * day;

}  // namespace

TEST_CASE("a gap opens after three seconds, from when it began, and closes at once", "[gaps]") {
  Gaps gaps("shop", start);
  CHECK_FALSE(gaps.found(true, "", "", start));
  CHECK_FALSE(gaps.found(false, "verify", "no server", start + 10 * second));
  CHECK_FALSE(gaps.found(false, "verify", "no server", start + 12 * second));
  const auto opened = gaps.found(false, "verify", "no server", start + 13 * second);
  REQUIRE(opened);
  CHECK(opened->integer(1) == start + 10 * second);
  CHECK(opened->is_null(2));
  CHECK(gaps.open());
  CHECK_FALSE(gaps.found(false, "verify", "no server", start + 14 * second));
  const auto closed = gaps.found(true, "", "", start + 20 * second);
  REQUIRE(closed);
  CHECK(closed->integer(2) == start + 20 * second);
  CHECK(closed->same_key(*opened));
  CHECK_FALSE(gaps.open());
}

TEST_CASE("a moment's failure is no gap", "[gaps]") {
  Gaps gaps("shop", start);
  for (int i = 0; i < 10; ++i) {
    CHECK_FALSE(gaps.found(false, "verify", "one check", start + i * 10 * second));
    CHECK_FALSE(gaps.found(true, "", "", start + i * 10 * second + 2 * second));
  }
  CHECK(gaps.all().empty());
}

TEST_CASE("the share is of the time watched, within thirty days", "[gaps]") {
  Gaps gaps("shop", start);
  gaps.found(false, "how", "lost", start + hour);
  gaps.found(false, "how", "lost", start + hour + 4 * second);
  gaps.found(true, "", "", start + 2 * hour);
  auto summary = gaps.summary(start + 10 * hour);
  CHECK(summary.share == Approx(0.9));
  CHECK(summary.gaps == 1);
  CHECK(summary.by_question == std::vector<std::pair<std::string, std::size_t>>{{"how", 1}});
  summary = gaps.summary(start + 40 * day);
  CHECK(summary.share == 1);
  CHECK(summary.gaps == 0);
}

TEST_CASE("an open gap counts until now; it ends with the life that saw it", "[gaps]") {
  Gaps before("shop", start);
  before.found(false, "how", "lost", start + hour);
  const auto row = before.found(false, "how", "lost", start + hour + 5 * second);
  REQUIRE(row);
  CHECK(before.summary(start + 2 * hour).share == Approx(0.5));
  const auto watched = before.watched(start + 2 * hour);
  // Nobody watched for eight hours.
  Gaps after("shop", start + 10 * hour);
  const auto closed = after.restore({*row, watched});
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].same_key(*row));
  CHECK(closed[0].integer(2) == start + 2 * hour);
  CHECK_FALSE(after.open());
  const auto summary = after.summary(start + 12 * hour);
  CHECK(summary.watched_us == 4 * hour);
  CHECK(summary.share == Approx(0.75));
  CHECK(summary.gaps == 1);
}

TEST_CASE("rows of earlier lives, in any order and more than once", "[gaps]") {
  Gaps gaps("shop", start + 3 * hour);
  std::vector<ledger::Row> rows;
  for (const std::int64_t from : {start + hour, start, start}) {
    ledger::Row row{ledger::Table::readiness_gap, {}};
    row.values = {std::string("shop"), from, std::monostate{}, std::string("how"),
                  std::string("x")};
    rows.push_back(row);
    row.values[0] = std::string("another");
    rows.push_back(row);
  }
  CHECK(gaps.restore(rows).size() == 2);  // no life is known: as short as can be
  REQUIRE(gaps.all().size() == 2);
  CHECK(gaps.all().front().to_wall_us == start + 1);
  CHECK(gaps.summary(start + 4 * hour).watched_us == hour);
  CHECK_FALSE(gaps.open());
}

TEST_CASE("memory is bounded", "[gaps]") {
  Gaps gaps("shop", start);
  for (std::size_t i = 0; i < Gaps::kept + 50; ++i) {
    const auto at = start + static_cast<std::int64_t>(i) * hour;
    gaps.found(false, "how", "x", at);
    gaps.found(false, "how", "x", at + 4 * second);
    gaps.found(true, "", "", at + 5 * second);
  }
  CHECK(gaps.all().size() == Gaps::kept);
}

TEST_CASE("a clock that is set back does not keep a gap from opening", "[gaps]") {
  Gaps gaps("shop", start);
  CHECK_FALSE(gaps.found(false, "how", "lost", start + day));
  CHECK_FALSE(gaps.found(false, "how", "lost", start));
  CHECK(gaps.found(false, "how", "lost", start + 3 * second));
}

TEST_CASE("each question has its own time", "[gaps]") {
  Gaps gaps("shop", start);
  gaps.found(false, "how", "nothing to go back to", start);
  gaps.found(false, "how", "nothing to go back to", start + 3 * second);
  const auto first = gaps.found(false, "verify", "no server", start + hour);
  REQUIRE(first);
  CHECK(first->text(3) == "how");
  CHECK(first->integer(2) == start + hour);
  const auto next = gaps.found(false, "verify", "no server", start + hour + second);
  REQUIRE(next);
  CHECK(next->integer(1) == start + hour);
  CHECK(gaps.open());
  const auto summary = gaps.summary(start + 2 * hour);
  CHECK(summary.share == Approx(0));
  CHECK(summary.by_question ==
        std::vector<std::pair<std::string, std::size_t>>{{"how", 1}, {"verify", 1}});
}

TEST_CASE("a life that was killed early lost no more than it watched", "[gaps]") {
  Gaps before("shop", start);
  const auto watched = before.watched(start + second);  // the newest word of it
  before.found(false, "how", "lost", start + 10 * second);
  before.found(false, "how", "lost", start + 13 * second);
  const auto closed = before.found(true, "", "", start + 40 * second);
  Gaps after("shop", start + hour);
  CHECK(after.restore({watched, *closed}).empty());
  const auto summary = after.summary(start + hour + 40 * second);
  CHECK(summary.watched_us == 80 * second);
  CHECK(summary.share == Approx(50.0 / 80));
}
