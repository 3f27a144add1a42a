#include "proxy/http/traceparent.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace switchback;

namespace {
const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
std::string with(std::size_t at, const std::string& text) {
  std::string out = good;
  return out.replace(at, text.size(), text);
}
}  // namespace

TEST_CASE("traceparents that are passed on") {
  CHECK(http::valid_traceparent(good));
  CHECK(http::valid_traceparent(with(0, "cc")));
  CHECK(http::valid_traceparent(with(0, "01") + "-what-comes-later"));
  CHECK(http::trace_id_of(good) == "0af7651916cd43dd8448eb211c80319c");
}

TEST_CASE("traceparents that begin anew") {
  CHECK_FALSE(http::valid_traceparent(""));
  CHECK_FALSE(http::valid_traceparent(good.substr(1)));
  CHECK_FALSE(http::valid_traceparent(good + "-x"));
  CHECK_FALSE(http::valid_traceparent(with(0, "01") + "x"));
  CHECK_FALSE(http::valid_traceparent(with(0, "ff")));
  CHECK_FALSE(http::valid_traceparent(with(2, "_")));
  CHECK_FALSE(http::valid_traceparent(with(35, "_")));
  CHECK_FALSE(http::valid_traceparent(with(52, "_")));
  CHECK_FALSE(http::valid_traceparent(with(3, "A")));
  CHECK_FALSE(http::valid_traceparent(with(3, std::string(32, '0'))));
  CHECK_FALSE(http::valid_traceparent(with(36, std::string(16, '0'))));
  CHECK_FALSE(http::valid_traceparent(with(53, "0g")));
}

TEST_CASE("a trace begun here is valid and its own") {
  http::Random random(1);
  char one[http::traceparent_size], two[http::traceparent_size];
  CHECK(http::valid_traceparent(http::begin_traceparent(one, random, true)));
  CHECK(http::valid_traceparent(http::begin_traceparent(two, random, false)));
  CHECK(std::string_view(one, sizeof one).ends_with("-01"));
  CHECK(std::string_view(two, sizeof two).ends_with("-00"));
  CHECK(std::string(one, sizeof one) != std::string(two, sizeof two));
}
