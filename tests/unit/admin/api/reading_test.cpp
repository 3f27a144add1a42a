// What the API shows, over real sockets, against fakes.
#include "admin/events/receipt_json.hpp"
#include "tests/unit/admin/api/api_fixture.hpp"

namespace switchback {
namespace {

using test::ApiFixture;
using test::body_of;
using test::problem_code;
namespace json = boost::json;

TEST_CASE("a service in its fixed shape") {
  ApiFixture f;
  REQUIRE(f.fault == "");
  const auto answer = f.get("/v1/services/shop");
  CHECK(answer.status == 200);
  CHECK(answer.field("ETag") == "\"42\"");
  CHECK(answer.field("Content-Type") == "application/json");
  CHECK(answer.field("Cache-Control") == "no-store");
  const auto want = json::parse(R"({
    "service":"shop","active":"blue","epoch":42,"releases":{"blue":"v1.2","green":"v1.3"},
    "paused":false,"waiting":0,
    "pools":{
      "blue":{"draining":false,"panic":false,"in_flight":{"request":3,"stream":2,"tunnel":1},
        "connections_per_server":0,"waiting":0,"servers":[
        {"address":"127.0.0.1:9001","healthy":true,"health":"healthy","weight":1,"share":0,
         "in_flight":6,"connections":0,"ejected_ms":0,"ejection":"","ejections":0,
         "failures":0,"last_failure":"","reason":""}],"names":[]},
      "green":{"draining":false,"panic":false,"in_flight":{"request":0,"stream":0,"tunnel":0},
        "connections_per_server":0,"waiting":0,"servers":[
        {"address":"127.0.0.1:9101","healthy":false,"health":"failing","weight":2,"share":0,
         "in_flight":0,"connections":0,"ejected_ms":0,"ejection":"","ejections":0,"failures":0,"last_failure":"",
         "reason":"status 500 <b>"}],"names":[]}},
    "rollback_target":null,"last_flip":null,"mirror":null,"alarms":[]})");
  CHECK(json::value(body_of(answer)) == want);
}

TEST_CASE("what mirroring has found, with its newest differences") {
  ApiFixture f;
  CHECK(body_of(f.get("/v1/services/shop/mirror")) ==
        json::parse(R"({"service":"shop","percent":0,"in_flight":0})").as_object());
  f.on_io([&] {
    mirror::View& view = f.plane.mirror;
    view.percent = 10;
    view.releases = {"v1.2", "v1.3"};
    view.epoch = 42;
    view.run.sampled = 30;
    view.run.copies = 20;
    view.run.skipped[0] = 10;
    view.run.ended = {14, 1, 2, 3, 0, 0, 0};
    view.headers = {{"Content-Type", 0}, {"ETag", 2}};
    mirror::Sample sample{};
    sample.verdict = mirror::Verdict::header;
    sample.header = 1;
    sample.status[0] = 200;
    sample.target_size = static_cast<std::uint16_t>(mirror::put(sample.target, "/a\xff\n\""));
    sample.hash[1] = 0xabc;
    view.samples = {sample};
  });
  const auto answer = f.get("/v1/services/shop/mirror");
  CHECK(answer.status == 200);
  const auto body = body_of(answer);
  CHECK(body.at("standby").as_string() == "green");
  CHECK(body.at("releases").as_object().at("standby").as_string() == "v1.3");
  CHECK(body.at("compared").to_number<int>() == 20);
  CHECK(body.at("results").as_object().at("body").to_number<int>() == 3);
  CHECK(body.at("not_copied").as_object().at("method").to_number<int>() == 10);
  CHECK(body.at("latency_ms").as_object().at("standby").is_null());
  const auto& sample = body.at("samples").as_array().at(0).as_object();
  CHECK(sample.at("header").as_string() == "ETag");
  CHECK(sample.at("target").as_string() == "/a\\xff\\x0a\"");
  CHECK(sample.at("status").as_object().at("standby").is_null());
  CHECK(sample.at("hash").as_object().at("standby").as_string() == "0000000000000abc");
  const auto shop = body_of(f.get("/v1/services/shop"));
  CHECK(shop.at("mirror").as_object().at("equal").to_number<int>() == 14);
  CHECK(f.get("/v1/services/nobody/mirror").status == 404);
}

TEST_CASE("all services, alarms, last flip and rollback target") {
  ApiFixture f;
  f.on_io([&] {
    f.controller.receipts = {test::example_receipt()};
    f.controller.target = Color::blue;
    f.events.alarms.raise("ledger_unwritable", "disk full");
  });
  const auto body = body_of(f.get("/v1/services"));
  const auto& shop = body.at("services").as_array().at(0).as_object();
  CHECK(shop.at("rollback_target").as_string() == "blue");
  CHECK(shop.at("last_flip").as_object().at("flip").as_string() == "01JDFLIP");
  const auto& alarm = body.at("alarms").as_array().at(0).as_object();
  CHECK(alarm.at("code").as_string() == "ledger_unwritable");
  CHECK(alarm.at("text").as_string() == "disk full");
  CHECK(std::string(alarm.at("since").as_string()) ==
        f.on_io([&] { return events::rfc3339(f.events.alarms.standing().at(0).since_wall_us); }));
}

TEST_CASE("flips: by service, by kind, so many; one by its id") {
  ApiFixture f;
  f.on_io([&] {
    for (int i = 0; i < 4; ++i) {
      auto receipt = test::example_receipt();
      receipt.flip = "F" + std::to_string(i);
      receipt.kind = i % 2 ? release::FlipKind::rollback : release::FlipKind::promote;
      f.controller.receipts.push_back(receipt);
    }
  });
  const auto count = [&](const std::string& path) {
    return body_of(f.get(path)).at("flips").as_array().size();
  };
  CHECK(count("/v1/services/shop/flips") == 4);
  CHECK(count("/v1/flips") == 4);
  CHECK(count("/v1/flips?limit=3") == 3);
  CHECK(count("/v1/flips?kind=rollback") == 2);
  CHECK(count("/v1/flips?kind=promote&limit=1") == 1);
  CHECK(count("/v1/flips?kind=drill") == 0);
  CHECK(problem_code(f.get("/v1/flips?kind=sideways")) == "bad_kind");
  for (const char* limit : {"0", "-1", "1001", "x", ""}) {
    CHECK(problem_code(f.get("/v1/flips?limit=" + std::string(limit))) == "bad_limit");
  }
  CHECK(body_of(f.get("/v1/flips/F2")).at("flip").as_string() == "F2");
  const auto missing = f.get("/v1/flips/F9");
  CHECK(missing.status == 404);
  CHECK(problem_code(missing) == "unknown_flip");
  CHECK(problem_code(f.get("/v1/services/nope/flips")) == "unknown_service");
}

TEST_CASE("an unknown path is 404 with what may have been meant; a wrong method 405 with Allow") {
  ApiFixture f;
  const auto near_of = [&](const std::string& path) {
    const auto answer = f.get(path);
    INFO(path << answer.body);
    CHECK(answer.status == 404);
    CHECK(problem_code(answer) == "unknown_path");
    const auto body = body_of(answer);
    std::string all;
    for (const auto& near : body.at("near").as_array()) all += std::string(near.as_string()) + " ";
    return all;
  };
  CHECK_THAT(near_of("/v1/service"), ContainsSubstring("/v1/services "));
  CHECK_THAT(near_of("/v1/services/"), ContainsSubstring("/v1/services "));
  CHECK_THAT(near_of("/services"), ContainsSubstring("/v1/services "));
  CHECK_THAT(near_of("/v1/services/shop/rolback"),
             ContainsSubstring("/v1/services/shop/rollback "));
  CHECK_THAT(near_of("/metric"), ContainsSubstring("/metrics "));
  CHECK_FALSE(near_of("/" + std::string(500, 'x')).empty());
  const auto wrong = f.call({.method = "DELETE", .target = "/v1/services/shop/flips"});
  CHECK(wrong.status == 405);
  CHECK(problem_code(wrong) == "method_not_allowed");
  CHECK(wrong.field("Allow") == "POST, GET, HEAD");
  CHECK(f.get("/v1/services/shop/rollback").field("Allow") == "POST");
  CHECK(f.call({.method = "HEAD", .target = "/v1/services"}).status == 200);
}

TEST_CASE("an unknown service names those there are") {
  ApiFixture f;
  const auto answer = f.get("/v1/services/shopp");
  CHECK(answer.status == 404);
  CHECK(problem_code(answer) == "unknown_service");
  CHECK(body_of(answer).at("services").as_array().at(0).as_string() == "shop");
}

TEST_CASE("healthz and readyz") {
  ApiFixture f;
  CHECK(f.get("/healthz").body == "ok\n");
  CHECK(f.get("/readyz").status == 200);
  f.on_io([&] { f.plane.views[0].active = Color::green; });  // whose server fails its check
  const auto answer = f.get("/readyz");
  CHECK(answer.status == 503);
  CHECK_THAT(answer.body, ContainsSubstring("service shop") && ContainsSubstring("green"));
  f.on_io([&] { f.plane.views[0].pools[1].servers[0].health = upstream::Health::unknown; });
  CHECK(f.get("/readyz").status == 200);
  f.on_io([&] { f.plane.views[0].pools[1].servers.clear(); });
  CHECK(f.get("/readyz").status == 503);
}

TEST_CASE("whoami") {
  ApiFixture f;
  const auto body = body_of(f.get("/v1/whoami"));
  CHECK(body.at("role").as_string() == "admin");
  CHECK(body.at("auth").as_string() == "peer");
  CHECK(body.at("may").as_array().size() == 4);
  const auto local = body_of(f.get("/v1/whoami", true));
  CHECK(local.at("role").as_string() == "read");
  CHECK(local.at("auth").as_string() == "loopback");
}

TEST_CASE("metrics count the switches that are announced") {
  ApiFixture f;
  f.on_io([&] {
    using events::FlipKind;
    using events::FlipStep;
    auto& stream = f.events.stream;
    stream.emit(test::flip_event(FlipStep::switched, FlipKind::promote));
    stream.emit(test::flip_event(FlipStep::switched, FlipKind::rollback));
    stream.emit(test::flip_event(FlipStep::drained, FlipKind::promote));
    stream.emit(test::flip_event(FlipStep::switched, FlipKind::promote));
  });
  const auto answer = f.get("/metrics");
  CHECK(answer.field("Content-Type").starts_with("text/plain; version=0.0.4"));
  CHECK_THAT(answer.body,
             ContainsSubstring("switchback_flips_total{service=\"shop\",kind=\"promote\"} 2\n"));
  CHECK_THAT(answer.body,
             ContainsSubstring("switchback_flips_total{service=\"shop\",kind=\"rollback\"} 1\n"));
  CHECK_THAT(answer.body, ContainsSubstring("switchback_admin_connections 1\n"));
}

TEST_CASE("the status page shows what counts and lets nothing through") {
  ApiFixture f;
  f.on_io([&] {
    f.controller.receipts = {test::example_receipt()};
    f.controller.target = Color::green;
    f.events.alarms.raise("state_not_durable", "a <script> in it");
  });
  const auto answer = f.get("/");
  CHECK(answer.field("Content-Type") == "text/html; charset=utf-8");
  CHECK_THAT(std::string(answer.field("Content-Security-Policy")),
             ContainsSubstring("default-src 'none'"));
  for (const char* shown :
       {"<pre>switchback rollback shop</pre>", "127.0.0.1:9101", "failing", "v1.3",
        "http-equiv=\"refresh\"", "status 500 &lt;b&gt;", "&lt;try it&gt;",
        "a &lt;script&gt; in it", "color-scheme:light dark"}) {
    INFO(shown);
    CHECK_THAT(answer.body, ContainsSubstring(shown));
  }
  CHECK(answer.body.find("<script") == std::string::npos);
}

TEST_CASE("one clear line when an address cannot be had") {
  ApiFixture first;
  config::Admin admin;
  admin.socket = first.socket;
  boost::asio::io_context io(1);
  api::AdminServer second(io, admin, first.controller, first.events, first.plane);
  const auto fault = second.start();
  CHECK_THAT(fault, ContainsSubstring("admin.socket") && ContainsSubstring(first.socket));
  CHECK(fault.find('\n') == std::string::npos);
}

}  // namespace
}  // namespace switchback
