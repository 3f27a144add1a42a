// Releases, holds, null flips and durations, as a pipeline and an operator use them.
#include "tests/integration/instance.hpp"

using namespace switchback::test;

namespace {

struct Shop {
  TestServer blue{"blue"};
  TestServer green{"green"};
  Instance instance;
  explicit Shop(const std::string& more = "")
      : instance({.blue = {blue.address()}, .green = {green.address()}, .service_more = more}) {
    instance.wait_until_checked();
  }
  // What a pipeline does: one curl.
  boost::json::object curl(const std::string& method, const std::string& path,
                           const std::string& body = "") const {
    std::vector<std::string> words{"curl",
                                   "-s",
                                   "--unix-socket",
                                   instance.socket(),
                                   "-X",
                                   method,
                                   "http://x/v1/services/shop" + path};
    if (!body.empty()) words.insert(words.end(), {"-d", body});
    const auto said = run(words);
    REQUIRE(said.code == 0);
    return json_of(said.out);
  }
  std::string state(const std::string& version) const {
    const auto release = curl("GET", "/releases/" + version);
    const auto* state = release.if_contains("state");
    return state ? std::string(state->as_string()) : "unknown";
  }
  void wait_for(const std::string& version, const std::string& wanted) const {
    INFO(version << " to be " << wanted);
    REQUIRE(until([&] { return state(version) == wanted; }));
  }
  void restart() {
    instance.process->signal(SIGTERM);
    REQUIRE(instance.process->wait() == 0);
    instance.start();
    instance.wait_until_checked();
  }
};

}  // namespace

TEST_CASE("a release's life: curl, fit, flip by version, rollback, quarantine, requalify") {
  Shop shop;
  CHECK(shop.curl("POST", "/releases", R"({"version":"v1.2","color":"blue"})").at("state") ==
        "active");
  const auto added = shop.curl("POST", "/releases",
                               R"({"version":"v1.4","color":"green","git_commit":"8f31c07",
                                   "commits":3,"first_commit_at":"2026-11-22T10:00:00+02:00"})");
  CHECK(added.at("first_commit_at") == "2026-11-22T08:00:00.000Z");
  shop.wait_for("v1.4", "fit");
  const auto flip = shop.instance.cli({"flip", "shop", "--to", "v1.4", "--json"});
  REQUIRE(flip.code == 0);
  CHECK(json_of(flip.out).at("from_release") == "v1.2");
  CHECK(json_of(flip.out).at("to_release") == "v1.4");
  CHECK(shop.state("v1.4") == "active");
  CHECK(shop.state("v1.2") == "standby_fit");
  CHECK(went_back(shop.instance.cli({"rollback", "shop", "--reason", "errors"})));
  CHECK(shop.state("v1.4") == "rolled_back");

  for (const std::string to : {"v1.4", "green"}) {
    const auto refused = shop.instance.cli({"flip", "shop", "--to", to});
    CHECK(refused.code == 24);
    CHECK_THAT(refused.err, ContainsSubstring("v1.4 was rolled back"));
    CHECK_THAT(refused.err, ContainsSubstring("--requalify"));
  }
  CHECK(shop.instance.who_answers() == "blue");
  // Over a restart too.
  shop.restart();
  CHECK(shop.instance.cli({"flip", "shop", "--to", "v1.4"}).code == 24);
  const auto again =
      shop.instance.cli({"flip", "shop", "--to", "v1.4", "--requalify", "the cache was cold"});
  CHECK(again.code == 0);
  CHECK(shop.instance.who_answers() == "green");
  CHECK(shop.state("v1.4") == "active");
}

TEST_CASE("staging over the way back warns, and says so everywhere") {
  Shop shop;
  shop.curl("POST", "/releases", R"({"version":"v1.2","color":"blue"})");
  shop.curl("POST", "/releases", R"({"version":"v1.3","color":"green"})");
  REQUIRE(shop.instance.cli({"flip", "shop", "--to", "v1.3"}).code == 0);
  const auto staged = shop.instance.cli({"release", "add", "shop", "v1.4", "--color", "blue"});
  CHECK(staged.code == 0);
  CHECK_THAT(staged.out, ContainsSubstring("v1.2 was what a rollback would go back to"));
  CHECK(shop.state("v1.2") == "lost");
  CHECK_THAT(shop.instance.cli({"release", "list", "shop"}).out, ContainsSubstring("lost"));
  const auto back = json_of(shop.instance.cli({"rollback", "shop", "--json"}).out);
  CHECK(back.at("to_release") == "v1.4");
  CHECK_THAT(boost::json::serialize(back.at("warnings")),
             ContainsSubstring("before the promotion it was v1.2"));
}

TEST_CASE("what is not staged, not known or on the wrong side is refused with the next command") {
  Shop shop;
  shop.curl("POST", "/releases", R"({"version":"v2"})");
  const auto unstaged = shop.instance.cli({"flip", "shop", "--to", "v2"});
  CHECK(unstaged.code == 10);
  CHECK_THAT(unstaged.err, ContainsSubstring("switchback release stage shop v2 --color green"));
  CHECK(shop.instance.cli({"flip", "shop", "--to", "v9"}).code == 2);
  CHECK(shop.instance.cli({"release", "stage", "shop", "v2", "--color", "blue"}).code == 10);
  CHECK(shop.curl("POST", "/releases", R"({"version":"green"})").at("code") == "bad_version");
  CHECK(shop.curl("POST", "/releases", R"({"vesion":"v1"})").at("code") == "unknown_field");
  CHECK(shop.curl("POST", "/releases/v2/requalify").at("code") == "requalify_needs_reason");
  CHECK(shop.curl("GET", "/releases/v9").at("code") == "unknown_release");
}

TEST_CASE("a hold stops promotes and never a rollback, and survives a restart") {
  Shop shop;
  REQUIRE(shop.instance.cli({"flip", "shop", "--to", "green"}).code == 0);
  CHECK(shop.instance.cli({"hold", "shop", "--for", "2h", "--reason", "election night"}).code == 0);
  shop.restart();
  CHECK_THAT(shop.instance.cli({"status", "shop"}).out, ContainsSubstring("HELD"));
  CHECK(went_back(shop.instance.cli({"rollback", "shop"})));
  CHECK(shop.instance.who_answers() == "blue");
  const auto refused = shop.instance.cli({"flip", "shop", "--to", "green"});
  CHECK(refused.code == 25);
  CHECK_THAT(refused.err, ContainsSubstring("election night"));
  CHECK_THAT(refused.err, ContainsSubstring("switchback hold shop --release"));
  CHECK(shop.instance.who_answers() == "blue");
  CHECK(shop.curl("DELETE", "/hold").at("already") == false);
  CHECK(shop.curl("DELETE", "/hold").at("already") == true);
  CHECK(shop.instance.cli({"flip", "shop", "--to", "green"}).code == 0);
  // A flip that is a rollback is one, hold or not.
  CHECK(shop.curl("POST", "/hold").at("held") == true);
  CHECK(shop.instance.cli({"flip", "shop", "--to", "blue"}).code == 0);
  CHECK(shop.curl("POST", "/hold", R"({"for":"31d"})").at("code") == "bad_duration");
}

TEST_CASE("null flips are measured and change nothing") {
  Shop shop("    null_flip: 50ms\n");
  REQUIRE(until([&] {
    const auto said = shop.curl("GET", "/null-flips");
    return said.at("since_start").at("good").to_number<int>() >= 3;
  }));
  const auto said = shop.curl("GET", "/null-flips");
  const auto& last = said.at("last_good").as_object();
  CHECK(last.at("ok") == true);
  const auto stage = [&](const char* name) {
    return last.at("stages_ms").at(name).to_number<double>();
  };
  CHECK(stage("permitted") <= stage("decided"));
  for (const char* at_once : {"persisted", "switched"}) {  // in either order, as a rollback's
    CHECK(stage("decided") <= stage(at_once));
    CHECK(stage(at_once) <= stage("recorded"));
  }
  CHECK(said.at("since_start").at("failed").to_number<int>() == 0);
  const auto status = json_of(shop.instance.cli({"status", "shop", "--json"}).out);
  CHECK(status.at("epoch") == 1);
  CHECK(status.at("last_flip").is_null());
  CHECK(shop.curl("GET", "/durations").at("rollback").at("n") == 0);
  REQUIRE(shop.instance.cli({"flip", "shop", "--to", "green"}).code == 0);
  REQUIRE(until([&] {
    const auto runs = run({"sqlite3", shop.instance.folder.file("state/ledger.db"),
                           "SELECT sum(runs) FROM null_flip"});
    return std::atoi(runs.out.c_str()) >= 3;
  }));
}

TEST_CASE("durations come from real rollbacks, and say how little few of them say") {
  Shop shop;
  CHECK_THAT(shop.instance.cli({"report", "rollbacks", "shop"}).out,
             ContainsSubstring("not measured"));
  for (int i = 0; i < 2; ++i) {
    REQUIRE(shop.instance.cli({"flip", "shop", "--to", "green"}).code == 0);
    REQUIRE(went_back(shop.instance.cli({"rollback", "shop"})));
  }
  const auto report = shop.curl("GET", "/durations");
  CHECK(report.at("rollback").at("n") == 2);
  CHECK(report.at("promote").at("n") == 2);
  CHECK(report.at("rollback").at("stages").at("switched").at("n") == 2);
  CHECK_THAT(shop.instance.cli({"report", "rollbacks"}).out,
             ContainsSubstring("max of n=2 bounds p95 with 9 % confidence only"));
  shop.restart();
  CHECK(shop.curl("GET", "/durations").at("rollback").at("n") == 2);
}

TEST_CASE("a reload that takes the standby's servers away loses the way back, and says which") {
  Shop shop;
  shop.curl("POST", "/releases", R"({"version":"v1.2","color":"blue"})");
  shop.curl("POST", "/releases", R"({"version":"v1.3","color":"green"})");
  REQUIRE(shop.instance.cli({"flip", "shop", "--to", "v1.3"}).code == 0);
  shop.wait_for("v1.2", "standby_fit");
  auto text = shop.instance.config_text();
  const auto servers = "\"" + shop.blue.address() + "\"";
  const auto at = text.find(servers);
  REQUIRE(at != std::string::npos);
  shop.instance.folder.write("switchback.yaml", text.erase(at, servers.size()));
  shop.instance.process->signal(SIGHUP);
  shop.wait_for("v1.2", "lost");
  const auto reason = shop.curl("GET", "/releases/v1.2").at("reason");
  CHECK_THAT(std::string(reason.as_string()),
             ContainsSubstring(shop.blue.address() + " were taken out of the configuration"));
  CHECK(shop.state("v1.3") == "active");
}
