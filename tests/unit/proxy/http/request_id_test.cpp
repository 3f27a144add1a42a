#include "proxy/http/request_id.hpp"

#include <set>
#include <string>

#include "tests/support/catch.hpp"

using namespace switchback;

TEST_CASE("ids have 26 characters of base 32, and sort by time") {
  http::RequestIdGenerator ids;
  char out[http::RequestIdGenerator::size + 1];
  out[26] = '!';
  const std::string early(ids.next(out, 1'700'000'000'000'000));
  const std::string late(ids.next(out, 1'700'000'000'001'000));
  CHECK(out[26] == '!');
  CHECK(early.size() == 26);
  CHECK(early.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ") == std::string::npos);
  CHECK(early < late);
  CHECK(early.substr(0, 10) == "01HF7YAT00");
}

TEST_CASE("ids do not repeat, within a generator or between two") {
  http::RequestIdGenerator one, two;
  std::set<std::string> met;
  char out[http::RequestIdGenerator::size];
  for (int i = 0; i < 20'000; ++i) {
    met.insert(std::string(one.next(out, 5'000)));
    met.insert(std::string(two.next(out, 5'000)));
  }
  CHECK(met.size() == 40'000);
}

TEST_CASE("a seed gives the same ids again") {
  http::RequestIdGenerator one(7), two(7), three(8);
  char a[26], b[26], c[26];
  CHECK(one.next(a, 0) == two.next(b, 0));
  CHECK(one.next(a, 0) != three.next(c, 0));
}

TEST_CASE("what a trusted client may set as an id") {
  CHECK(http::valid_request_id("01HF7YAT00ABC-_.=+/:@"));
  CHECK(http::valid_request_id(std::string(128, 'a')));
  for (const std::string text : {"", "a b", "a\"b", "a\\b", "a\nb", "\x80", "<b>"})
    CHECK_FALSE(http::valid_request_id(text));
  CHECK_FALSE(http::valid_request_id(std::string(129, 'a')));
}
