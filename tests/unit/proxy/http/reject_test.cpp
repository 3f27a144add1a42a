#include "proxy/http/reject.hpp"

#include <set>
#include <string>

#include "tests/support/catch.hpp"

using namespace switchback;
using http::Reason;

TEST_CASE("each reason has a name of its own, and a sentence where an answer is sent") {
  std::set<std::string> names;
  for (unsigned i = 0; i < static_cast<unsigned>(Reason::count_); ++i) {
    const auto reason = static_cast<Reason>(i);
    const std::string name(http::name_of(reason));
    INFO(name);
    CHECK(names.insert(name).second);
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos);
    const unsigned status = http::status_of(reason);
    CHECK((status == 0 || status == 308 || (status >= 400 && status <= 599)));
    CHECK(http::sentence_of(reason).empty() == (status == 0));
  }
}

TEST_CASE("the statuses others rely on") {
  CHECK(http::status_of(Reason::none) == 0);
  CHECK(http::status_of(Reason::bad_framing) == 400);
  CHECK(http::status_of(Reason::head_too_large) == 431);
  CHECK(http::status_of(Reason::target_too_long) == 414);
  CHECK(http::status_of(Reason::body_too_large) == 413);
  CHECK(http::status_of(Reason::unsupported_expectation) == 417);
  CHECK(http::status_of(Reason::unsupported_method) == 501);
  CHECK(http::status_of(Reason::unsupported_version) == 505);
  CHECK(http::status_of(Reason::head_timeout) == 408);
  CHECK(http::status_of(Reason::no_server) == 503);
  CHECK(http::status_of(Reason::connect_refused) == 502);
  CHECK(http::status_of(Reason::response_timeout) == 504);
  CHECK(http::status_of(Reason::drain_forced) == 504);
  CHECK(http::status_of(Reason::client_closed) == 0);
  CHECK(http::name_of(Reason::connect_refused) == "connect_refused");
}
