#include "proxy/http1/encoder.hpp"

#include <memory>
#include <string>
#include <vector>

#include "proxy/http1/decoder.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;

namespace {

http::Field field(const std::string& name, const std::string& value) {
  return {name.data(),
          value.data(),
          static_cast<std::uint32_t>(value.size()),
          static_cast<std::uint16_t>(name.size()),
          http::field_id(name.data(), name.size()),
          false};
}

template <class Write>
std::string written(Write write) {
  std::string out(8192, '?');
  out.resize(write(out.data(), out.size()));
  // With any less room nothing is told, and nothing is written behind it.
  for (std::size_t room = 0; room < out.size(); ++room) {
    const std::unique_ptr<char[]> small(new char[room]);
    REQUIRE(write(small.get(), room) == 0);
  }
  const std::unique_ptr<char[]> exact(new char[out.size()]);
  REQUIRE(write(exact.get(), out.size()) == out.size());
  return out;
}

std::string request(const http::RequestHead& head, const http1::RequestAdditions& additions) {
  return written([&](char* out, std::size_t room) {
    return http1::write_request_head(out, room, head, additions);
  });
}

std::string response(const http::ResponseHead& head, const http1::ResponseFraming& framing) {
  return written([&](char* out, std::size_t room) {
    return http1::write_response_head(out, room, head, framing);
  });
}

http1::RequestAdditions additions() {
  http1::RequestAdditions out;
  out.client_ip = "2001:db8::1";
  out.scheme = "https";
  return out;
}

struct Decoded {
  http::FieldTable table;
  http::RequestHead head;
  std::string text;
  explicit Decoded(std::string bytes) : text(std::move(bytes)) {
    std::size_t scanned = 0;
    REQUIRE(http1::decode_request_head(text.data(), text.size(), {}, scanned, table, head).status ==
            http1::DecodeStatus::complete);
  }
};

}  // namespace

TEST_CASE("a request is written with what the proxy adds, in this order") {
  const Decoded in(
      "GET /a HTTP/1.1\r\nAccept: */*\r\nHost: b\r\nX-One:1\r\nConnection: x-two\r\n"
      "X-Two: 2\r\nX-Three:  3\r\n\r\n");
  http1::RequestAdditions added = additions();
  added.request_id = "id";
  added.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
  CHECK(request(in.head, added) ==
        "GET /a HTTP/1.1\r\nHost: b\r\nAccept: */*\r\nX-One:1\r\nX-Three: 3\r\n"
        "X-Forwarded-For: 2001:db8::1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n"
        "X-Request-Id: id\r\n"
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n"
        "Via: 1.1 switchback\r\n\r\n");
}

TEST_CASE("fields from elsewhere are written one by one") {
  const std::string names[] = {"X-One", "x-two", "X-Three"}, values[] = {"1", "", "3"};
  std::vector<http::Field> fields;
  for (int i = 0; i < 3; ++i) fields.push_back(field(names[i], values[i]));
  http::RequestHead head;
  head.method_text = "PUT";
  head.target = "/";
  head.authority = "a";
  head.fields = fields;
  CHECK(request(head, additions())
            .rfind("PUT / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nx-two: \r\n"
                   "X-Three: 3\r\nX-Forwarded-For",
                   0) == 0);
}

TEST_CASE("fields that lie close without being lines are not taken for lines") {
  // Name and value next to each other, apart by a byte or two that are not ": ".
  const std::string packed = "x-aAx-b=Bx-c :Cx-d:\tDx-e: E";
  std::vector<http::Field> fields;
  const auto add = [&](std::size_t name, std::size_t value) {
    fields.push_back(
        {packed.data() + name, packed.data() + value, 1, 3, http::FieldId::other, false});
  };
  add(0, 3);
  add(4, 8);
  add(9, 14);
  add(15, 20);
  add(21, 26);
  REQUIRE(packed.substr(21) == "x-e: E");
  http::ResponseHead head;
  head.status = 200;
  head.fields = fields;
  http1::ResponseFraming framing;
  const std::string out = response(head, framing);
  CHECK(out.rfind("HTTP/1.1 200 OK\r\nx-a: A\r\nx-b: B\r\nx-c: C\r\nx-d: D\r\nx-e: E\r\nDate: ",
                  0) == 0);
}

TEST_CASE("a changed value of a decoded head is written in its place") {
  Decoded in("OPTIONS /a HTTP/1.1\r\nHost: b\r\nA: 1\r\nMax-Forwards: 3\r\nC: 3\r\n\r\n");
  const std::string less = "2";
  for (http::Field& entry : in.head.fields) {
    if (entry.id != http::FieldId::max_forwards) continue;
    entry.value_data = less.data();
    entry.value_size = 1;
  }
  CHECK_THAT(request(in.head, additions()),
             ContainsSubstring("\r\nA: 1\r\nMax-Forwards: 2\r\nC: 3\r\n"));
}

TEST_CASE("dropped fields leave no trace, wherever they stand") {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n";
  for (unsigned mask = 0; mask < 16; ++mask) {
    Decoded in(text);
    std::string expected = "GET / HTTP/1.1\r\nHost: a\r\n";
    const char* lines[] = {"A: 1\r\n", "B: 2\r\n", "C: 3\r\n", "D: 4\r\n"};
    for (unsigned i = 0; i < 4; ++i) {
      in.head.fields[i + 1].drop = (mask >> i & 1) != 0;
      if (!in.head.fields[i + 1].drop) expected += lines[i];
    }
    CHECK(request(in.head, additions()).rfind(expected + "X-Forwarded-For", 0) == 0);
  }
}

TEST_CASE("framing is the caller's, whatever came in") {
  const Decoded in("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  http1::RequestAdditions added = additions();
  CHECK(request(in.head, added).find("Content-Length") == std::string::npos);
  added.body = http::BodyKind::length;
  added.content_length = 18446744073709551615u;
  CHECK_THAT(request(in.head, added),
             ContainsSubstring("\r\nContent-Length: 18446744073709551615\r\n"));
  added.body = http::BodyKind::chunked;
  const std::string out = request(in.head, added);
  CHECK_THAT(out, ContainsSubstring("\r\nTransfer-Encoding: chunked\r\n"));
  CHECK(out.find("Content-Length") == std::string::npos);
}

TEST_CASE("tracestate stays with its trace and goes with another") {
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  const Decoded in("GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-" + trace +
                   "-b7ad6b7169203331-01\r\ntracestate: a=b\r\n\r\n");
  http1::RequestAdditions added = additions();
  CHECK_THAT(request(in.head, added), ContainsSubstring("tracestate: a=b\r\n"));
  const std::string same = "00-" + trace + "-00f067aa0ba902b7-01";
  added.traceparent = same;
  std::string out = request(in.head, added);
  CHECK_THAT(out, ContainsSubstring("tracestate: a=b\r\n"));
  CHECK(out.find("b7ad6b7169203331") == std::string::npos);
  const std::string other = "00-11111111111111111111111111111111-00f067aa0ba902b7-01";
  added.traceparent = other;
  out = request(in.head, added);
  CHECK(out.find("tracestate") == std::string::npos);
}

TEST_CASE("the host sent is the one asked for") {
  const Decoded in("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  http1::RequestAdditions added = additions();
  added.host = "server:81";
  const std::string out = request(in.head, added);
  CHECK_THAT(out, ContainsSubstring("\r\nHost: server:81\r\n"));
  CHECK_THAT(out, ContainsSubstring("\r\nX-Forwarded-Host: a\r\n"));
}

TEST_CASE("a response without Date gets one, and never two") {
  http::ResponseHead head;
  head.status = 404;
  head.reason = "Gone Fishing";
  http1::ResponseFraming framing;
  framing.body = http::BodyKind::length;
  framing.content_length = 12;
  framing.close = true;
  const std::string out = response(head, framing);
  CHECK(out.rfind("HTTP/1.1 404 Gone Fishing\r\nDate: ", 0) == 0);
  CHECK_THAT(out, ContainsSubstring(" GMT\r\nContent-Length: 12\r\nConnection: close\r\n\r\n"));
  const std::string name = "Date", value = "then";
  http::Field fields[] = {field(name, value)};
  head.fields = fields;
  const std::string dated = response(head, framing);
  CHECK_THAT(dated, ContainsSubstring("\r\nDate: then\r\n"));
  CHECK(dated.find("Date", dated.find("Date") + 1) == std::string::npos);
}

TEST_CASE("length and coding are never both written, nor where neither may be") {
  http::ResponseHead head;
  head.status = 200;
  http1::ResponseFraming framing;
  framing.body = http::BodyKind::chunked;
  framing.content_length = 5;
  framing.write_content_length = true;
  std::string out = response(head, framing);
  CHECK_THAT(out, ContainsSubstring("Transfer-Encoding: chunked\r\n"));
  CHECK(out.find("Content-Length") == std::string::npos);
  framing.body = http::BodyKind::none;
  CHECK_THAT(response(head, framing), ContainsSubstring("Content-Length: 5\r\n"));
  for (unsigned status : {101u, 204u}) {
    head.status = status;
    CHECK(response(head, framing).find("Content-Length") == std::string::npos);
  }
  head.status = 304;
  CHECK_THAT(response(head, framing), ContainsSubstring("Content-Length: 5\r\n"));
}

TEST_CASE("Trailer is passed on only where trailers can follow") {
  const std::string name = "Trailer", value = "X-Sum";
  http::Field fields[] = {field(name, value)};
  http::ResponseHead head;
  head.status = 200;
  head.fields = fields;
  http1::ResponseFraming framing;
  framing.body = http::BodyKind::chunked;
  CHECK_THAT(response(head, framing), ContainsSubstring("Trailer: X-Sum\r\n"));
  framing.body = http::BodyKind::until_close;
  CHECK(response(head, framing).find("Trailer") == std::string::npos);
}

TEST_CASE("what is said about the connection") {
  http::ResponseHead head;
  head.status = 200;
  http1::ResponseFraming framing;
  CHECK(response(head, framing).find("Connection") == std::string::npos);
  framing.keep_alive_1_0 = true;
  CHECK_THAT(response(head, framing), ContainsSubstring("Connection: keep-alive\r\n"));
  framing.close = true;
  CHECK_THAT(response(head, framing), ContainsSubstring("Connection: close\r\n"));
  const std::string name = "Upgrade", value = "websocket";
  http::Field fields[] = {field(name, value)};
  fields[0].drop = true;
  head.fields = fields;
  CHECK(response(head, framing).find("Upgrade") == std::string::npos);
  head.status = 101;
  framing = {};
  CHECK_THAT(response(head, framing),
             ContainsSubstring("Upgrade: websocket\r\nConnection: upgrade\r\n\r\n"));
}

TEST_CASE("an informational head has neither Date nor framing") {
  const std::string names[] = {"Link", "Content-Length"}, values[] = {"</a>", "0"};
  http::Field fields[] = {field(names[0], values[0]), field(names[1], values[1])};
  http::ResponseHead head;
  head.status = 103;
  head.fields = fields;
  CHECK(written([&](char* out, std::size_t room) {
          return http1::write_informational_head(out, room, head);
        }) == "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
}

TEST_CASE("chunk sizes are hex without zeros in front") {
  char out[18];
  const auto text = [&](std::uint64_t size) {
    return std::string(out, http1::write_chunk_size(out, size));
  };
  CHECK(text(0) == "0\r\n");
  CHECK(text(0x1a2b) == "1a2b\r\n");
  CHECK(text(16) == "10\r\n");
  CHECK(text(~std::uint64_t{0}) == "ffffffffffffffff\r\n");
}

TEST_CASE("an answer of the proxy's own is whole") {
  const auto answer = [](unsigned status, bool close, bool head_only) {
    return written([=](char* out, std::size_t room) {
      return http1::write_own_answer(
          out, room, status, "No server.", "id", {},
          close ? http1::OwnConnection::close : http1::OwnConnection::kept, head_only);
    });
  };
  std::string out = answer(503, true, false);
  CHECK(out.rfind("HTTP/1.1 503 Service Unavailable\r\nDate: ", 0) == 0);
  CHECK_THAT(out, ContainsSubstring("\r\nX-Request-Id: id\r\nRetry-After: 1\r\n"));
  CHECK_THAT(out,
             ContainsSubstring("\r\nContent-Length: 11\r\nConnection: close\r\n\r\nNo server.\n"));
  out = answer(502, false, true);
  CHECK(out.find("Retry-After") == std::string::npos);
  CHECK(out.find("Connection") == std::string::npos);
  CHECK(out.substr(out.size() - 4) == "\r\n\r\n");
  CHECK_THAT(out, ContainsSubstring("Content-Length: 11\r\n"));
}

TEST_CASE("every status the proxy answers with has its phrase") {
  for (unsigned i = 0; i < static_cast<unsigned>(http::Reason::count_); ++i) {
    const unsigned status = http::status_of(static_cast<http::Reason>(i));
    if (status != 0) CHECK_FALSE(http1::reason_phrase(status).empty());
  }
  CHECK(http1::reason_phrase(299).empty());
}
