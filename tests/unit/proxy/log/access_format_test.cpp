#include <boost/json.hpp>

#include "proxy/log/access_log.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using log::AccessRecord;

namespace {

AccessRecord full() {
  AccessRecord r;
  r.wall_us = 1795356127'123456;  // 2026-11-22T14:02:07.123456Z
  r.wait_ns = 1'500'000;
  r.connect_ns = 250'999;
  r.first_byte_ns = 12'000'000;
  r.total_ns = 1'234'567'890;
  r.bytes_in = 5;
  r.bytes_out = 1024;
  r.epoch = 42;
  r.status = 502;
  r.retries = 1;
  r.has_color = true;
  r.color = Color::green;
  r.reason = http::Reason::connect_refused;
  r.traffic_class = "request";
  r.client = "192.0.2.7";
  r.method = "GET";
  r.host = "shop.example.com";
  r.target = "/a?b=c";
  r.service = "shop";
  r.server = "10.0.0.7:9000";
  r.request_id = "01J";
  r.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  r.user_agent = "curl/8";
  r.referer = "https://x/";
  r.detail = "connect: Connection refused";
  return r;
}

std::string json(const AccessRecord& r) {
  std::string out;
  log::format_json(r, out);
  return out;
}
std::string text(const AccessRecord& r) {
  std::string out;
  log::format_text(r, out);
  return out;
}

// The target as a reader of the JSON gets it.
std::string read_back(std::string_view target) {
  AccessRecord r;
  r.target = target;
  const auto value = boost::json::parse(json(r));  // checks UTF-8, too
  return std::string(value.at("target").as_string());
}

}  // namespace

TEST_CASE("a full record as JSON") {
  CHECK(json(full()) ==
        R"({"time":"2026-11-22T14:02:07.123456Z","client":"192.0.2.7","method":"GET",)"
        R"("host":"shop.example.com","target":"/a?b=c","protocol":"HTTP/1.1","status":502,)"
        R"("service":"shop","color":"green","epoch":42,"server":"10.0.0.7:9000","class":"request",)"
        R"("retries":1,"bytes_in":5,"bytes_out":1024,"wait_ms":1.500,"connect_ms":0.250,)"
        R"("first_byte_ms":12.000,"total_ms":1234.567,"request_id":"01J",)"
        R"("trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","reason":"connect_refused",)"
        R"("detail":"connect: Connection refused","user_agent":"curl/8","referer":"https://x/"})");
}

TEST_CASE("what a record does not have is left out") {
  AccessRecord r;
  r.minor_version = 0;
  r.total_ns = -1;
  CHECK(json(r) ==
        R"({"time":"1970-01-01T00:00:00.000000Z","protocol":"HTTP/1.0","status":0,"retries":0,)"
        R"("bytes_in":0,"bytes_out":0,"wait_ms":0.000,"connect_ms":0.000,"first_byte_ms":0.000,)"
        R"("total_ms":0.000})");
}

TEST_CASE("JSON keeps good UTF-8 and replaces bad bytes, one by one") {
  const std::string bad = "\xEF\xBF\xBD";  // U+FFFD
  CHECK(read_back("/\"q\"\\\n\r\t\b\x01\x7f") == "/\"q\"\\\n\r\t\b\x01\x7f");
  CHECK(read_back(std::string("a\0b", 3)) == std::string("a\0b", 3));
  CHECK(read_back("/ü/€/😀") == "/ü/€/😀");
  CHECK(read_back("\x80") == bad);
  CHECK(read_back("a\xff\xfe z") == "a" + bad + bad + " z");
  CHECK(read_back("\xc0\xaf") == bad + bad);                      // overlong "/"
  CHECK(read_back("\xe0\x9f\xbf") == bad + bad + bad);            // overlong
  CHECK(read_back("\xed\xa0\x80") == bad + bad + bad);            // surrogate
  CHECK(read_back("\xf4\x90\x80\x80") == bad + bad + bad + bad);  // above U+10FFFF
  CHECK(read_back("\xf0\x8f\xbf\xbf") == bad + bad + bad + bad);
  CHECK(read_back("\xe2\x82") == bad + bad);  // cut off at the end
  CHECK(read_back("\xc3") == bad);
  CHECK(read_back("\xc3(") == bad + "(");
  CHECK(read_back("\xf4\x8f\xbf\xbf") == "\xf4\x8f\xbf\xbf");  // U+10FFFF itself
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const char pair[] = {static_cast<char>(a), static_cast<char>(b)};
      AccessRecord r;
      r.target = {pair, 2};
      boost::system::error_code ec;
      boost::json::parse(json(r), ec);
      REQUIRE(!ec);
    }
  }
}

TEST_CASE("combined log format cannot be broken out of") {
  CHECK(text(full()) ==
        "192.0.2.7 - - [22/Nov/2026:14:02:07 +0000] \"GET /a?b=c HTTP/1.1\" 502 1024 "
        "\"https://x/\" \"curl/8\"");
  AccessRecord r;
  r.method = "GET";
  r.target = "/\" 200\n\x80";
  CHECK(text(r) ==
        "- - - [01/Jan/1970:00:00:00 +0000] \"GET /\\x22 200\\x0A\\x80 HTTP/1.1\" 0 0 \"-\" \"-\"");
  CHECK(text({}) == "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 0 0 \"-\" \"-\"");
}

TEST_CASE("times before 1970 and leap days") {
  AccessRecord r;
  r.wall_us = -1;
  CHECK_THAT(json(r), ContainsSubstring("1969-12-31T23:59:59.999999Z"));
  r.wall_us = 1709164800'000001;
  CHECK_THAT(json(r), ContainsSubstring("2024-02-29T00:00:00.000001Z"));
}
