// Flips, rollbacks and the door over HTTP, against fakes.
#include "tests/support/until.hpp"
#include "tests/unit/admin/api/api_fixture.hpp"

namespace switchback {
namespace {

using test::ApiFixture;
using test::body_of;
using test::problem_code;

TEST_CASE("a flip carries everything to the controller and answers the receipt") {
  ApiFixture f;
  REQUIRE(f.fault == "");
  const auto answer = f.post("/v1/services/shop/flips?wait=drained",
                             R"({"to":"green","reason":"v1.3 is ready","force":false})",
                             {{"If-Match", "\"42\""}, {"Idempotency-Key", "\"k-1\""}});
  CHECK(answer.status == 200);
  CHECK(answer.field("ETag") == "\"43\"");
  CHECK(answer.field("Location") == "/v1/flips/01JDFLIP");
  CHECK_THAT(answer.body, ContainsSubstring("\"switched\":0.5"));  // not 5E-1
  const auto receipt = body_of(answer);
  CHECK(receipt.at("flip").as_string() == "01JDFLIP");
  CHECK(receipt.at("moved").as_bool());
  CHECK(receipt.at("stages_ms").as_object().at("switched").as_double() == 0.5);
  REQUIRE(f.controller.promotes.size() == 1);
  const auto& asked = f.controller.promotes[0];
  CHECK(asked.service == "shop");
  CHECK(asked.to == "green");
  CHECK(asked.reason == "v1.3 is ready");
  CHECK(asked.if_match == 42u);
  CHECK(asked.idempotency_key == "k-1");
  CHECK(asked.wait == release::Wait::drained);
  CHECK_FALSE(asked.force);
  CHECK(asked.actor.auth == "peer");
  CHECK(asked.actor.role == config::Role::admin);
  CHECK_THAT(asked.actor.name, ContainsSubstring("uid "));
}

TEST_CASE("the fingerprint tells bodies apart, not their spelling") {
  ApiFixture f;
  f.post("/v1/services/shop/flips", R"({"to":"green","reason":"x"})");
  f.post("/v1/services/shop/flips", R"({ "reason":"x", "to":"green", "force":false })");
  f.post("/v1/services/shop/flips", R"({"to":"green","reason":"y"})");
  REQUIRE(f.controller.promotes.size() == 3);
  const auto& p = f.controller.promotes;
  CHECK(p[0].request_fingerprint == p[1].request_fingerprint);
  CHECK(p[0].request_fingerprint != p[2].request_fingerprint);
}

TEST_CASE("a bot names whom it acts for; whose key it is does not change") {
  ApiFixture f;
  f.post("/v1/services/shop/flips", R"({"to":"green","on_behalf_of":"dana"})");
  f.post("/v1/services/shop/flips", R"({"to":"green","on_behalf_of":"li"})");
  f.post("/v1/services/shop/rollback", R"({"on_behalf_of":"dana"})");
  REQUIRE(f.controller.promotes.size() == 2);
  REQUIRE(f.controller.rollbacks.size() == 1);
  const auto& first = f.controller.promotes[0];
  CHECK(first.actor.shown() == first.actor.name + " for dana");
  CHECK(first.actor.name == f.controller.promotes[1].actor.name);
  CHECK(first.request_fingerprint != f.controller.promotes[1].request_fingerprint);
  CHECK(f.controller.rollbacks[0].actor.on_behalf_of == "dana");
  for (const char* person : {"\"\"", "\"a\\nb\"", "7"}) {
    INFO(person);
    const auto body = "{\"on_behalf_of\":" + std::string(person) + "}";
    CHECK(f.post("/v1/services/shop/rollback", body).status == 422);
  }
  CHECK(f.post("/v1/services/shop/rollback", "{\"on_behalf_of\":\"" + std::string(65, 'x') + "\"}")
            .status == 422);
}

TEST_CASE("a rollback needs no body") {
  ApiFixture f;
  for (const char* body : {"", "{}", " \n", R"({"reason":"5xx"})"}) {
    CHECK(f.post("/v1/services/shop/rollback", body).status == 200);
  }
  REQUIRE(f.controller.rollbacks.size() == 4);
  CHECK(f.controller.rollbacks[3].reason == "5xx");
  CHECK_FALSE(f.controller.rollbacks[0].to);
}

TEST_CASE("a callback that comes later is waited for, and other calls go on meanwhile") {
  ApiFixture f;
  f.on_io([&] { f.controller.answer.reset(); });
  auto flip = std::async(std::launch::async, [&] {
    return f.post("/v1/services/shop/flips", R"({"to":"green"})").status;
  });
  REQUIRE(test::until([&] { return f.on_io([&] { return f.controller.waiting.size() == 1; }); }));
  CHECK(f.get("/v1/services").status == 200);
  f.on_io([&] {
    const auto done = f.controller.waiting[0];
    done(test::example_receipt());
    done(test::example_receipt());  // a second call changes nothing
  });
  CHECK(flip.get() == 200);
}

TEST_CASE("what the controller refuses is answered as it says") {
  ApiFixture f;
  release::Problem problem;
  problem.status = 409;
  problem.code = "nothing_to_roll_back_to";
  problem.title = "There is nothing to roll back to";
  problem.detail = "shop was never promoted.";
  problem.next = "switchback flip shop --to green";
  problem.exit_code = 22;
  f.on_io([&] { f.controller.answer = problem; });
  const auto answer = f.post("/v1/services/shop/rollback", "");
  CHECK(answer.status == 409);
  CHECK(problem_code(answer) == "nothing_to_roll_back_to");
  const auto body = body_of(answer);
  CHECK(body.at("type").as_string() == "urn:switchback:nothing-to-roll-back-to");
  CHECK(body.at("exit_code").as_int64() == 22);
  CHECK(body.at("next").as_string() == "switchback flip shop --to green");
  CHECK(body.at("instance").as_string() == "/v1/services/shop/rollback");
  CHECK_FALSE(body.at("moved").as_bool());
}

TEST_CASE("switching: traffic moved, some workers lag: 200 with the exit code in it") {
  ApiFixture f;
  auto receipt = test::example_receipt();
  receipt.state = release::FlipState::switching;
  receipt.lagging_workers = {1};
  f.on_io([&] { f.controller.answer = receipt; });
  const auto answer = f.post("/v1/services/shop/flips", R"({"to":"green"})");
  CHECK(answer.status == 200);
  CHECK(body_of(answer).at("exit_code").as_int64() == 34);
  CHECK(body_of(answer).at("state").as_string() == "switching");
}

TEST_CASE("Prefer: respond-async waits for the switch only and answers 202") {
  ApiFixture f;
  const auto answer = f.post("/v1/services/shop/flips?wait=verified", R"({"to":"green"})",
                             {{"Prefer", "handling=strict, respond-async"}});
  CHECK(answer.status == 202);
  CHECK(answer.field("Location") == "/v1/flips/01JDFLIP");
  CHECK(f.controller.promotes.at(0).wait == release::Wait::switched);
}

TEST_CASE("faulty calls are refused by name before the controller hears of them") {
  struct Wrong {
    std::string path, body;
    web::Fields fields;
    unsigned status;
    std::string code, detail;
  };
  const std::string flips = "/v1/services/shop/flips", rollback = "/v1/services/shop/rollback";
  const Wrong all[] = {
      {flips, "", {}, 422, "to_missing", "toggle"},
      {flips, "{}", {}, 422, "to_missing", "toggle"},
      {flips, R"({"to":""})", {}, 422, "to_missing", "toggle"},
      {flips, R"({"too":"green"})", {}, 422, "unknown_field", "did you mean 'to'"},
      {flips, R"({"to":"green","reson":"x"})", {}, 422, "unknown_field", "did you mean 'reason'"},
      {flips, R"({"to":3})", {}, 422, "wrong_type", "'to' has to be a string, not a number"},
      {flips, R"({"to":"green","to":"blue"})", {}, 422, "doubled_field", "'to'"},
      {flips, R"({"to":"green","force":"yes"})", {}, 422, "wrong_type", "'force'"},
      {flips, R"({"to":"green","force":true})", {}, 422, "force_needs_reason", "reason"},
      {flips, R"(["green"])", {}, 422, "wrong_type", "a list"},
      {flips, R"({"to":"green")", {}, 400, "malformed_json", "not JSON"},
      {flips, R"({"to":"green"} x)", {}, 400, "malformed_json", "not JSON"},
      {flips, R"({"to":")" + std::string(300, 'x') + "\"}", {}, 422, "too_long", "256"},
      {flips, R"({"to":"green"})", {{"If-Match", "W/\"42\""}}, 400, "bad_if_match", "ETag"},
      {flips, R"({"to":"green"})", {{"If-Match", "\"42"}}, 400, "bad_if_match", "ETag"},
      {flips, R"({"to":"green"})", {{"Idempotency-Key", "a b"}}, 400, "bad_idempotency_key", "255"},
      {flips,
       R"({"to":"green"})",
       {{"Idempotency-Key", std::string(256, 'k')}},
       400,
       "bad_idempotency_key",
       "255"},
      {flips + "?wait=later", R"({"to":"green"})", {}, 422, "bad_wait", "drained"},
      {flips + "?wiat=drained",
       R"({"to":"green"})",
       {},
       422,
       "unknown_parameter",
       "did you mean 'wait'"},
      {flips + "?wait=drained&wait=switched",
       R"({"to":"green"})",
       {},
       422,
       "doubled_parameter",
       "wait"},
      {rollback, R"({"to":"blue"})", {}, 422, "unknown_field", "reason, force or on_behalf_of"},
      {"/v1/services/shopp/flips", R"({"to":"green"})", {}, 404, "unknown_service", "shopp"},
      {"/v1/services/shop/pause", R"({"max":30})", {}, 422, "wrong_type", "'max'"},
      {"/v1/services/shop/pause", R"({"max":"30"})", {}, 422, "bad_duration", "30s"},
      {"/v1/services/shop/pause", R"({"max":"0s"})", {}, 422, "bad_duration", "10m"},
      {"/v1/services/shop/pause", R"({"max":"11m"})", {}, 422, "bad_duration", "10m"},
      {"/v1/services/shop/resume", R"({"max":"1s"})", {}, 422, "unknown_field", "takes none"},
  };
  ApiFixture f;
  for (const Wrong& wrong : all) {
    INFO(wrong.path << " " << wrong.body << " " << wrong.code);
    const auto answer = f.post(wrong.path, wrong.body, wrong.fields);
    CHECK(answer.status == wrong.status);
    CHECK(problem_code(answer) == wrong.code);
    CHECK_THAT(std::string(body_of(answer).at("detail").as_string()),
               ContainsSubstring(wrong.detail));
    CHECK_FALSE(body_of(answer).at("moved").as_bool());
  }
  CHECK(f.controller.promotes.empty());
  CHECK(f.controller.rollbacks.empty());
  CHECK(f.controller.door.empty());
}

TEST_CASE("pause and resume") {
  ApiFixture f;
  const auto paused = f.post("/v1/services/shop/pause", R"({"max":"2m"})");
  CHECK(paused.status == 200);
  CHECK(body_of(paused).at("paused").as_bool());
  CHECK(body_of(paused).at("max").as_string() == "2m");
  CHECK(f.post("/v1/services/shop/pause", "").status == 200);
  CHECK_FALSE(body_of(f.post("/v1/services/shop/resume", "")).at("paused").as_bool());
  REQUIRE(f.controller.door.size() == 3);
  CHECK_THAT(f.controller.door[0], ContainsSubstring("pause shop 120000 uid"));
  CHECK_THAT(f.controller.door[1], ContainsSubstring("pause shop 30000 uid"));
  f.on_io([&] {
    f.controller.door_problem = release::Problem{409, "not_paused", "t", "d", false, "", 10};
  });
  CHECK(problem_code(f.post("/v1/services/shop/resume", "")) == "not_paused");
}

TEST_CASE("the server goes down while a flip waits, and nothing is touched afterwards") {
  auto f = std::make_unique<ApiFixture>();
  f->on_io([&] { f->controller.answer.reset(); });
  auto flip = std::async(std::launch::async, [&, target = ApiFixture::target(f->socket)] {
    web::Client client(target);
    return client
        .call({.method = "POST", .target = "/v1/services/shop/rollback"}, std::chrono::seconds(20))
        .failure;
  });
  REQUIRE(test::until([&] { return f->on_io([&] { return f->controller.waiting.size() == 1; }); }));
  f->on_io([&] { f->server->stop(); });
  CHECK(flip.get() == web::Failure::answer_lost);
  f->on_io([&] { f->controller.waiting[0](test::example_receipt()); });
  f.reset();
}

}  // namespace
}  // namespace switchback
