#include "admin/release/intent.hpp"

#include "tests/support/catch.hpp"

using namespace switchback::release;

namespace {

Intent example() {
  Intent intent;
  intent.receipt.flip = "01JDFLIP";
  intent.receipt.service = "shop";
  intent.receipt.to = switchback::Color::green;
  intent.receipt.actor = "token ci";
  intent.receipt.reason = "release \"1.3\"";
  intent.idem_key = "k1";
  intent.idem_request = R"(["promote","shop"])";
  return intent;
}

}  // namespace

TEST_CASE("an intent is read back as it was written") {
  const auto back = intent_from_text("?" + to_text(example()));
  REQUIRE(back);
  CHECK_FALSE(back->answered);
  CHECK(back->receipt.flip == "01JDFLIP");
  CHECK(back->receipt.actor == "token ci");
  CHECK(back->receipt.reason == "release \"1.3\"");
  CHECK(back->idem_key == "k1");
  CHECK(back->idem_request == R"(["promote","shop"])");
  CHECK(intent_from_text("!" + to_text(example()))->answered);
}

TEST_CASE("what is no intent is none") {
  CHECK_FALSE(intent_from_text(""));
  CHECK_FALSE(intent_from_text("?"));
  CHECK_FALSE(intent_from_text("?{}"));
  CHECK_FALSE(intent_from_text("?[1]"));
}

TEST_CASE("a long reason is cut, so that the rest fits") {
  auto intent = example();
  intent.receipt.reason.assign(2000, 'x');
  const auto text = to_text(intent);
  CHECK(text.size() < 4000);
  CHECK(intent_from_text("?" + text)->receipt.reason.size() == 1000);
}
