// The built program and a name server: what an operator sees of names.
#include "tests/integration/instance.hpp"
#include "tests/support/dns_server.hpp"

using namespace switchback;
using namespace switchback::test;

namespace {

struct NamedShop {
  DnsServer dns;
  TestServer blue{"blue"}, green{"green"};
  std::unique_ptr<Instance> instance;

  void start() {
    InstanceOptions options;
    options.blue = {"blue.test:" + std::to_string(blue.port())};
    options.green = {"green.test:" + std::to_string(green.port())};
    options.more = "dns: { servers: [\"" + dns.address() +
                   "\"], min_ttl: 100ms, max_ttl: 400ms, timeout: 200ms }\n";
    instance = std::make_unique<Instance>(std::move(options));
  }
  std::string status(bool json = true) {
    std::vector<std::string> words{"status", "shop"};
    if (json) words.push_back("--json");
    return instance->cli(words).out;
  }
  bool says(const std::string& text, bool json = true) {
    return until([&] { return status(json).find(text) != std::string::npos; });
  }
};

}  // namespace

TEST_CASE_METHOD(NamedShop,
                 "names that come late, fail, go and come back, as an operator sees them") {
  dns.set_silent(true);
  start();
  CHECK(fetch(instance->address, "/ok").status == 503);
  REQUIRE(says("name blue.test: no "));
  REQUIRE(says("DNS: no ", false));
  CHECK(instance->cli({"flip", "shop", "--to", "green"}).code != 0);
  REQUIRE(instance->process->wait_for_line("names_unresolved"));

  dns.set("blue.test", {"127.0.0.1"}, 0);
  dns.set("green.test", {"127.0.0.1"}, 0);
  dns.set_silent(false);
  const std::string identity = "blue.test:" + std::to_string(blue.port()) + " (127.0.0.1)";
  REQUIRE(says("\"address\":\"" + identity + "\",\"healthy\":true"));
  REQUIRE(says("1 address, TTL ", false));
  REQUIRE(until([&] { return fetch(instance->address, "/ok").field("X-Served-By") == "blue"; }));
  REQUIRE(says("(127.0.0.1)\",\"healthy\":true", true));
  REQUIRE(until([&] { return instance->cli({"flip", "shop", "--to", "green"}).code == 0; }));
  CHECK(fetch(instance->address, "/ok").field("X-Served-By") == "green");

  // The name server dies: the way back does not need it.
  dns.set_silent(true);
  REQUIRE(says("\"error\":\"no "));
  CHECK(instance->cli({"rollback", "shop"}).code == 0);
  CHECK(fetch(instance->address, "/ok").field("X-Served-By") == "blue");
}
