// Readiness and the bake window of the built program: what an operator is told, and a release that
// fails and is taken back by nobody's hand.
#include "tests/integration/bad_release.hpp"

using namespace switchback::test;

namespace {

boost::json::object readiness_of(const Instance& instance) {
  return json_of(instance.cli({"readiness", "shop", "--json"}).out);
}

std::string grade(const boost::json::object& readiness, const char* question) {
  return std::string(
      readiness.at("questions").as_object().at(question).as_object().at("grade").as_string());
}

}  // namespace

TEST_CASE("readiness: no way back, and a way back that was measured") {
  TestServer blue(TestServerOptions{.name = "blue"});
  TestServer green(TestServerOptions{.name = "green"});
  InstanceOptions options;
  options.blue = {blue.address()};
  options.green = {green.address()};
  Instance instance(options);
  instance.wait_until_checked();

  auto said = instance.cli({"readiness", "shop"});
  INFO(said.out << said.err);
  CHECK(said.code == 40);
  CHECK_THAT(said.out,
             ContainsSubstring("NOT READY") && ContainsSubstring("nothing to go back to"));
  CHECK_THAT(said.out, ContainsSubstring("no database is configured"));

  REQUIRE(instance.cli({"flip", "shop"}).code == 0);
  REQUIRE(instance.cli({"rollback", "shop"}).code == 0);
  REQUIRE(instance.cli({"flip", "shop"}).code == 0);
  said = instance.cli({"readiness", "shop"});
  CHECK(said.code == 41);  // one pair of hands, no plan
  CHECK_THAT(said.out, ContainsSubstring("switchback rollback shop"));
  CHECK_THAT(said.out, ContainsSubstring("(n=1, newest"));

  CHECK(grade(readiness_of(instance), "verify") == "warn");
}

TEST_CASE("readiness: a standby without servers is a gap, told, measured and closed") {
  TestServer blue(TestServerOptions{.name = "blue"});
  TestServer green(TestServerOptions{.name = "green"});
  InstanceOptions options;
  options.blue = {blue.address()};
  options.green = {green.address()};
  Instance instance(options);
  instance.wait_until_checked();
  REQUIRE(instance.cli({"flip", "shop"}).code == 0);
  REQUIRE(until([&] { return readiness_of(instance).at("gap").is_null(); }));
  blue.set_healthy(false);
  REQUIRE(until([&] { return !readiness_of(instance).at("gap").is_null(); }));
  const auto now = readiness_of(instance);
  CHECK(now.at("overall").as_string() == "NOT READY");
  CHECK(now.at("gap").as_object().at("question").as_string() == "verify");
  CHECK(grade(now, "verify") == "fail");
  blue.set_healthy(true);
  REQUIRE(until([&] { return readiness_of(instance).at("gap").is_null(); }));
  CHECK(readiness_of(instance).at("ready_30d").as_object().at("gaps").to_number<int>() >= 1);
}

TEST_CASE("a release that fails under load goes back by itself, once, and says why") {
  TestServer blue(TestServerOptions{.name = "blue"});
  Release green("green");
  green.fail_every(1);
  InstanceOptions options;
  options.blue = {blue.address()};
  options.green = {green.address()};
  options.service_more =
      "    outlier: { consecutive_failures: 0 }\n"
      "    verify:\n"
      "      probes: [{name: health, get: /healthz, expect: {status: 200}}]\n"
      "      traffic:\n"
      "        baseline: {min_requests: 100}\n"
      "        streams: {error: {bad: [5xx], floor: 0.2%, tolerate: 1%}}\n"
      "    bake: {for: 10m, mode: auto}\n";
  Instance instance(options);
  instance.wait_until_checked();
  Traffic traffic(instance.address, "/ok");
  // What the standby can carry is learned while it is active.
  REQUIRE(until(
      [&] {
        const auto list = instance.cli({"release", "list", "shop", "--json"});
        const auto fitness = json_of(list.out).at("fitness").as_object().at("blue").as_object();
        return fitness.at("proven_rps").is_number() &&
               fitness.at("proven_rps").to_number<double>() > 0;
      },
      std::chrono::seconds(60)));
  Process events({switchback_program(), "events", "--admin", instance.socket()});
  REQUIRE(instance.cli({"flip", "shop", "--wait", "switched"}).code == 0);
  const auto over = events.wait_for_line("bake.over", std::chrono::seconds(60));
  INFO(instance.cli({"bake", "shop"}).out);
  REQUIRE(over);
  CHECK_THAT(*over, ContainsSubstring("fired"));
  CHECK(traffic.failed() > 0);
  const auto bake = instance.cli({"bake", "audit", "shop"});
  CHECK_THAT(bake.out, ContainsSubstring("confirmed"));
  // Nobody asked for it, and it is in the record all the same.
  CHECK(until([&] {
    return instance.cli({"audit", "list"}).out.find("rollback.auto") != std::string::npos;
  }));
  CHECK(instance.who_answers() == "blue");
}

TEST_CASE("a restart in the bake window goes on watching; the evidence is gathered anew") {
  TestServer blue(TestServerOptions{.name = "blue"});
  Release green("green");
  green.fail_every(1);
  InstanceOptions options;
  options.blue = {blue.address()};
  options.green = {green.address()};
  options.service_more =
      "    verify:\n"
      "      probes: [{name: page, get: /ok, expect: {status: 200}}]\n"
      "      paired_probes: {rate: 20/s}\n"
      "    bake: {for: 10m, mode: advise}\n";
  Instance instance(options);
  instance.wait_until_checked();
  REQUIRE(instance.cli({"flip", "shop", "--wait", "switched"}).code == 0);
  const auto alarmed = [&] {
    return instance.cli({"status", "--json"}).out.find("regressed:shop") != std::string::npos;
  };
  REQUIRE(until(alarmed, std::chrono::seconds(60)));
  instance.process->signal(SIGKILL);
  instance.process->wait();
  instance.start();
  REQUIRE(until(alarmed, std::chrono::seconds(60)));
  const auto bake = instance.cli({"bake", "shop"});
  INFO(bake.out << bake.err);
  CHECK_THAT(bake.out, ContainsSubstring("WATCHED until") && ContainsSubstring("REGRESSED"));
}
