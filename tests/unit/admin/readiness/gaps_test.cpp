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

TEST_CASE("an open gap counts until now; a later life closes it when all is well", "[gaps]") {
  Gaps before("shop", start);
  before.found(false, "how", "lost", start);
  const auto row = before.found(false, "how", "lost", start + 5 * second);
  REQUIRE(row);
  CHECK(before.summary(start + hour).share == Approx(0));
  Gaps after("shop", start + 2 * hour);
  after.restore(*row);
  CHECK(after.open());
  CHECK(after.summary(start + 2 * hour).watched_us == 2 * hour);
  const auto closed = after.found(true, "", "", start + 2 * hour);
  REQUIRE(closed);
  CHECK(closed->same_key(*row));
}

TEST_CASE("gaps of earlier lives stand in order, and old open ones end where the next begins",
          "[gaps]") {
  Gaps gaps("shop", start + 3 * hour);
  for (const std::int64_t from : {start + hour, start}) {
    ledger::Row row{ledger::Table::readiness_gap, {}};
    row.values = {std::string("shop"), from, std::monostate{}, std::string("how"),
                  std::string("x")};
    gaps.restore(row);
    gaps.restore(row);
  }
  REQUIRE(gaps.all().size() == 2);
  CHECK(gaps.all().front().to_wall_us == start + hour);
  CHECK(gaps.all().back().to_wall_us == 0);
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
