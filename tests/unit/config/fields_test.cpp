#include "config/fields.hpp"

#include <set>

#include "tests/support/catch.hpp"

using namespace switchback::config;

TEST_CASE("every row of the table is whole") {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const Field& field : all_fields()) {
    INFO(field.section << "." << field.key);
    CHECK(seen.emplace(field.section, field.key).second);
    CHECK(field.doc.ends_with('.'));
    CHECK(find_field(field.section, field.key) == &field);
    if (field.later) continue;
    CHECK(field.read);
    CHECK_FALSE(field.type.empty());
    CHECK((field.below || (field.show && field.same)));
    CHECK((field.inner.empty() || !fields_of(field.inner).empty()));
    // A number without bounds would let a slip of the finger through.
    const bool number = field.type == "duration" || field.type == "number";
    CHECK((!number || field.max > 0));
  }
  CHECK(find_field("", "no such key") == nullptr);
}

TEST_CASE("sections know where they stand") {
  CHECK(path_of_section("") == "");
  CHECK(path_of_section("timeouts") == "services.NAME.timeouts");
  CHECK(path_of_section("server") == "services.NAME.blue.servers[]");
  CHECK(path_of_section("token") == "admin.tokens[]");
}

TEST_CASE("bounds are said in the field's own unit") {
  CHECK(allowed_of(*find_field("timeouts", "connect")) == "0 to 24h");
  CHECK(allowed_of(*find_field("limits", "head")) == "1KiB to 127KiB");
  CHECK(allowed_of(*find_field("server", "weight")) == "0 to 1000");
  CHECK(allowed_of(*find_field("log", "access")) == "off, text or json");
}
