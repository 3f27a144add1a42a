#include "config/reference.hpp"

#include "config/fields.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/places.hpp"
#include "tests/unit/config/golden.hpp"

using namespace switchback::config;

TEST_CASE("the committed reference page is the one the table makes") {
  const std::string committed = read_whole(switchback::test::in_source("docs/configuration.md"));
  // After a change of the table, `unit_config "[write-reference]"` writes the page anew.
  CHECK((committed == reference_markdown()));
}

TEST_CASE("the page has every key, with its default where it has one") {
  const std::string page = reference_markdown();
  for (const Field& field : all_fields()) {
    INFO(field.section << "." << field.key);
    CHECK_THAT(page, ContainsSubstring(std::string(field.key)));
  }
  CHECK_THAT(page, ContainsSubstring("| `connect` | duration | `2s` | 0 to 24h |"));
  CHECK_THAT(page, ContainsSubstring("| `head` | size | `64KiB` | 1KiB to 127KiB |"));
  CHECK_THAT(page, ContainsSubstring("| `workers` | number | `auto` |"));
}

TEST_CASE("write the reference page anew", "[.][write-reference]") {
  std::ofstream(switchback::test::in_source("docs/configuration.md"), std::ios::binary)
      << reference_markdown();
}
