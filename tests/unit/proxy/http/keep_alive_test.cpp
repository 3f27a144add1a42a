#include "proxy/http/keep_alive.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::http;

TEST_CASE("what servers announce about kept connections") {
  CHECK(keep_alive_hint("timeout=5").timeout_s == 5U);
  CHECK(keep_alive_hint("timeout=5, max=100").max == 100U);
  CHECK(keep_alive_hint("max=0,timeout=5").timeout_s == 5U);
  CHECK(keep_alive_hint("max=0").max == 0U);
  CHECK(keep_alive_hint("Timeout = \"7\"").timeout_s == 7U);
  CHECK(keep_alive_hint("foo=1, timeout=2").timeout_s == 2U);
}

TEST_CASE("what says nothing is passed over") {
  for (const char* value : {"", "timeout", "timeout=", "timeout=x", "timeout=-1", "timeout=5s",
                            "timeout=99999999999", "=5", ",,,"}) {
    INFO(value);
    CHECK_FALSE(keep_alive_hint(value).timeout_s.has_value());
  }
}

TEST_CASE("a connection is given up ahead of its server") {
  CHECK(kept_within(0) == 0);
  CHECK(kept_within(1) == 750'000'000);
  CHECK(kept_within(2) == 1'500'000'000);
  CHECK(kept_within(5) == 4'000'000'000);
  CHECK(kept_within(60) == 59'000'000'000);
}
