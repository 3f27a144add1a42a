#include "config/diff.hpp"

#include <set>

#include "config/yaml_loader.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/golden.hpp"

using namespace switchback::config;

namespace {

Config loaded(const std::string& service, const std::string& top = "") {
  LoadResult result = load_text(with(service, top), "f");
  INFO(told(result));
  REQUIRE(result.config);
  return std::move(*result.config);
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("equal configurations differ in nothing") {
  CHECK_FALSE(diff(loaded(""), loaded("")).any());
  // Written out, the defaults are still the defaults.
  CHECK_FALSE(diff(loaded(""), loaded("    timeouts: { connect: 2000ms }")).any());
}

TEST_CASE("what can change is named with its old and new value") {
  const Config before = loaded("    timeouts: { connect: 2s }\n    match: { hosts: [a.example] }");
  const Config after = loaded(
      "    green: { release: v2, servers: [{ address: \"127.0.0.1:9101\", weight: 2 }] }\n"
      "    timeouts: { connect: 5s }\n    match: { hosts: [b.example] }\n    retries: { methods: "
      "[GET] }\n"
      "    preview: false\n    balance: { hash: cookie sid }\n    health_check: { status: 204, "
      "path: / }\n"
      "  api:\n    blue: { servers: [\"127.0.0.1:9002\"] }",
      "log: { level: debug }\nadmin: { access: [{ user: dana, role: operate }] }");
  const ReloadDiff found = diff(before, after);
  CHECK(found.restart_required.empty());
  CHECK(found.changes == Lines{
                             "services.shop.match: +b.example /, -a.example /",
                             "services.shop.green.servers: +127.0.0.1:9101 (weight 2)",
                             "services.shop.green.release: none -> v2",
                             "services.shop.balance: least_requests -> hash: cookie sid",
                             "services.shop.health_check.path: none -> /",
                             "services.shop.health_check.status: 200-399 -> 204",
                             "services.shop.timeouts.connect: 2s -> 5s",
                             "services.shop.retries.methods: -HEAD, -OPTIONS, -PUT, -DELETE",
                             "services.shop.preview.header: X-Switchback-Preview -> none",
                             "services.api: added",
                             "admin.access: +user dana operate",
                             "log.level: info -> debug",
                         });
}

TEST_CASE("what cannot change is named with the reason") {
  const Config before = loaded("");
  Config after = loaded("",
                        "workers: 4\nstate_dir: /s\nrun_dir: /r\nadmin: { socket: /a.sock, bind: "
                        "127.0.0.1:9900 }\nlog: { access: off, path: stderr }");
  after.listeners[0].bind.text = "127.0.0.1:8081";
  after.listeners[0].bind.port = 8081;
  const ReloadDiff found = diff(before, after);
  CHECK(found.changes.empty());
  std::set<std::string> keys;
  for (const std::string& line : found.restart_required)
    keys.insert(line.substr(0, line.find(':')));
  CHECK(keys == std::set<std::string>{"listeners", "workers", "admin.socket", "admin.bind",
                                      "state_dir", "run_dir", "log.path", "log.access"});
  CHECK(found.restart_required.at(0) ==
        "listeners: +127.0.0.1:8081, -127.0.0.1:8080: listening sockets are opened once, before "
        "the workers start");
}

TEST_CASE("services come and go") {
  const Config before = loaded("");
  Config after = loaded("");
  after.services[0].name = "store";
  CHECK(diff(before, after).changes == Lines{"services.shop: removed", "services.store: added"});
}

TEST_CASE("a changed hash of a token is a change, and another order is said") {
  Config before = loaded("");
  before.admin.tokens = {{"a", Role::read, std::string(64, '0')},
                         {"b", Role::read, std::string(64, '1')}};
  Config after = before;
  after.admin.tokens[0].sha256 = std::string(8, '0') + std::string(56, '2');
  CHECK(diff(before, after).changes == Lines{"admin.tokens: changed"});
  after = before;
  std::swap(after.admin.tokens[0], after.admin.tokens[1]);
  CHECK(diff(before, after).changes == Lines{"admin.tokens: another order"});
}
