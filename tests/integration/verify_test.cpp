// A flip is proved, or it is not: the built program with a plan.
#include <unistd.h>

#include "tests/integration/instance.hpp"

using namespace switchback::test;

namespace {

// Answers /version with what it is told; "" hangs. Everything else is 200.
class VersionServer {
 public:
  explicit VersionServer(const std::string& version) : version_(version) {
    TestServerOptions options;
    options.raw = [this](RawClient& client) { serve(client); };
    server_ = std::make_unique<TestServer>(std::move(options));
  }
  std::string address() const { return server_->address(); }

 private:
  void serve(RawClient& client) {
    for (;;) {
      std::string head;
      while (head.find("\r\n\r\n") == std::string::npos) {
        const auto more = client.read_some();
        if (more.empty()) return;
        head += more;
      }
      if (head.starts_with("GET /version")) {
        if (version_.empty()) {
          while (!client.read_some().empty()) {
          }
          return;
        }
        const std::string body = "{\"version\":\"" + version_ + "\"}";
        client.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body);
      } else {
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      }
    }
  }
  std::string version_;
  std::unique_ptr<TestServer> server_;
};

InstanceOptions with_plan(const VersionServer& blue, const VersionServer& green,
                          const std::string& more = "", const std::string& deadline = "30s") {
  InstanceOptions options;
  options.blue = {blue.address()};
  options.green = {green.address()};
  options.service_more =
      "    verify:\n      deadline: " + deadline +
      "\n      probes:\n        - {name: health, get: /healthz, expect: {status: 200}}\n"
      "        - {name: version, get: /version, expect: {json: {\"$.version\": "
      "\"${release.version}\"}}, every: 100ms}\n" +
      more;
  return options;
}

std::string verification_state(const boost::json::object& receipt) {
  return std::string(receipt.at("verification").as_object().at("state").as_string());
}

}  // namespace

TEST_CASE("a flip and a rollback are verified, and the receipt says by what") {
  VersionServer blue("v1.2"), green("v1.3");
  Instance instance(with_plan(blue, green));
  instance.wait_until_checked();
  const auto flip = instance.cli({"flip", "shop", "--json"});
  INFO(flip.out << flip.err);
  CHECK(flip.code == 0);
  const auto receipt = json_of(flip.out);
  CHECK(receipt.at("state").as_string() == "verified");
  CHECK(receipt.at("stages_ms").as_object().contains("verified"));
  CHECK(receipt.at("verification").as_object().at("label").as_string() == "probes only");
  const auto& checks = receipt.at("verification").as_object().at("checks").as_array();
  REQUIRE(checks.size() == 2);
  for (const auto& check : checks) {
    CHECK(check.at("ok").as_bool());
    CHECK(check.at("runs").to_number<int>() >= 1);
    CHECK(check.at("passes").to_number<int>() >= 1);
    CHECK_THAT(std::string(check.at("observed").as_string()), ContainsSubstring("status 200"));
    CHECK_THAT(std::string(check.at("expected").as_string()), ContainsSubstring("200"));
  }

  const auto back = instance.cli({"rollback", "shop"});
  CHECK(back.code == 0);
  CHECK_THAT(back.out, ContainsSubstring("verified: probes only"));
  const auto known = instance.cli({"verify", "shop"});
  INFO(known.out << known.err);
  CHECK(known.code == 0);
  CHECK_THAT(known.out, ContainsSubstring("2 of 2 checks passed; identity matches"));
}

TEST_CASE("a release that is not what it should be: 30, and traffic stays where it went") {
  VersionServer blue("v1.2"), green("v1.3-wrong");
  Instance instance(with_plan(blue, green));
  instance.wait_until_checked();
  const auto standby = instance.cli({"verify", "shop"});
  CHECK(standby.code == 10);
  CHECK_THAT(standby.out, ContainsSubstring("FAIL"));
  const auto flip = instance.cli({"flip", "shop", "--json"});
  INFO(flip.out << flip.err);
  CHECK(flip.code == 30);
  const auto receipt = json_of(flip.out);
  CHECK(receipt.at("moved").as_bool());
  CHECK(verification_state(receipt) == "regressed");
  const auto back = instance.cli({"rollback", "shop"});
  CHECK(back.code == 0);
  CHECK_THAT(back.out, ContainsSubstring("verified"));
}

TEST_CASE("a probe that hangs proves nothing: 31 at the deadline") {
  VersionServer blue("v1.2"), green("");
  Instance instance(with_plan(blue, green, "", "500ms"));
  instance.wait_until_checked();
  const auto flip = instance.cli({"flip", "shop", "--json"});
  INFO(flip.out << flip.err);
  CHECK(flip.code == 31);
  CHECK(verification_state(json_of(flip.out)) == "unverified");
}

TEST_CASE("a newer flip ends a verification; nobody is left waiting for it") {
  VersionServer blue("v1.2"), green("");
  Instance instance(with_plan(blue, green, "", "1h"));
  instance.wait_until_checked();
  const auto flip = instance.cli({"flip", "shop", "--json", "--wait", "switched"});
  INFO(flip.out << flip.err);
  CHECK(flip.code == 0);
  const auto id = std::string(json_of(flip.out).at("flip").as_string());
  const auto back = instance.cli({"rollback", "shop", "--json"});
  CHECK(back.code == 0);
  CHECK(verification_state(json_of(back.out)) == "verified");
  CHECK(until([&] {
    const auto history = instance.cli({"history", "shop", "--json"});
    return history.out.find("\"superseded\"") != std::string::npos;
  }));
}

TEST_CASE("hooks: what happened is in their environment, and one that hangs is killed") {
  VersionServer blue("v1.2"), green("v1.3");
  const TempDir folder;
  const auto said = folder.file("said");
  const std::string tell =
      "      hooks:\n        - {on: verified, exec: [/bin/sh, -c, 'echo "
      "$SWITCHBACK_SERVICE $SWITCHBACK_TO $SWITCHBACK_RELEASE > " +
      said + "'], timeout: 10s}\n";
  SECTION("told") {
    Instance instance(with_plan(blue, green, tell));
    instance.wait_until_checked();
    CHECK(instance.cli({"flip", "shop"}).code == 0);
    CHECK(until([&] { return folder.read("said") == "shop green v1.3\n"; }));
  }
  SECTION("a required one that hangs") {
    Instance instance(with_plan(blue, green,
                                "      hooks: [{on: switched, exec: [/bin/sleep, \"600\"], "
                                "timeout: 100ms, required: true}]\n"));
    instance.wait_until_checked();
    const auto flip = instance.cli({"flip", "shop", "--json"});
    INFO(flip.out << flip.err);
    CHECK(flip.code == 31);
    CHECK_THAT(flip.out, ContainsSubstring("killed"));
    const auto back = instance.cli({"rollback", "shop", "--json", "--wait", "switched"});
    CHECK(back.code == 0);
  }
}

TEST_CASE("check says what is wrong with a plan, and serve does not start with it") {
  const TempDir folder;
  const auto file = folder.write(
      "a.yaml",
      "listeners: [{bind: \"127.0.0.1:0\"}]\nservices:\n  shop:\n    blue: {servers: "
      "[\"127.0.0.1:1\"]}\n    verify:\n      probes: [{name: a, get: /, expect: {body_regex: "
      "\"(\"}}]\nadmin: {socket: a.sock}\nstate_dir: state\n");
  const auto check = command({"check", "--config", file});
  CHECK(check.code == 2);
  CHECK_THAT(check.err, ContainsSubstring("a.yaml:6:"));
  CHECK_THAT(check.err, ContainsSubstring("does not compile"));
  CHECK(command({"serve", "--config", file}).code == 2);
}

namespace {

boost::json::object verdict_of(const Instance& instance) {
  const auto said = instance.cli({"verify", "shop", "--json"});
  const auto body = json_of(said.out);
  const auto& known = body.at("verification").as_object();
  const auto* verdict = known.if_contains("verdict");
  return verdict && verdict->is_object() ? verdict->get_object() : boost::json::object();
}

std::int64_t baseline_of(const boost::json::object& verdict) {
  const auto* streams = verdict.if_contains("streams");
  if (!streams || streams->as_array().empty()) return -1;
  return streams->as_array()[0].at("baseline").at("requests").to_number<std::int64_t>();
}

}  // namespace

TEST_CASE("after a restart the next release has its baseline, and an open window goes on") {
  VersionServer blue("v1.2"), green("v1.3");
  Instance instance(with_plan(blue, green,
                              "      traffic:\n        baseline: {min_requests: 40}\n"
                              "        streams: {error: {bad: [5xx]}}\n"
                              "    bake: {for: 1h}\n"));
  instance.wait_until_checked();
  for (int i = 0; i < 60; ++i) REQUIRE(instance.who_answers("/ok") != "503");
  const auto restart = [&] {
    instance.process->signal(SIGTERM);
    REQUIRE(instance.process->wait());
    instance.start();
    instance.wait_until_checked();
  };
  restart();
  REQUIRE(instance.cli({"flip", "shop", "--to", "green", "--wait", "switched"}).code == 0);
  auto verdict = verdict_of(instance);
  INFO(boost::json::serialize(verdict));
  CHECK(baseline_of(verdict) >= 60);
  const auto flip = verdict.at("flip");

  restart();
  verdict = verdict_of(instance);
  INFO(boost::json::serialize(verdict));
  CHECK(verdict.at("watching").as_bool());
  CHECK(verdict.at("flip") == flip);
  CHECK(baseline_of(verdict) >= 60);
}
