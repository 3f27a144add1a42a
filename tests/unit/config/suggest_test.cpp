#include "config/suggest.hpp"

#include "tests/support/catch.hpp"

using namespace switchback::config;

TEST_CASE("the nearest name is proposed, and none when all are far") {
  const std::vector<std::string_view> names{"listeners",    "services",    "timeouts",
                                            "health_check", "path_prefix", "tls"};
  CHECK(nearest_name("listner", names) == "listeners");
  CHECK(nearest_name("serivces", names) == "services");
  CHECK(nearest_name("Health-Check", names) == "health_check");
  CHECK(nearest_name("healthcheck", names) == "health_check");
  CHECK(nearest_name("timeout", names) == "timeouts");
  CHECK(nearest_name("prefix", names) == "path_prefix");
  CHECK(nearest_name("zzz", names).empty());
  CHECK(nearest_name("", names).empty());
  CHECK(nearest_name(std::string(10'000, 'x'), names).empty());
}

TEST_CASE("names are listed as people would say them") {
  CHECK(one_of({}).empty());
  CHECK(one_of({"a"}) == "a");
  CHECK(one_of({"a", "b", "c"}) == "a, b or c");
}
