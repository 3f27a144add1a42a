// What `switchback mirror` says.
#include "admin/cli/render_mirror.hpp"

#include "admin/cli/json_view.hpp"
#include "tests/support/catch.hpp"

using namespace switchback::cli;

namespace {

const char* mirror_text = R"({"service":"shop","percent":10,"in_flight":2,"standby":"green",
  "active":"blue","releases":{"active":"v1.2","standby":"v1.3"},"epoch":7,
  "since":"2026-11-22T19:00:00.500Z","sampled":10100,"copies":10004,
  "not_copied":{"method":96,"body":0},"compared":10000,
  "results":{"equal":9990,"status":8,"header":0,"body":2,"copy_failed":3,"original_failed":0,"dropped":1},
  "failures":{"connect":1,"timeout":2},"dropped":{"client_gone":1},"slower":4,"bytes":1,
  "headers":{"Content-Type":0},
  "latency_ms":{"active":{"p50":3.8,"p90":6,"p99":9.2},"standby":{"p50":4.1,"p90":7,"p99":12}},
  "samples":[{"at":"2026-11-22T19:00:30.500Z","method":"GET","target":"/cart","request_id":"01J",
    "result":"status","slower":false,"status":{"active":200,"standby":500},
    "bytes":{"active":812,"standby":21},"hash":{"active":"a","standby":"b"},
    "latency_ms":{"active":3.1,"standby":4}},
   {"at":"2026-11-22T19:00:29.500Z","method":"GET","target":"/\u001b[31m","request_id":"01K",
    "result":"copy_failed","cause":"timeout","slower":false,"status":{"active":200,"standby":null},
    "bytes":{"active":null,"standby":null},"hash":{"active":null,"standby":null},
    "latency_ms":{"active":3.1,"standby":null}}]})";

const std::int64_t now = *rfc3339_ms("2026-11-22T19:01:00.500Z");

}  // namespace

TEST_CASE("a run in few lines, worst things named") {
  CHECK(render_mirror(parse_object(mirror_text), {}, now, 5) ==
        "shop   10 % of requests copied to GREEN v1.3, compared with BLUE v1.2   (begun 60 s ago)\n"
        "  10,000 compared: 9,990 equal, 8 status, 2 body\n"
        "  first byte: green p50 4.1 ms, p99 12 ms against blue p50 3.8 ms, p99 9.2 ms; 4 much "
        "slower\n"
        "  3 FAILED on GREEN: 2 timeout, 1 connect\n"
        "  not compared: 1 client gone\n"
        "  not copied: 96 method\n"
        "  newest differences:\n"
        "    status   GET /cart   30 s ago\n"
        "      blue 200, 812 bytes, 3.1 ms   green 500, 21 bytes, 4.0 ms   id 01J\n"
        "    copy failed: timeout   GET / [31m   31 s ago\n"
        "      blue 200, 3.1 ms   green no answer   id 01K\n");
}

TEST_CASE("as many samples as asked for") {
  const auto text = render_mirror(parse_object(mirror_text), {}, now, 1);
  CHECK_THAT(text, ContainsSubstring("/cart"));
  CHECK_THAT(text, !ContainsSubstring("timeout   GET"));
  CHECK_THAT(render_mirror(parse_object(mirror_text), {}, now, 0), !ContainsSubstring("newest"));
}

TEST_CASE("off, and on with nothing yet") {
  CHECK_THAT(render_mirror(parse_object(R"({"service":"shop","percent":0})"), {}, 0, 5),
             ContainsSubstring("mirroring is off"));
  CHECK_THAT(
      render_mirror(parse_object(R"({"service":"shop","percent":1,"compared":0})"), {}, 0, 5),
      ContainsSubstring("nothing compared yet"));
  CHECK_THAT(render_mirror(
                 parse_object(
                     R"({"service":"shop","percent":1,"compared":1200,"results":{"equal":1200}})"),
                 {}, 0, 5),
             ContainsSubstring("1,200 compared: all equal"));
}

TEST_CASE("one line of status, where there is mirroring") {
  CHECK(render_mirror_line(parse_object(R"({"service":"shop","mirror":null})")).empty());
  CHECK(
      render_mirror_line(parse_object(
          R"({"service":"shop","mirror":{"percent":5,"standby":"green","compared":1000,"equal":998,
                "copy_failed":1}})")) ==
      "  mirror         5 % to GREEN: 1,000 compared, 2 differ, 1 failed   (switchback mirror "
      "shop)\n");
}

TEST_CASE("times and numbers") {
  CHECK(rfc3339_ms("1970-01-01T00:00:01.250Z") == 1250);
  CHECK(rfc3339_ms("2000-03-01T00:00:00Z") == 951868800000);
  CHECK_FALSE(rfc3339_ms("yesterday"));
  CHECK_FALSE(rfc3339_ms("2000-13-01T00:00:00Z"));
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(1234567) == "1,234,567");
}
