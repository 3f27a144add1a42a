#include "admin/cli/render.hpp"

#include "admin/cli/json_view.hpp"
#include "admin/cli/render_bake.hpp"
#include "tests/support/catch.hpp"

using namespace switchback::cli;

namespace {

constexpr const char* flip_id = "01JD0000000000000000000000";

constexpr const char* receipt_text = R"json({
  "flip":"01JD0000000000000000000000","kind":"promote","service":"shop","from":"blue","to":"green",
  "from_release":"v1.2","to_release":"v1.3","epoch":43,"actor":"uid 0 (root)","reason":"release 1.3",
  "state":"drained","moved":true,"already":false,"durable":true,
  "stages_ms":{"decided":0.08,"persisted":0.61,"switched":0.94,"first_new":3.1,"last_old":182.4,"drained":2312},
  "counts":{"request":{"accepted":14,"completed":13,"failed":0,"client_gone":1,"moved":0,"forced":0,"in_flight":0,"retried":0},
            "stream":{"accepted":2,"completed":1,"failed":0,"client_gone":0,"moved":0,"forced":1,"in_flight":0,"retried":0},
            "tunnel":{"accepted":0,"completed":0,"failed":0,"client_gone":0,"moved":0,"forced":0,"in_flight":0,"retried":0}},
  "warnings":[]})json";

constexpr const char* service_text = R"({
  "service":"shop","active":"green","epoch":43,"releases":{"blue":"v1.2","green":"v1.3"},
  "pools":{
    "blue":{"draining":true,"in_flight":{"request":0,"stream":1,"tunnel":2},
            "servers":[{"address":"127.0.0.1:9001","healthy":true,"in_flight":3,"reason":""}]},
    "green":{"draining":false,"in_flight":{"request":12,"stream":0,"tunnel":0},
            "servers":[{"address":"127.0.0.1:9101","healthy":true,"in_flight":12,"reason":""},
                       {"address":"127.0.0.1:9102","healthy":false,"in_flight":0,"reason":"connect: Connection refused"}]}}})";

json::object with(const char* text, const char* key, json::value value) {
  auto object = parse_object(text);
  object[key] = std::move(value);
  return object;
}

}  // namespace

TEST_CASE("times are written as people read them") {
  CHECK(format_ms(0.081) == "0.08 ms");
  CHECK(format_ms(3.14) == "3.1 ms");
  CHECK(format_ms(182.4) == "182 ms");
  CHECK(format_ms(2312) == "2.3 s");
  CHECK(format_ms(185'000) == "3 min 5 s");
  CHECK(format_age(-5) == "just now");
  CHECK(format_age(40'000) == "40 s ago");
  CHECK(format_age(200'000) == "3 min ago");
  CHECK(format_age(3 * 3'600'000) == "3 h ago");
  CHECK(format_age(3 * 86'400'000) == "3 d ago");
  CHECK(format_count(1, "request") == "1 request");
  CHECK(format_count(0, "request") == "0 requests");
}

TEST_CASE("a ULID tells when it was made") {
  CHECK(ulid_time_ms("01ARZ3NDEKTSV4RRFFQ69G5FAV") == 1469922850259);
  CHECK(!ulid_time_ms("too short"));
  CHECK(!ulid_time_ms("01ARZ3NDE!TSV4RRFFQ69G5FAV"));
}

TEST_CASE("status names the active side, the health and the last flip") {
  auto service = parse_object(service_text);
  service["last_flip"] = parse_object(receipt_text);
  const auto now = ulid_time_ms(flip_id).value() + 65'000;
  CHECK(render_service(service, {}, now) ==
        "shop   GREEN v1.3 is active   (epoch 43)\n"
        "  BLUE v1.2      standby  1 of 1 server healthy   draining   in flight: 1 stream, 2 "
        "tunnels\n"
        "  GREEN v1.3     ACTIVE   1 of 2 servers healthy   in flight: 12 requests\n"
        "          127.0.0.1:9102  NOT HEALTHY: connect: Connection refused\n"
        "  last flip      promote BLUE v1.2 -> GREEN v1.3, 65 s ago by uid 0 (root): \"release "
        "1.3\"\n");
}

TEST_CASE("status of a service that was never flipped, and of one that is paused") {
  CHECK_THAT(render_service(parse_object(service_text), {}, 0), ContainsSubstring("none yet"));
  auto paused = with(service_text, "paused", true);
  paused["waiting"] = 7;
  CHECK_THAT(
      render_service(paused, {}, 0),
      ContainsSubstring("PAUSED: 7 requests waiting at the door; open it: switchback resume shop"));
}

TEST_CASE("a pool without servers says so") {
  auto service = parse_object(service_text);
  service["pools"].as_object()["blue"].as_object()["servers"] = json::array();
  CHECK_THAT(render_service(service, {}, 0),
             ContainsSubstring("BLUE v1.2      standby  no servers"));
}

TEST_CASE("a flip is told stage by stage, and ends with where traffic is and how to go back") {
  const auto receipt = parse_object(receipt_text);
  CHECK(render_flip_opening(receipt, {}) == "shop: promote BLUE v1.2 -> GREEN v1.3   (epoch 43)\n");
  CHECK(render_new_stages({}, receipt, {}) ==
        "  decided   0.08 ms\n"
        "  persisted 0.61 ms\n"
        "  switched  0.94 ms     every worker sends new requests to GREEN\n"
        "  first new 3.1 ms      first answer from GREEN\n"
        "  last old  182 ms      last request on BLUE ended\n"
        "  drained   2.3 s       nothing is left on BLUE\n");
  CHECK(render_flip_closing(receipt, {}) ==
        "  was on BLUE: 14 requests: 13 completed, 1 client gone\n"
        "  was on BLUE: 2 streams: 1 completed, 1 forced\n"
        "Traffic moved: GREEN v1.3 is active.\n"
        "  to go back: switchback rollback shop\n");
}

TEST_CASE("only stages that are new are shown") {
  const auto receipt = parse_object(receipt_text);
  auto before = receipt;
  before["stages_ms"] = {{"decided", 0.08}, {"persisted", 0.61}, {"switched", 0.94}};
  const auto text = render_new_stages(before, receipt, {});
  CHECK(text.find("switched") == std::string::npos);
  CHECK_THAT(text, ContainsSubstring("first new"));
  CHECK(render_new_stages(receipt, receipt, {}).empty());
}

TEST_CASE("a flip that is not on disk, or not through every worker, says so") {
  CHECK_THAT(render_flip_closing(with(receipt_text, "durable", false), {}),
             ContainsSubstring("NOT WRITTEN to disk yet"));
  auto lagging = with(receipt_text, "state", "switching");
  lagging["lagging_workers"] = {0, 3};
  const auto text = render_flip_closing(lagging, {});
  CHECK_THAT(text, ContainsSubstring("Traffic is MOVING to GREEN v1.3"));
  CHECK_THAT(text, ContainsSubstring("have not passed yet: 0 3\n"));
  CHECK(text.find("Traffic moved") == std::string::npos);
}

TEST_CASE("a second press says that there was nothing to do") {
  CHECK(render_already(parse_object(receipt_text), {}) ==
        "shop: GREEN v1.3 is active already. Nothing to do; traffic did not move.\n");
}

TEST_CASE("a refusal says that traffic did not move, and what to type") {
  const auto problem = parse_object(
      R"({"title":"green has no healthy server","detail":"127.0.0.1:9101: connect: Connection refused",
          "code":"standby_unfit","moved":false,"next":"switchback flip shop --to green --force 'why'"})");
  CHECK(render_problem(problem, {}, "BLUE v1.2") ==
        "refused: green has no healthy server\n"
        "  127.0.0.1:9101: connect: Connection refused\n"
        "  Traffic did not move; BLUE v1.2 stays active.\n"
        "  next: switchback flip shop --to green --force 'why'\n");
  Style elsewhere;
  elsewhere.admin_flag = " --admin /tmp/a.sock";
  CHECK_THAT(render_problem(problem, elsewhere),
             ContainsSubstring("--force 'why' --admin /tmp/a.sock\n"));
  CHECK_THAT(render_problem({{"title", "x"}, {"moved", true}}, {}),
             ContainsSubstring("Traffic DID move"));
}

TEST_CASE("history tells what was lost") {
  const auto now = ulid_time_ms(flip_id).value() + 5000;
  CHECK(render_history({parse_object(receipt_text)}, {}, now) ==
        "5 s ago      shop  promote BLUE v1.2 -> GREEN v1.3  in 0.94 ms  drained  1 cut  by uid 0 "
        "(root): "
        "\"release 1.3\"\n             01JD0000000000000000000000\n");
  CHECK(render_history({}, {}, now) == "no flips yet\n");
}

TEST_CASE("what others wrote cannot steer the terminal") {
  const auto evil = with(receipt_text, "reason", "a\x1b[2Jb\nc");
  const auto text = render_history({evil}, {}, 0);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK_THAT(text, ContainsSubstring("a [2Jb c"));
}

TEST_CASE("colors only underline what words say") {
  Style style;
  style.color = true;
  CHECK(side(style, "blue", "v1.2") == "\x1b[1;34mBLUE v1.2\x1b[0m");
  CHECK(side({}, "blue", "v1.2") == "BLUE v1.2");
  CHECK(side({}, "green", "") == "GREEN");
}

TEST_CASE("answers of another version do not break the reader") {
  CHECK(render_services({}, {}, 0) == "no services\n");
  CHECK_NOTHROW(render_service({}, {}, 0));
  CHECK_NOTHROW(render_flip_closing({}, {}));
  CHECK_NOTHROW(render_new_stages({}, {{"stages_ms", 7}}, {}));
  CHECK_NOTHROW(render_event("flip.switched", {}, {}));
  CHECK(describe_counts({{"request", "many"}}).empty());
}

TEST_CASE("events are one line each") {
  CHECK(render_event("flip.drained", parse_object(receipt_text), {}) ==
        "flip.drained     shop  promote BLUE v1.2 -> GREEN v1.3  01JD0000000000000000000000  2.3 "
        "s\n");
  CHECK(render_event("paused", {{"service", "shop"}, {"max_ms", 30000}}, {}) ==
        "paused           service=shop max_ms=30000\n");
}

TEST_CASE("what others wrote is shown, and steers no terminal") {
  CHECK(printable("a\x1b[2Jb\x7f") == "a [2Jb ");
  CHECK(printable("a\xc2\x9b"
                  "2Jb") == "a 2Jb");  // U+009B, a CSI to some
  CHECK(printable("a\xe2\x80\xae"
                  "b\xe2\x81\xa6") == "a b ");  // turns the order
  CHECK(printable("caf\xc3\xa9 \xe2\x82\xac") == "caf\xc3\xa9 \xe2\x82\xac");
  auto bake = parse_object(R"({"service":"shop","window":{"open":true,"guards":[
    {"name":"hold","ok":false,"text":"held: dana, \u001b[2J"}]}})");
  CHECK(render_bake(bake, Style{}).find('\x1b') == std::string::npos);
}
