#include "admin/release/ulid.hpp"

#include <set>

#include "tests/support/catch.hpp"

using namespace switchback::release;

TEST_CASE("ULIDs are 26 digits that begin with their time") {
  UlidMaker maker;
  const auto id = maker.next(1'469'918'176'385'000);  // the example of the ULID specification
  CHECK(id.size() == 26);
  CHECK(id.substr(0, 10) == "01ARYZ6S41");
  CHECK(id.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ") == std::string::npos);
}

TEST_CASE(
    "ULIDs sort in the order they were made, also within a millisecond and when time goes back") {
  UlidMaker maker;
  std::string before;
  for (std::int64_t i = 0; i < 5000; ++i) {
    const auto id = maker.next(1'795'362'083'000'000 + (i % 7 == 3 ? -5'000'000 : i * 10));
    REQUIRE(id > before);
    before = id;
  }
}

TEST_CASE("two makers do not make the same") {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(UlidMaker().next(1'000'000));
  CHECK(seen.size() == 1000);
}
