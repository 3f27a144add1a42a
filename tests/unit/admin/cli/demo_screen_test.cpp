#include "admin/cli/demo_screen.hpp"

#include "admin/cli/json_view.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::cli;

namespace {

DemoView view() {
  DemoView out;
  out.proxy = "http://127.0.0.1:8080";
  out.admin = {"unix:/tmp/x/admin.sock", "http://127.0.0.1:9900"};
  out.commands = {"switchback flip shop --admin /tmp/x/admin.sock"};
  out.traffic.blue = 48;
  out.traffic.green = 2;
  out.traffic.p50_ms = 0.412;
  out.traffic.max_ms = 2.1;
  out.traffic.streams_open = 2;
  out.traffic.total = 1234;
  out.traffic.last_color = "green";
  out.traffic.last_release = "v1.3";
  out.trail = {"blue", "both", "green", "failed", "none"};
  return out;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

}  // namespace

TEST_CASE("a second is named after who answered in it") {
  demo::TrafficSample sample;
  CHECK(second_of(sample) == "none");
  sample.blue = 3;
  CHECK(second_of(sample) == "blue");
  sample.green = 1;
  CHECK(second_of(sample) == "both");
  sample.blue = 0;
  CHECK(second_of(sample) == "green");
  sample.failed = 1;
  CHECK(second_of(sample) == "failed");
}

TEST_CASE("the demo's block says who answers, what failed and what to type") {
  auto shown = view();
  shown.last_flip = parse_object(
      R"({"flip":"01JD0000000000000000000000","kind":"promote","to":"green","to_release":"v1.3",
          "stages_ms":{"switched":0.31}})");
  shown.now_ms = ulid_time_ms("01JD0000000000000000000000").value() + 4000;
  const auto text = joined(render_demo_block(shown, {}));
  CHECK_THAT(text, ContainsSubstring("answering now   GREEN v1.3\n"));
  CHECK_THAT(text, ContainsSubstring(
                       "50 answers in the last second, 2 streams open, p50 0.41 ms, max 2.1 ms"));
  CHECK_THAT(text, ContainsSubstring("failed          0 of 1234 requests\n"));
  CHECK_THAT(text, ContainsSubstring(
                       "last flip       promote to GREEN v1.3, 4 s ago, switched in 0.31 ms\n"));
  CHECK_THAT(text, ContainsSubstring("last minute     B*G!.\n"));
  CHECK_THAT(text, ContainsSubstring("  switchback flip shop --admin /tmp/x/admin.sock\n"));
}

TEST_CASE("the block keeps its height, so that it can be redrawn in place") {
  auto shown = view();
  const auto before = render_demo_block(shown, {}).size();
  shown.traffic.total_failed = 3;
  shown.traffic.last_failure = "HTTP 502";
  shown.last_flip = {{"kind", "rollback"}};
  CHECK(render_demo_block(shown, {}).size() == before);
  CHECK_THAT(joined(render_demo_block(shown, {})), ContainsSubstring("(last: HTTP 502)"));
}

TEST_CASE("rows follow the terminal's width, not the escape sequences") {
  CHECK(rows_of({"", "12345", "1234567890"}, 5) == 4);
  CHECK(rows_of({"\x1b[1;34mBLUE\x1b[0m"}, 4) == 1);
  CHECK(rows_of({"1234567890"}, 0) == 1);
}

TEST_CASE("without a terminal it is one line a second") {
  CHECK(render_demo_line(view()) ==
        "now GREEN v1.3   blue 48/s   green 2/s   failed 0 of 1234   last flip: none yet\n");
}
