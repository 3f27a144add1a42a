#include "config/diagnostic.hpp"

#include "tests/support/catch.hpp"

using namespace switchback::config;

TEST_CASE("a diagnostic says file, place, message and hint") {
  CHECK(Diagnostic{"a.yaml", 3, 5, "wrong", "mend", false}.text() == "a.yaml:3:5: wrong (mend)");
  CHECK(Diagnostic{"a.yaml", 3, 5, "wrong", "", false}.text() == "a.yaml:3:5: wrong");
  CHECK(Diagnostic{"a.yaml", 3, 5, "odd", "mend", true}.text() ==
        "a.yaml:3:5: warning: odd (mend)");
  CHECK(Diagnostic{"a.yaml", 0, 0, "wrong", "", false}.text() == "a.yaml: wrong");
}

TEST_CASE("quoted text cannot write to a terminal, nor fill it") {
  CHECK(in_quotes("plain") == "\"plain\"");
  CHECK(in_quotes("a\x1b[31m\n") == "\"a\\x1b[31m\\x0a\"");
  CHECK(in_quotes(std::string(1000, 'x')).size() < 80);
}

TEST_CASE("a report is sorted, without repeats, and bounded") {
  Report report("f");
  report.error({5, 1}, "later");
  report.error({2, 9}, "second");
  report.warning({2, 3}, "first");
  report.error({2, 9}, "second");
  CHECK(report.has_errors());
  const auto found = report.take();
  REQUIRE(found.size() == 3);
  CHECK(found[0].message == "first");
  CHECK(found[0].warning);
  CHECK(found[1].message == "second");
  CHECK(found[2].message == "later");

  Report long_one("f");
  for (int i = 1; i < 1000; ++i) long_one.error({i, 1}, "fault");
  const auto cut = long_one.take();
  CHECK(cut.size() == 101);
  CHECK_THAT(cut.back().text(), ContainsSubstring("more faults"));
}

TEST_CASE("warnings alone are no error") {
  Report report("f");
  report.warning({1, 1}, "odd");
  CHECK_FALSE(report.has_errors());
}
