// A copied request stands on its own: nothing of it points into what it was copied from.
#include "proxy/mirror/request_copy.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using mirror::RequestCopy;

namespace {

struct Original {
  std::string method = "GET", target = "/a?b", authority = "shop", ip = "192.0.2.1",
              scheme = "http";
  std::string id = "01JABC", trace = "00-0123", name = "Cookie", value = "a=b";
  std::vector<http::Field> fields;
  http::RequestHead head;
  http::RequestAdditions additions;

  explicit Original(std::size_t field_count = 2) {
    for (std::size_t i = 0; i < field_count; ++i) {
      fields.push_back({name.data(), value.data(), static_cast<std::uint32_t>(value.size()),
                        static_cast<std::uint16_t>(name.size()), http::FieldId::cookie, i == 1});
    }
    head.method = http::Method::get;
    head.method_text = method;
    head.target = target;
    head.authority = authority;
    head.fields = fields;
    additions.client_ip = ip;
    additions.scheme = scheme;
    additions.request_id = id;
    additions.traceparent = trace;
  }
  void spoil() {
    for (std::string* text :
         {&method, &target, &authority, &ip, &scheme, &id, &trace, &name, &value})
      std::fill(text->begin(), text->end(), '!');
    fields.assign(fields.size(), {});
  }
};

exchange::BodyPiece piece_of(iovec& slice, std::string& bytes, bool end = false) {
  slice = {bytes.data(), bytes.size()};
  return {&slice, 1, bytes.size(), nullptr, end, {}};
}

}  // namespace

TEST_CASE("head and additions are copied to the last byte, with the mark and an id of their own") {
  net::BufferPool pool;
  Original original;
  RequestCopy copy;
  REQUIRE(copy.take(pool, original.head, original.additions));
  original.spoil();
  CHECK(copy.head().method_text == "GET");
  CHECK(copy.head().target == "/a?b");
  CHECK(copy.head().authority == "shop");
  REQUIRE(copy.head().fields.size() == 2);
  CHECK(copy.head().fields[0].name() == "Cookie");
  CHECK(copy.head().fields[0].value() == "a=b");
  CHECK_FALSE(copy.head().fields[0].drop);
  CHECK(copy.head().fields[1].drop);
  CHECK(copy.additions().client_ip == "192.0.2.1");
  CHECK(copy.additions().scheme == "http");
  CHECK(copy.additions().traceparent == "00-0123");
  CHECK(copy.additions().request_id == "01JABC-mirror");
  CHECK(copy.original_id() == "01JABC");
  CHECK(copy.additions().mirrored);
  copy.clear();
  CHECK(pool.lent_bytes() == 0);
}

TEST_CASE("the longest request id stays a valid one") {
  net::BufferPool pool;
  Original original;
  original.id = std::string(128, 'x');
  original.additions.request_id = original.id;
  RequestCopy copy;
  REQUIRE(copy.take(pool, original.head, original.additions));
  CHECK(copy.additions().request_id == std::string(121, 'x') + "-mirror");
  copy.clear();
}

TEST_CASE("a head takes the smallest buffer that holds it, and none when none does") {
  net::BufferPool pool;
  RequestCopy copy;
  Original small, large(100), huge(256);
  large.value = std::string(200, 'v');
  huge.value = std::string(600, 'v');
  for (Original* o : {&large, &huge}) {
    for (http::Field& field : o->fields) {
      field.value_data = o->value.data();
      field.value_size = static_cast<std::uint32_t>(o->value.size());
    }
  }
  REQUIRE(copy.take(pool, small.head, small.additions));
  CHECK(pool.lent_bytes() == net::small_buffer_bytes);
  copy.clear();
  REQUIRE(copy.take(pool, large.head, large.additions));
  CHECK(pool.lent_bytes() == net::large_buffer_bytes);
  CHECK(copy.head().fields[99].value() == large.value);
  copy.clear();
  CHECK_FALSE(copy.take(pool, huge.head, huge.additions));
  CHECK(pool.lent_bytes() == 0);
}

TEST_CASE("a body is collected up to its limit and sent as one piece with an end") {
  net::BufferPool pool;
  Original original;
  original.head.content_length = 10;
  RequestCopy copy;
  REQUIRE(copy.take(pool, original.head, original.additions));
  std::string first = "hello", second = "world";
  iovec slice;
  CHECK(copy.body().end);
  CHECK(copy.body().bytes == 0);
  REQUIRE(copy.add_body(pool, piece_of(slice, first), 10));
  REQUIRE(copy.add_body(pool, piece_of(slice, second, true), 10));
  const exchange::BodyPiece body = copy.body();
  CHECK(body.end);
  CHECK(std::string_view(static_cast<const char*>(body.slices[0].iov_base), body.bytes) ==
        "helloworld");
  std::string more = "!";
  CHECK_FALSE(copy.add_body(pool, piece_of(slice, more), 10));
  copy.clear();
  CHECK(copy.body().bytes == 0);
  CHECK(pool.lent_bytes() == 0);
}
