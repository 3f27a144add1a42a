// Two answers: what is equal, what differs first, and that the cut of pieces is nobody's business.
#include "proxy/mirror/answer.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using mirror::Answer;
using mirror::Comparison;
using mirror::Verdict;

namespace {

struct Told {
  unsigned status = 200;
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::string> pieces;
};

const std::vector<std::string> names{"Content-Type", "ETag"};

void tell(Answer& answer, const Told& told) {
  std::vector<http::Field> fields;
  for (const auto& [name, value] : told.fields) {
    fields.push_back({name.data(), value.data(), static_cast<std::uint32_t>(value.size()),
                      static_cast<std::uint16_t>(name.size()), http::FieldId::other, false});
  }
  http::ResponseHead head;
  head.status = told.status;
  head.fields = fields;
  answer.reset();
  answer.add_head(head, names, 5);
  for (std::size_t i = 0; i < told.pieces.size(); ++i) {
    iovec slice{const_cast<char*>(told.pieces[i].data()), told.pieces[i].size()};
    exchange::BodyPiece piece{&slice, 1, told.pieces[i].size(), nullptr, false, {}};
    answer.add_body(piece);
  }
  CHECK_FALSE(answer.ended());
  exchange::BodyPiece end;
  end.end = true;
  answer.add_body(end);
  CHECK(answer.ended());
}

Comparison compare(const Told& original, const Told& copy) {
  Answer a, b;
  tell(a, original);
  tell(b, copy);
  return Comparison(a, b);
}

}  // namespace

TEST_CASE("answers are compared by status, then fields, then body") {
  const Told plain{200, {{"Content-Type", "text/plain"}, {"Date", "1"}}, {"hello"}};
  Told other = plain;
  CHECK(compare(plain, other).verdict == Verdict::equal);
  other.fields[1].second = "2";  // not chosen
  CHECK(compare(plain, other).verdict == Verdict::equal);
  other.fields[0].first = "content-type";
  CHECK(compare(plain, other).verdict == Verdict::equal);
  other.pieces = {"hellO"};
  CHECK(compare(plain, other).verdict == Verdict::body);
  other.pieces = {"hello", "o"};
  CHECK(compare(plain, other).verdict == Verdict::body);
  other.fields.push_back({"etag", "x"});
  CHECK(compare(plain, other).verdict == Verdict::header);
  CHECK(compare(plain, other).header == 1);
  CHECK(compare(other, plain).header == 1);
  other.status = 500;
  CHECK(compare(plain, other).verdict == Verdict::status);
  CHECK(compare(plain, other).header == mirror::no_header);
}

TEST_CASE("how a body is cut into pieces does not count") {
  CHECK(compare({200, {}, {"hello world"}}, {200, {}, {"h", "", "ello wor", "ld"}}).verdict ==
        Verdict::equal);
  CHECK(compare({200, {}, {}}, {200, {}, {""}}).verdict == Verdict::equal);
  CHECK(compare({200, {}, {}}, {200, {}, {"x"}}).verdict == Verdict::body);
}

TEST_CASE("all values of a field count, in order, and absent is not empty") {
  const auto header = [](std::vector<std::pair<std::string, std::string>> a,
                         std::vector<std::pair<std::string, std::string>> b) {
    return compare({200, std::move(a), {}}, {200, std::move(b), {}}).verdict;
  };
  CHECK(header({{"ETag", ""}}, {}) == Verdict::header);
  CHECK(header({{"ETag", "a"}, {"ETag", "b"}}, {{"ETag", "b"}, {"ETag", "a"}}) == Verdict::header);
  CHECK(header({{"ETag", "a"}, {"ETag", "b"}}, {{"ETag", "ab"}}) == Verdict::header);
  CHECK(header({{"ETag", "a"}, {"ETag", ""}}, {{"ETag", "a"}}) == Verdict::header);
  CHECK(header({{"ETag", "a"}, {"ETag", "b"}}, {{"etag", "a"}, {"ETAG", "b"}}) == Verdict::equal);
}

TEST_CASE("an answer begins anew") {
  Answer answer;
  tell(answer, {200, {{"ETag", "x"}}, {"something"}});
  const std::uint64_t first = answer.body_hash();
  tell(answer, {204, {}, {}});
  CHECK(answer.status() == 204);
  CHECK(answer.bytes() == 0);
  CHECK(answer.body_hash() != first);
}

TEST_CASE("much slower is more than twice, and more than 50 ms") {
  constexpr Nanos ms = 1'000'000;
  CHECK_FALSE(mirror::is_slower(10 * ms, 60 * ms));
  CHECK(mirror::is_slower(10 * ms, 61 * ms));
  CHECK_FALSE(mirror::is_slower(100 * ms, 200 * ms));
  CHECK(mirror::is_slower(100 * ms, 201 * ms));
  CHECK_FALSE(mirror::is_slower(100 * ms, 1 * ms));
}

TEST_CASE("every result and cause has a name of its own") {
  const auto all_named = [](auto count) {
    using Enum = decltype(count);
    std::vector<std::string_view> seen;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      const std::string_view name = mirror::name_of(static_cast<Enum>(i));
      CHECK_FALSE(name.empty());
      CHECK(std::find(seen.begin(), seen.end(), name) == seen.end());
      seen.push_back(name);
    }
  };
  all_named(mirror::Skip::count_);
  all_named(mirror::Verdict::count_);
  all_named(mirror::Fault::count_);
  all_named(mirror::Drop::count_);
}
