// The fault table: what is around the program: hooks, names, servers, the clock, the cores, the
// logs.
#include <filesystem>

#include "tests/e2e/fault_scene.hpp"
#include "tests/support/dns_server.hpp"

using namespace switchback::test;

namespace {

void finish_and_compare_order(FaultScene& scene) {
  scene.finish();
  // The next life, by the same wrong clock, tells the same story.
  const std::string rollback(scene.receipt().at("flip").as_string());
  scene.instance.process->signal(SIGTERM);
  REQUIRE(scene.instance.process->wait() == 0);
  scene.instance.start();
  const auto status = scene.status();
  INFO(boost::json::serialize(status));
  CHECK(status.at("active").as_string() == "blue");
  CHECK(status.at("last_flip").as_object().at("flip").as_string() == rollback);
  CHECK(scene.instance.cli({"audit", "verify"}).code == 0);
}

void clock_jumps(const std::string& by, std::int64_t seconds) {
  repeatedly([&] {
    FaultOptions options;
    options.faulty_machine = true;
    FaultScene scene("clock jumps " + by, options);
    scene.begin();
    scene.machine.move_clock(seconds);
    scene.roll_back();
    CHECK(scene.machine.control().clock_moved > 0);
    const auto receipt = scene.receipt();
    for (const auto& [stage, ms] : receipt.at("stages_ms").as_object()) {
      INFO(stage);
      CHECK(ms.to_number<double>() >= 0);
      CHECK(ms.to_number<double>() < 60'000);
    }
    scene.made_good();
    finish_and_compare_order(scene);
  });
}

// Accepts, reads and never answers.
TestServerOptions mute() {
  TestServerOptions options;
  options.raw = [](RawClient& client) {
    try {
      while (!client.read_some().empty()) {
      }
    } catch (const std::exception&) {
      // The test is over.
    }
  };
  return options;
}

}  // namespace

TEST_CASE("a hook hangs", "[faults]") {
  repeatedly([] {
    FaultOptions options;
    options.instance.service_more =
        "    verify:\n"
        "      probes: [{name: health, get: /healthz, expect: {status: 200}}]\n"
        "      hooks: [{on: switched, exec: [/usr/bin/tail, -f, /dev/null], timeout: 1s}]\n";
    FaultScene scene("exec hook hangs", options);
    scene.begin();
    scene.roll_back();
    scene.expect_alarm("hook_failed:shop");
    REQUIRE(until([&] {
      const std::string state(scene.receipt().at("state").as_string());
      return state == "verified";
    }));
    scene.row.made_good = "hook killed; verified";
    scene.finish();
  });
}

TEST_CASE("a webhook hangs", "[faults]") {
  repeatedly([] {
    TestServer never(mute());
    FaultOptions options;
    options.instance.more =
        "notify: [{name: chat, webhook: \"http://" + never.address() + "/hook\"}]\n";
    FaultScene scene("webhook accepts and never answers", options);
    scene.begin();
    scene.roll_back();
    // It hung all the while: connected to, and nothing of what waits for it has arrived.
    REQUIRE(until([&] { return never.connections() > 0; }));
    const auto told = admin_call(scene.instance.socket(), "GET", "/v1/notify").body;
    INFO(boost::json::serialize(told));
    const auto& chat = told.at("targets").as_array().at(0).as_object();
    CHECK(chat.at("queued").to_number<int>() > 0);
    CHECK(chat.at("sent").to_number<int>() == 0);
    scene.row.reported.insert("queue in notify list");
    scene.made_good();
    scene.finish();
  });
}

TEST_CASE("the name server is dead", "[faults]") {
  repeatedly([] {
    DnsServer dns;
    TestServer blue("blue"), green("green");
    dns.set("blue.test", {"127.0.0.1"}, 0);
    dns.set("green.test", {"127.0.0.1"}, 0);
    FaultOptions options;
    options.instance.blue = {"blue.test:" + std::to_string(blue.port())};
    options.instance.green = {"green.test:" + std::to_string(green.port())};
    options.instance.more = "dns: { servers: [\"" + dns.address() +
                            "\"], min_ttl: 100ms, max_ttl: 400ms, timeout: 200ms }\n";
    FaultScene scene("DNS dead, servers by name", options);
    scene.begin();
    dns.set_silent(true);
    const auto error_stands = [&] {
      return boost::json::serialize(scene.status()).find("\"error\":\"no ") != std::string::npos;
    };
    REQUIRE(until(error_stands));
    scene.roll_back();
    scene.row.reported.insert("names.error in status");
    dns.set_silent(false);
    REQUIRE(until([&] { return !error_stands(); }));
    scene.made_good("names resolved again");
    scene.finish();
  });
}

TEST_CASE("one server of the standby dies as traffic comes, another is mute", "[faults]") {
  repeatedly([] {
    TestServer good("blue"), dies("blue-dies"), never(mute());
    FaultOptions options;
    options.instance.blue = {good.address(), dies.address(), never.address()};
    options.instance.service_more =
        "    outlier: { consecutive_failures: 3, ejection: 1s, max_ejected: 50% }\n";
    FaultScene scene("standby: one server dies, one is mute", options);
    // The mute one was found out by its checks before any traffic came near it.
    scene.instance.wait_until_checked();
    REQUIRE(until([&] { return scene.unhealthy() == 1; }));
    REQUIRE(flip_to(scene.instance.socket(), "green").status == 200);
    scene.begin();
    dies.stop();  // nobody knows of it yet
    scene.roll_back();
    REQUIRE(until([&] { return scene.unhealthy() == 2; }));
    scene.row.reported.insert("unhealthy servers in status");
    scene.made_good("served by the third");
    scene.finish();
  });
}

TEST_CASE("the wall clock jumps", "[faults]") {
  if (!FaultMachine::works()) return;
  constexpr std::int64_t hour = 3600, year = 365 * 24 * hour;
  clock_jumps("forward by an hour", hour);
  clock_jumps("back by an hour", -hour);
  clock_jumps("forward by a year", year);
  clock_jumps("back by a year", -year);
}

TEST_CASE("a bake window goes on when the wall clock jumps", "[faults]") {
  if (!FaultMachine::works()) return;
  FaultOptions options;
  options.faulty_machine = true;
  options.instance.service_more =
      "    verify: { traffic: { streams: { error: { bad: [5xx], floor: 0.2%, tolerate: 1% } } } }\n"
      "    bake: { for: 10m }\n";
  FaultScene scene("a bake window, and the clock a year on", options);
  scene.begin();
  const auto window_is_open = [&] {
    const std::string said = scene.instance.cli({"bake", "shop", "--json"}).out;
    return said.find("\"open\":true") != std::string::npos;
  };
  REQUIRE(until(window_is_open));
  scene.machine.move_clock(365 * 24 * 3600);
  // The window is looked at every second, and each time the wall clock is read for what is told.
  Process events({switchback_program(), "events", "--admin", scene.instance.socket()});
  REQUIRE(until([&] { return scene.machine.control().clock_moved > 0; }));
  CHECK_FALSE(events.wait_for_line("bake.over", std::chrono::seconds(3)));
  CHECK(window_is_open());
  scene.roll_back();
  scene.made_good("window was open until then");
  CHECK(events.wait_for_line("bake.over"));
  scene.finish();
}

TEST_CASE("the workers are saturated", "[faults]") {
  repeatedly([] {
    FaultOptions options;
    options.instance.workers = 1;
    options.instance.service_more =
        "    limits: { connections_per_server: 8, queue_timeout: 20s }\n";
    options.crowd = 12;
    FaultScene scene("one worker, 72 clients for 8 connections", options);
    scene.begin();
    scene.roll_back();
    scene.made_good();
    scene.finish();
  });
}

TEST_CASE("nobody reads the logs: stdout and stderr are full", "[faults]") {
  repeatedly([] {
    FaultOptions options;
    options.instance.more = "log: { access: json, path: stdout, level: info }\n";
    FaultScene scene("log pipes full: stdout and stderr", options);
    scene.begin();
    scene.instance.process->block_output();
    scene.roll_back();
    // A flip that is overtaken before its first answer has no such stage.
    REQUIRE(
        until([&] { return scene.receipt().at("stages_ms").as_object().contains("first_new"); }));
    scene.flip_on(10);  // every switch is an event, and a line
    scene.made_good();
    scene.finish();
  });
}
