#include "admin/cli/switch_call.hpp"

#include "admin/cli/json_view.hpp"
#include "tests/support/catch.hpp"

using namespace switchback::cli;

namespace {

// 01JD0000000000000000000000 as a time, and moments after it.
constexpr const char* flip_id = "01JD0000000000000000000000";

json::object service(const char* active, const char* last_kind, const char* last_to) {
  json::object out{{"service", "shop"}, {"active", active}, {"epoch", 42}};
  if (*last_kind) out["last_flip"] = {{"flip", flip_id}, {"kind", last_kind}, {"to", last_to}};
  return out;
}

}  // namespace

TEST_CASE("flip without a side means the other one") {
  CHECK(default_flip_target(service("blue", "", ""), 0) == "green");
  CHECK(default_flip_target(service("green", "", ""), 0) == "blue");
}

TEST_CASE("flip typed twice means the same side twice") {
  const auto at = ulid_time_ms(flip_id).value();
  const auto flipped = service("green", "promote", "green");
  CHECK(default_flip_target(flipped, at + 100) == "green");
  CHECK(default_flip_target(flipped, at + repeat_window_ms - 1) == "green");
  // Later it is a new wish.
  CHECK(default_flip_target(flipped, at + repeat_window_ms) == "blue");
}

TEST_CASE("flip right after a rollback goes forward again") {
  const auto at = ulid_time_ms(flip_id).value();
  CHECK(default_flip_target(service("blue", "rollback", "blue"), at + 100) == "green");
}

TEST_CASE("keys are long and never the same") {
  const auto key = new_idempotency_key();
  CHECK(key.size() == 32);
  CHECK(key != new_idempotency_key());
}
