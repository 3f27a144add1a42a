// What the wire vectors (tests/conformance) cannot say: limits, lifetimes, how often a head is
// read.
#include "proxy/http1/decoder.hpp"

#include <string>

#include "proxy/http1/fields.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using http1::DecodeStatus;

namespace {

struct Request {
  http::FieldTable table;
  http::RequestHead head;
  http1::HeadLimits limits;
  std::size_t scanned = 0;
  http1::DecodeResult operator()(std::string_view text) {
    return http1::decode_request_head(text.data(), text.size(), limits, scanned, table, head);
  }
};

const std::string plain = "GET /a HTTP/1.1\r\nHost: b\r\nX-One:  1 \r\n\r\n";

}  // namespace

TEST_CASE("views point into the caller's buffer") {
  Request request;
  const auto result = request(plain);
  REQUIRE(result.status == DecodeStatus::complete);
  CHECK(result.consumed == plain.size());
  CHECK(request.head.target.data() == plain.data() + 4);
  REQUIRE(request.head.fields.size() == 2);
  const http::Field& field = request.head.fields[1];
  CHECK(field.name() == "X-One");
  CHECK(field.value() == "1");
  CHECK(field.value().data() == plain.data() + plain.find("1 \r\n\r\n"));
  CHECK(request.head.fields.data() == request.table.fields.data());
  CHECK(request.head.present ==
        (http::bit_of(http::FieldId::host) | http::bit_of(http::FieldId::other)));
}

TEST_CASE("nothing there is not yet a request, and changes nothing") {
  Request request;
  CHECK(request("").status == DecodeStatus::need_more);
  CHECK(request.scanned == 0);
  CHECK(request("\r\n").status == DecodeStatus::need_more);
  CHECK(request("\r\n" + plain).consumed == plain.size() + 2);
}

TEST_CASE("limits are exact, and empty lines in front do not count") {
  Request request;
  request.limits.head_bytes = plain.size();
  CHECK(request("\r\n\r\n" + plain).status == DecodeStatus::complete);
  request.limits.head_bytes = plain.size() - 1;
  request.scanned = 0;
  const auto result = request(plain);
  CHECK(result.status == DecodeStatus::rejected);
  CHECK(result.reason == http::Reason::head_too_large);
}

TEST_CASE("field and target limits are those given") {
  Request request;
  request.limits.fields = 1;
  CHECK(request(plain).reason == http::Reason::too_many_fields);
  request.limits = {};
  request.limits.target_bytes = 2;
  CHECK(request(plain).status == DecodeStatus::complete);
  request.limits.target_bytes = 1;
  request.scanned = 0;
  CHECK(request(plain).reason == http::Reason::target_too_long);
}

TEST_CASE("a limit above the table's size is the table's size") {
  Request request;
  request.limits.fields = 100'000;
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (std::size_t i = 1; i < http::max_fields; ++i) text += "X: y\r\n";
  CHECK(request(text + "\r\n").status == DecodeStatus::complete);
  CHECK(request.head.fields.size() == http::max_fields);
  request.scanned = 0;
  CHECK(request(text + "X: y\r\n\r\n").reason == http::Reason::too_many_fields);
}

TEST_CASE("a head left over from the call before has no part in the next") {
  Request request;
  REQUIRE(request("GET http://x?q HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\n"
                  "Upgrade: foo\r\nTransfer-Encoding: chunked\r\n\r\n")
              .status == DecodeStatus::complete);
  CHECK(request.head.target == "/?q");
  CHECK(request.head.upgrade);
  request.scanned = 0;
  REQUIRE(request(plain).status == DecodeStatus::complete);
  CHECK(request.head.authority == "b");
  CHECK(request.head.keep_alive);
  CHECK_FALSE(request.head.upgrade);
  CHECK(request.head.body == http::BodyKind::none);
}

TEST_CASE("garbage is refused on its first bytes") {
  for (const std::string text : {"\x16\x03", "{", "\x80", "(", "GET\x01", "GET /\x01"}) {
    Request request;
    CHECK(request(text).status == DecodeStatus::rejected);
  }
}

TEST_CASE("a fault is told when its line is there, before the head has ended") {
  Request request;
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX One: 1\r\nX-T";
  http1::DecodeResult result{DecodeStatus::need_more};
  std::size_t size = 0;
  while (result.status == DecodeStatus::need_more && size < text.size())
    result = request(text.substr(0, ++size));
  CHECK(result.status == DecodeStatus::rejected);
  CHECK(size <= text.find("X-T"));
}

TEST_CASE("a head that trickles in is read about once a line, not once a byte") {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(4000, 'x') + "\r\n\r\n";
  unsigned reads = 0;
  for (std::size_t size = 2; size <= text.size(); ++size)
    reads += http1::worth_reading(text.data(), size, size - 1) ? 1 : 0;
  CHECK(reads <= 4 + 13);  // four ends of line, and each doubling
  CHECK(reads >= 4);
}

TEST_CASE("a response's body depends on the request's method") {
  std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
  http::FieldTable table;
  http::ResponseHead head;
  for (auto method : {http::Method::get, http::Method::head}) {
    std::size_t scanned = 0;
    const auto result =
        http1::decode_response_head(text.data(), text.size(), {}, scanned, method, table, head);
    REQUIRE(result.status == DecodeStatus::complete);
    CHECK(result.consumed == text.size());
    CHECK(head.content_length == 7);
    CHECK(head.body ==
          (method == http::Method::get ? http::BodyKind::length : http::BodyKind::none));
  }
}

TEST_CASE("a response's limits are its own reason") {
  std::string text = "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n";
  http::FieldTable table;
  http::ResponseHead head;
  http1::HeadLimits limits;
  const auto decode = [&] {
    std::size_t scanned = 0;
    return http1::decode_response_head(text.data(), text.size(), limits, scanned, http::Method::get,
                                       table, head);
  };
  limits.head_bytes = text.size();
  CHECK(decode().status == DecodeStatus::complete);
  limits.head_bytes = text.size() - 1;
  CHECK(decode().reason == http::Reason::response_too_large);
  limits = {};
  limits.fields = 1;
  CHECK(decode().reason == http::Reason::response_too_large);
}
