#include "config/yaml_loader.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "config/starter.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/places.hpp"
#include "tests/unit/config/golden.hpp"

using namespace switchback::config;
namespace fs = std::filesystem;

namespace {

const std::string data_folder = switchback::test::in_source("tests/unit/config/data");

Config loaded(const std::string& text, const std::string& file = "f.yaml") {
  LoadResult result = load_text(text, file);
  INFO(told(result));
  REQUIRE(result.config);
  return std::move(*result.config);
}

// What is told about a file in which only this service key is odd.
std::string about(const std::string& service) {
  return told(load_text(with("    " + service), "f"));
}

}  // namespace

TEST_CASE("every faulty file is told as its .expected says") {
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(data_folder)) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    const std::string name = entry.path().filename().string();
    INFO(name);
    const LoadResult result = load_text(read_whole(entry.path().string()), name);
    fs::path expected = entry.path();
    const std::string wanted = read_whole(expected.replace_extension(".expected").string());
    REQUIRE_FALSE(wanted.empty());
    if (name.starts_with("syntax-")) {
      // The words are yaml-cpp's, which differ between its versions; the line does not.
      REQUIRE(result.diagnostics.size() == 1);
      const std::string place = name + ":" + std::to_string(result.diagnostics[0].line) + ":";
      CHECK(wanted.starts_with(place));
      CHECK(result.diagnostics[0].message.starts_with("not valid YAML: "));
    } else {
      CHECK(told(result) == wanted);
    }
    const bool only_warnings = std::all_of(result.diagnostics.begin(), result.diagnostics.end(),
                                           [](const Diagnostic& d) { return d.warning; });
    CHECK(result.config.has_value() == only_warnings);
  }
  CHECK(files > 20);
}

TEST_CASE("the examples and the starter file load without a word") {
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(switchback::test::in_source("config/examples"))) {
    INFO(entry.path().string());
    ++files;
    const LoadResult result = load_file(entry.path().string());
    CHECK(told(result) == "");
    CHECK(result.config.has_value());
  }
  CHECK(files >= 3);
  const LoadResult starter = load_text(starter_yaml(), "switchback.yaml");
  CHECK(told(starter) == "");
  CHECK(starter.config.has_value());
}

TEST_CASE("what the starter file shows as defaults are the defaults") {
  // Those of a service stand behind "# " at its own indentation; they are let in here.
  std::string all;
  std::istringstream lines{std::string(starter_yaml())};
  for (std::string line; std::getline(lines, line);) {
    const auto mark = line.find("# ");
    const bool optional = mark != std::string::npos && line.find_first_not_of(' ') == mark;
    if (optional && (mark == 4 || mark == 8)) line.erase(mark, 2);
    all += line + "\n";
  }
  const Config filled = loaded(all);
  const Service& service = filled.services.at(0);
  CHECK(service.timeouts == Timeouts{});
  CHECK(service.limits == Limits{});
  CHECK(service.retries == Retries{});
  CHECK(service.drain == Drain{});
  CHECK(service.preview_header == Service{}.preview_header);
  CHECK(service.balance == Balance{});
  CHECK(service.match.has_value());
  CHECK(service.forwarded.trust.size() == 1);
}

TEST_CASE("the least file has the documented defaults") {
  const Config config = loaded(with(""));
  CHECK(config.file == "f.yaml");
  REQUIRE(config.listeners.size() == 1);
  CHECK(config.listeners[0].bind.port == 8080);
  CHECK(config.admin == Admin{});
  CHECK(config.state_dir == "/var/lib/switchback");
  CHECK(config.run_dir == "/run/switchback");
  CHECK(config.workers == 0);
  REQUIRE(config.services.size() == 1);
  Service expected;
  expected.name = "shop";
  expected.blue = config.services[0].blue;
  CHECK(config.services[0] == expected);
}

TEST_CASE("everything in the model can be set") {
  const Config config =
      loaded(read_whole(switchback::test::in_source("config/examples/edge.yaml")));
  CHECK(config.listeners.size() == 3);
  CHECK(config.listeners[2].bind.kind == AddressKind::unix_path);
  const Service& shop = config.services.at(0);
  REQUIRE(shop.match);
  CHECK(shop.match->hosts == std::vector<std::string>{"shop.example.com", "*.shop.example.com"});
  CHECK(shop.blue.release == "v1.2");
  CHECK(shop.blue.servers.at(0).weight == 3);
  CHECK(shop.green.servers.at(1).address.host == "app-green-2.internal");
  CHECK(shop.balance == Balance{BalancePolicy::hash, HashSource::cookie, "session"});
  CHECK(shop.health_check.host == "shop.example.com");
  CHECK(shop.health_check.status_max == 299);
  CHECK(shop.timeouts.response_idle == 2min);
  CHECK(shop.timeouts.write_idle == 30s);
  CHECK(shop.limits.fields == 64);
  CHECK(shop.limits.body == 10u * 1024 * 1024);
  CHECK(shop.retries.methods.size() == 3);
  CHECK(shop.drain.stream == 60s);
  CHECK(shop.preview_header == "X-Shop-Preview");
  CHECK(shop.forwarded.trust.at(1).prefix_bits == 8);
  CHECK(config.services.at(1).preview_header.empty());
  CHECK(config.admin.access.at(0).group == "oncall");
  CHECK(config.admin.access.at(0).role == Role::operate);
  CHECK(config.admin.tokens.at(0).name == "ci");
  CHECK(config.admin.bind->text == "10.0.0.5:9900");
  CHECK(config.log.path == "/var/log/switchback/access.log");
}

TEST_CASE("values may be written in more than one way") {
  const auto service = [](const std::string& key) {
    return loaded(with("    " + key)).services.at(0);
  };
  const Balance by_header{BalancePolicy::hash, HashSource::header, "X-User"};
  CHECK(service("balance: { hash: header X-User }").balance == by_header);
  CHECK(service("balance: \"hash: header X-User\"").balance == by_header);
  CHECK(service("balance:\n      hash: cookie sid").balance.hash_source == HashSource::cookie);
  CHECK(service("balance: round_robin").balance.policy == BalancePolicy::round_robin);
  CHECK(service("health_check: { path: /, status: 204 }").health_check.status_min == 204);
  CHECK(service("health_check: { path: /, status: 204 }").health_check.status_max == 204);
  CHECK(service("preview: false").preview_header.empty());
  CHECK(service("preview: { header: \"\" }").preview_header.empty());
  CHECK(service("preview: { header: false }").preview_header.empty());
  CHECK(service("match: { hosts: [SHOP.Example.COM] }").match->hosts.at(0) == "shop.example.com");
  CHECK(service("timeouts: { idle: 0 }").timeouts.idle == 0s);
  CHECK(service("timeouts:").timeouts == Timeouts{});
  CHECK(service("retries: { methods: [] }").retries.methods.empty());
  CHECK(loaded(with("", "workers: auto")).workers == 0);
  CHECK(loaded(with("", "workers: 4")).workers == 4);
  CHECK(loaded(with("", "log: { access: off }")).log.access == AccessFormat::off);
  CHECK(loaded(with("", "admin: { socket: \"\", bind: 127.0.0.1:0 }\nrun_dir: /r"))
            .admin.socket.empty());
}

TEST_CASE("faults name the place, the value and the mend") {
  const std::pair<const char*, const char*> cases[] = {
      {"balance: hash",
       "f:5:14: services.shop.balance: hash needs to know of what (write {hash: header NAME} or "
       "{hash: cookie NAME})"},
      {"balance: { hash: X-User }",
       "f:5:22: services.shop.balance.hash: \"X-User\" does not say what is hashed (write header "
       "NAME or cookie NAME, for example header X-User)"},
      {"balance: least_request",
       "f:5:14: services.shop.balance: \"least_request\" is not one of least_requests or "
       "round_robin (did you mean least_requests?)"},
      {"balance: {}",
       "f:5:14: services.shop.balance.hash is missing (What is hashed, so that equal values go to "
       "the same server)"},
      {"initial: grene",
       "f:5:14: services.shop.initial: \"grene\" is not one of blue or green (did you mean "
       "green?)"},
      {"green: { release: blue }",
       "f:5:23: services.shop.green.release: \"blue\" is a color, not a release (name what runs "
       "there, such as v1.2)"},
      {"health_check: { status: 399-200 }",
       "f:5:29: services.shop.health_check.status: \"399-200\" is not a status from 200 to 599, or "
       "a range of them (for example 204 or 200-399)"},
      {"health_check: { path: healthz }",
       "f:5:27: services.shop.health_check.path: \"healthz\" does not begin with /"},
      {"health_check: { path: /, host: \"a b\" }",
       "f:5:36: services.shop.health_check.host: \"a b\" is not a host name: it may hold letters, "
       "digits, dots, - and _"},
      {"limits: { head: 512B }",
       "f:5:21: services.shop.limits.head: \"512B\" is out of bounds (allowed: 1KiB to 127KiB)"},
      {"limits: { head: 128KiB }",
       "f:5:21: services.shop.limits.head: \"128KiB\" is out of bounds (allowed: 1KiB to 127KiB)"},
      {"preview: { header: Cookie }",
       "f:5:24: services.shop.preview.header: \"Cookie\" has a meaning of its own (choose a name "
       "of your own)"},
      {"preview: { header: \"a b\" }",
       "f:5:24: services.shop.preview.header: \"a b\" is not a header name (for example "
       "X-Switchback-Preview)"},
      {"retries: { methods: [CONNECT] }",
       "f:5:26: services.shop.retries.methods[0]: \"CONNECT\" cannot be sent again"},
      {"match: { path_prefix: /a/../b }",
       "f:5:27: services.shop.match.path_prefix: \"/a/../b\" has a . or .. segment (clients "
       "resolve those before they ask)"},
      {"match: { path_prefix: /api/* }",
       "f:5:27: services.shop.match.path_prefix: \"/api/*\" has a wildcard (a prefix needs none: "
       "it matches everything below it)"},
      {"match: { path_prefix: /a//b }",
       "f:5:27: services.shop.match.path_prefix: \"/a//b\" has an empty segment"},
      {"tls: {}", "f:5:5: unknown key \"tls\" in services.shop (tls belongs into listeners[])"},
      {"outlier: { max_ejected: 50 }",
       "f:5:29: services.shop.outlier.max_ejected: \"50\" is not a percentage from 0% to 100% (for "
       "example 50%)"},
      {"redirect_https: \"true\"",
       "f:5:21: services.shop.redirect_https: expected true or false, found \"true\" (write true "
       "or "
       "false, without quotes)"},
  };
  for (const auto& [key, expected] : cases) {
    INFO(key);
    CHECK(about(key) == std::string(expected) + "\n");
  }
}

TEST_CASE("names that a later release brings are not called slips") {
  for (const char* key : {"database: {}", "holdback: {}"}) {
    CHECK_THAT(about(key), ContainsSubstring("is not built yet in this release"));
    CHECK(about(key).find("unknown") == std::string::npos);
  }
}

TEST_CASE("one fault makes the whole file faulty, and a follow-on is not told") {
  const LoadResult result =
      load_text("listeners: [{ bind: nowhere }]\nservices: { a: { blue: 5 } }\n", "f");
  CHECK_FALSE(result.config);
  CHECK(told(result) ==
        "f:1:21: listeners[0].bind: \"nowhere\" has no port (for example nowhere:8080)\n"
        "f:2:24: services.a.blue: expected a mapping, found \"5\"\n");
}

TEST_CASE("a fault in an aliased value is told once") {
  const LoadResult result =
      load_text(with("    timeouts: &t { idle: 5 }\n  api:\n    match: { hosts: [a.b] }\n    blue: "
                     "{ servers: [\"127.0.0.1:2\"] }\n    timeouts: *t"),
                "f");
  CHECK(result.diagnostics.size() == 2);  // under its two names, at one place
  CHECK(result.diagnostics[0].line == 5);
  CHECK(result.diagnostics[1].line == 5);
}

TEST_CASE("relative files begin at the folder of the configuration") {
  const Config config = loaded(
      with("", "state_dir: ./state\nadmin: { socket: run/admin.sock }\nlog: { path: access.log }"),
      "/etc/sb/switchback.yaml");
  CHECK(config.state_dir == "/etc/sb/state");
  CHECK(config.admin.socket == "/etc/sb/run/admin.sock");
  CHECK(config.run_dir == "/etc/sb/run");
  CHECK(config.log.path == "/etc/sb/access.log");
  CHECK(loaded(with("", "log: { path: stderr }"), "/etc/sb/a.yaml").log.path == "stderr");
  CHECK(loaded(with("", "state_dir: state"), "a.yaml").state_dir == "state");
}

TEST_CASE("the environment is not looked at") {
  CHECK_THAT(told(load_text(with("", "state_dir: $HOME/state"), "f")),
             ContainsSubstring("variables are not filled in"));
  CHECK_THAT(told(load_text(with("", "state_dir: ~/state"), "f")),
             ContainsSubstring("only shells know"));
}

TEST_CASE("a token written instead of its hash is not repeated") {
  const std::string text = told(load_text(
      with("", "admin: { tokens: [{ name: ci, role: read, sha256: sbt_secret }] }"), "f"));
  CHECK_THAT(text, ContainsSubstring("is not a SHA-256"));
  CHECK(text.find("sbt_secret") == std::string::npos);
}

TEST_CASE("files that cannot be read are said in one line") {
  const LoadResult missing = load_file("/nonexistent/switchback.yaml");
  CHECK_FALSE(missing.config);
  CHECK(told(missing) ==
        "/nonexistent/switchback.yaml: cannot be opened: No such file or directory (`switchback "
        "init` writes one to begin with)\n");
  CHECK(told(load_file("/")) == "/: is a folder, not a file\n");
  CHECK_THAT(told(load_file("/dev/zero")), ContainsSubstring("larger than 1 MiB"));
}
