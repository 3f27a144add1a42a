// Going back by itself, and not: the guards of automatic rollback in the built program, with
// releases that turn bad under traffic (docs/bake.md).
#include "tests/integration/bad_release.hpp"

using namespace switchback::test;

namespace {

constexpr std::chrono::seconds long_patience{60};

struct Shop {
  explicit Shop(const std::string& mode, const std::string& verify_more = "",
                const std::string& traffic_more = "", const std::string& service_more = "",
                Traffic::Fields fields = {}) {
    InstanceOptions options;
    options.blue = {blue.address()};
    options.green = {green.address()};
    options.service_more = service_more +
                           "    outlier: { consecutive_failures: 0 }\n"
                           "    verify:\n"
                           "      probes: [{name: user, get: /ok, expect: {status: 200}}]\n" +
                           verify_more +
                           "      traffic:\n"
                           "        baseline: {min_requests: 100}\n"
                           "        burst_guard: 1s\n" +
                           traffic_more +
                           "        streams: {error: {bad: [5xx], floor: 0.2%, tolerate: 1%}}\n"
                           "    bake: {for: 10m, mode: " +
                           mode + "}\n";
    instance = std::make_unique<Instance>(options);
    instance->wait_until_checked();
    traffic = std::make_unique<Traffic>(instance->address, "/ok", std::move(fields));
    events = std::make_unique<Process>(
        std::vector<std::string>{switchback_program(), "events", "--admin", instance->socket()});
  }

  // What the standby can carry is learned while it is active; then green is promoted.
  void promote() {
    REQUIRE(until(
        [&] {
          const auto list = json_of(cli({"release", "list", "shop", "--json"}).out);
          const auto& fitness = list.at("fitness").as_object().at("blue").as_object();
          return fitness.at("proven_rps").is_number() &&
                 fitness.at("proven_rps").to_number<double>() > 0;
        },
        long_patience));
    const auto said = cli({"flip", "shop", "--to", "green", "--wait", "switched"});
    INFO(said.out << said.err);
    REQUIRE(said.code == 0);
  }
  Finished cli(std::vector<std::string> words) const { return instance->cli(std::move(words)); }
  std::string active() const {
    return std::string(json_of(cli({"status", "shop", "--json"}).out).at("active").as_string());
  }
  boost::json::object bake() const {
    return json_of(cli({"bake", "shop", "--json"}).out).at("window").as_object();
  }
  std::string event(const std::string& type) const {
    const auto line = events->wait_for_line(type, long_patience);
    INFO(type << " in " << events->out() << boost::json::serialize(bake()));
    REQUIRE(line);
    return *line;
  }
  // The text of a standing alarm; "" when it does not stand.
  std::string alarm(const std::string& code) const {
    const auto services = json_of(fetch("unix:" + instance->socket(), "/v1/services").body);
    for (const auto& one : services.at("alarms").as_array()) {
      if (one.as_object().at("code").as_string() == code)
        return std::string(one.as_object().at("text").as_string());
    }
    return "";
  }
  bool alarm_says(const std::string& code, const std::string& text) const {
    return until([&] { return alarm(code).find(text) != std::string::npos; }, long_patience);
  }
  bool answered_more(std::uint64_t requests) const {
    const auto wanted = traffic->answered() + requests;
    return until([&] { return traffic->answered() >= wanted; }, long_patience);
  }

  Release blue{"blue"}, green{"green"};
  std::unique_ptr<Instance> instance;
  std::unique_ptr<Traffic> traffic;
  std::unique_ptr<Process> events;
};

}  // namespace

TEST_CASE("mode advise: says what it would do, and a person does it") {
  Shop shop("advise");
  shop.promote();
  shop.green.fail_every(1);
  shop.event("bake.would_go_back");
  REQUIRE(shop.alarm_says("regressed:shop", "To go back: switchback rollback shop"));
  REQUIRE(shop.answered_more(200));
  CHECK(shop.active() == "green");
  CHECK_FALSE(shop.bake().at("would_go_back_at").is_null());
  REQUIRE(went_back(shop.cli({"rollback", "shop"})));
  CHECK_THAT(shop.event("bake.over"), ContainsSubstring("advised"));
  REQUIRE(until([&] { return shop.alarm("regressed:shop").empty(); }));
  CHECK_THAT(shop.cli({"bake", "audit", "shop"}).out, ContainsSubstring("confirmed"));
}

TEST_CASE("mode auto: an unfit standby and a hold each stop it; then it goes, and only once") {
  Shop shop("auto");
  shop.promote();
  REQUIRE(shop.cli({"hold", "shop", "--reason", "election night"}).code == 0);
  shop.blue.set_healthy(false);
  REQUIRE(until([&] {
    return shop.cli({"status", "shop", "--json"}).out.find("\"healthy\":false") !=
           std::string::npos;
  }));
  shop.green.fail_every(1);
  REQUIRE(shop.alarm_says("regressed:shop", "election night"));
  REQUIRE(shop.alarm_says("regressed:shop", "A person can: switchback rollback shop"));
  shop.event("bake.blocked");
  CHECK(shop.active() == "green");
  REQUIRE(shop.cli({"hold", "shop", "--release"}).code == 0);
  // What is left stands alone in the words.
  REQUIRE(until(
      [&] {
        const auto text = shop.alarm("regressed:shop");
        return !text.empty() && text.find("election night") == std::string::npos;
      },
      long_patience));
  CHECK(shop.active() == "green");
  shop.blue.set_healthy(true);
  shop.event("bake.goes_back");
  CHECK_THAT(shop.event("bake.over"), ContainsSubstring("fired"));
  REQUIRE(until([&] { return shop.active() == "blue"; }));

  // A person promotes it again, and it is as bad as before: that is for people now.
  REQUIRE(shop.cli({"flip", "shop", "--to", "green", "--wait", "switched"}).code == 0);
  REQUIRE(shop.alarm_says("regressed:shop", "already rolled back automatically once"));
  REQUIRE(shop.answered_more(200));
  CHECK(shop.active() == "green");
}

TEST_CASE("mode auto: what it went back to fails as well, and a person is called") {
  Shop shop("auto");
  shop.promote();
  shop.green.fail_every(1);
  REQUIRE(until([&] { return shop.active() == "blue"; }, long_patience));
  const auto receipt = json_of(shop.cli({"status", "shop", "--json"}).out).at("last_flip");
  CHECK(receipt.as_object().at("kind").as_string() == "auto_rollback");
  shop.blue.fail_every(1);
  REQUIRE(shop.alarm_says("both_bad:shop", "that fails as well"));
  REQUIRE(shop.answered_more(200));
  CHECK(shop.active() == "blue");
}

TEST_CASE("mode auto: both colors fail, so going back would not help") {
  Shop shop("auto", "      paired_probes: {rate: 20/s, use: [user]}\n");
  shop.promote();
  shop.blue.fail_every(1);
  REQUIRE(shop.answered_more(1));
  shop.green.fail_every(1);
  REQUIRE(until(
      [&] {
        const auto said = shop.cli({"bake", "shop", "--json"}).out;
        return said.find("going back would not help") != std::string::npos;
      },
      long_patience));
  REQUIRE(shop.answered_more(500));
  CHECK(shop.active() == "green");
  CHECK_THAT(boost::json::serialize(shop.bake().at("guards")),
             ContainsSubstring("going back would not help"));
  // The disaster ends for the old release alone: now it would help.
  shop.blue.fail_every(0);
  REQUIRE(until([&] { return shop.active() == "blue"; }, long_patience));
}

TEST_CASE("mode auto: a release that fails as often as the one before stays") {
  Shop shop("auto");
  shop.blue.fail_every(50);
  shop.green.fail_every(50);
  REQUIRE(shop.answered_more(500));
  shop.promote();
  shop.event("bake.begun");
  REQUIRE(shop.answered_more(10'000));
  CHECK(shop.active() == "green");
  CHECK(shop.alarm("regressed:shop").empty());
  CHECK(shop.bake().at("outcome").as_string() == "watching");
  CHECK(shop.events->out().find("bake.blocked") == std::string::npos);
  CHECK(shop.traffic->failed() > 80);
}

// One broken client must not condemn a release, so few bad outcomes of each count; behind a
// balancer all would be one, and a release that fails for everybody would look like that client.
TEST_CASE("behind a balancer a release that fails one request in ten is found") {
  Shop shop("advise", "", "        per_source_cap: 1/s\n",
            "    forwarded: { trust: [127.0.0.0/8] }\n", [](std::uint64_t number) {
              return "X-Forwarded-For: 198.51.100.1, 203.0." + std::to_string(number / 250 % 250) +
                     "." + std::to_string(number % 250 + 1) + "\r\n";
            });
  shop.promote();
  REQUIRE(shop.answered_more(500));
  shop.green.fail_every(10);
  shop.event("bake.would_go_back");
  CHECK(shop.alarm_says("regressed:shop", "To go back: switchback rollback shop"));
}
