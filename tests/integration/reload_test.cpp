// SIGHUP while requests and flips go on: what a reload must leave alone, and
// what must be different from the next request on. The plain cases are in serve_test.cpp.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/instance.hpp"

using namespace switchback::test;

namespace {

struct ReloadShop {
  explicit ReloadShop(InstanceOptions options = {}) : instance(filled(std::move(options))) {}

  InstanceOptions filled(InstanceOptions options) const {
    options.blue = {blue.address()};
    options.green = {green.address()};
    return options;
  }

  // The configuration with one text in place of another, adopted.
  void adopt(const std::string& from, const std::string& to) {
    auto text = instance.config_text();
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    adopt_text(text.replace(at, from.size(), to));
  }
  void adopt_text(const std::string& text) {
    const std::size_t before = adopted();
    instance.folder.write("switchback.yaml", text);
    instance.process->signal(SIGHUP);
    REQUIRE(until([&] { return adopted() > before; }));
  }
  std::size_t adopted() const { return count(instance.process->err(), "reload: adopted"); }

  static std::size_t count(const std::string& text, const std::string& what) {
    std::size_t found = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
  }

  TestServer blue{"blue"}, green{"green"}, third{"third"};
  Instance instance;
};

std::string request(const std::string& target, const std::string& host = "shop") {
  return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

// "blue", or the status when no server answered.
std::string ask(RawClient& client, const std::string& target = "/ok",
                const std::string& host = "shop") {
  client.send(request(target, host));
  const auto response = client.read_response();
  const auto by = response.field("X-Served-By");
  return by.empty() ? std::to_string(response.status) : by;
}

}  // namespace

TEST_CASE("a reload keeps the active color, whatever initial says") {
  ReloadShop shop;
  shop.instance.wait_until_checked();
  REQUIRE(shop.instance.cli({"flip", "shop", "--to", "green"}).code == 0);
  REQUIRE(shop.instance.who_answers() == "green");
  shop.adopt("    health_check:",
             "    initial: blue\n    timeouts: { connect: 1s }\n    health_check:");
  CHECK(shop.instance.who_answers() == "green");
  const auto status = json_of(shop.instance.cli({"status", "shop", "--json"}).out);
  CHECK(status.at("active").as_string() == "green");
  REQUIRE(shop.instance.cli({"rollback", "shop"}).code == 0);
  CHECK(shop.instance.who_answers() == "blue");
}

TEST_CASE(
    "a client connection and a request in flight outlive a reload that removes their server") {
  ReloadShop shop;
  RawClient kept(shop.instance.address), held(shop.instance.address);
  REQUIRE(ask(kept) == "blue");
  held.send(request("/hold"));
  REQUIRE(shop.blue.wait_for_held(1));

  shop.adopt(shop.blue.address(), shop.third.address());

  CHECK(until([&] { return ask(kept) == "third"; }));
  shop.blue.release_held();
  const auto response = held.read_response();
  CHECK(response.status == 200);
  CHECK(response.complete);
  CHECK(response.field("X-Served-By") == "blue");
  CHECK(ask(held) == "third");  // the same connection goes on, to the new server
}

TEST_CASE("services come and go with a reload, and are flipped like any other") {
  ReloadShop shop;
  const TestServer api_blue("api-blue"), api_green("api-green");
  const std::string api =
      "  api:\n    match: { hosts: [api.example] }\n    blue: { servers: [\"" + api_blue.address() +
      "\"] }\n    green: { servers: [\"" + api_green.address() +
      "\"] }\n    health_check: { path: /healthz, interval: 50ms, timeout: 50ms }\n";
  RawClient client(shop.instance.address);
  REQUIRE(ask(client, "/ok", "api.example") == "blue");  // the default service, so far

  shop.adopt("admin:\n", api + "admin:\n");
  CHECK(ask(client, "/ok", "api.example") == "api-blue");
  CHECK(ask(client) == "blue");
  REQUIRE(until([&] {
    return shop.instance.cli({"flip", "api", "--to", "green"}).code ==
           0;  // once its first checks passed
  }));
  CHECK(ask(client, "/ok", "api.example") == "api-green");
  CHECK(ask(client) == "blue");

  shop.adopt_text(shop.instance.config_text());
  CHECK(ask(client, "/ok", "api.example") == "blue");
  CHECK(shop.instance.cli({"flip", "api", "--to", "blue"}).code != 0);

  // Back again, its color is the one it was last flipped to.
  shop.adopt("admin:\n", api + "admin:\n");
  CHECK(ask(client, "/ok", "api.example") == "api-green");
}

TEST_CASE("new limits hold from the next request on, on connections that are open") {
  ReloadShop shop;
  RawClient client(shop.instance.address);
  const std::string post =
      "POST /sink HTTP/1.1\r\nHost: shop\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x');
  client.send(post);
  REQUIRE(client.read_response().status == 200);
  shop.adopt("    health_check:", "    limits: { body: 1KiB }\n    health_check:");
  client.send(post.substr(0, post.find("\r\n\r\n") + 4));
  CHECK(client.read_response().status == 413);
}

TEST_CASE("a token lives from the reload that brings it to the one that takes it") {
  ReloadShop shop({.admin_more = "  bind: 127.0.0.1:0\n"});
  // The SHA-256 of "sbt_reload_test".
  const std::string token =
      "  tokens: [{ name: ci, role: operate, sha256: "
      "37089d893cb96a8a94eeee5f96825744fe5c28b3de4584d652926107a44ec307 }]\n";
  const auto line = shop.instance.process->wait_for_line("admin on http://");
  REQUIRE(line);
  const std::string admin = line->substr(line->find("http://"));
  const std::string host = admin.substr(7);
  const auto pause = [&] {
    RawClient client(admin);
    client.send("POST /v1/services/shop/resume HTTP/1.1\r\nHost: " + host +
                "\r\nAuthorization: Bearer sbt_reload_test\r\nContent-Length: 0\r\nConnection: "
                "close\r\n\r\n");
    return client.read_response().status;
  };
  CHECK(pause() == 401);
  shop.adopt("  bind: 127.0.0.1:0\n", "  bind: 127.0.0.1:0\n" + token);
  CHECK(pause() == 200);
  shop.adopt_text(shop.instance.config_text());
  CHECK(pause() == 401);
}

TEST_CASE("what cannot change is named with its reason while the rest is adopted") {
  ReloadShop shop;
  auto text = shop.instance.config_text();
  const auto replace = [&](const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
  };
  replace("bind: 127.0.0.1:0", "bind: 127.0.0.1:1");
  replace("workers: 2", "workers: 3");
  replace("state_dir: state", "state_dir: other");
  replace("socket: admin.sock", "socket: other.sock");
  replace(shop.blue.address(), shop.third.address());
  text += "log: { path: stderr, access: text }\n";
  shop.adopt_text(text);
  const std::string said = shop.instance.process->err();
  for (const char* key :
       {"listeners", "workers", "state_dir", "run_dir", "admin.socket", "log.path", "log.access"}) {
    if (std::string(key) == "run_dir") continue;  // the same folder still
    INFO(key);
    CHECK_THAT(said,
               ContainsSubstring("needs a restart, stays as it is: " + std::string(key) + ": "));
  }
  CHECK(until([&] { return shop.instance.who_answers() == "third"; }));
  CHECK(shop.instance.cli({"status"}).code == 0);  // at the old socket
  // The same file again: what stays is named again, what was adopted is no change any more.
  const std::size_t before =
      ReloadShop::count(shop.instance.process->err(), "reload: services.shop.blue.servers");
  shop.adopt_text(text);
  CHECK(ReloadShop::count(shop.instance.process->err(), "reload: services.shop.blue.servers") ==
        before);
}

TEST_CASE("a faulty file is told whole, and the configuration in force stays whole") {
  ReloadShop shop;
  shop.instance.folder.write(
      "switchback.yaml",
      "listeners: [{ bind: 8080 }]\nservices:\n  shop:\n    blue: { servers: [\"" +
          shop.third.address() + "\"] }\n    timeouts: { connect: 5 }\n");
  shop.instance.process->signal(SIGHUP);
  REQUIRE(shop.instance.process->wait_for_line("reload refused"));
  const std::string said = shop.instance.process->err();
  CHECK_THAT(said, ContainsSubstring("switchback.yaml:1:21: "));
  CHECK_THAT(said, ContainsSubstring("switchback.yaml:5:26: "));
  CHECK(shop.instance.who_answers() == "blue");
  // A file that is gone is no different.
  REQUIRE(::unlink(shop.instance.config().c_str()) == 0);
  shop.instance.process->signal(SIGHUP);
  REQUIRE(shop.instance.process->wait_for_line("cannot be opened"));
  CHECK(shop.instance.who_answers() == "blue");
  shop.adopt_text(shop.instance.config_text());
  CHECK(shop.instance.who_answers() == "blue");
}

TEST_CASE("reloads and flips under traffic fail no request") {
  ReloadShop shop;
  shop.instance.wait_until_checked();
  std::atomic<bool> stop{false};
  std::atomic<unsigned> asked{0}, wrong{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&, keep = i % 2 == 0] {
      try {
        RawClient client(shop.instance.address);
        while (!stop) {
          if (!keep) client = RawClient(shop.instance.address);
          client.send(request("/ok?bytes=20000"));
          const auto response = client.read_response();
          if (response.status != 200 || !response.complete) ++wrong;
          ++asked;
        }
      } catch (const std::exception&) {
        ++wrong;
      }
    });
  }
  const std::string plain = shop.instance.config_text();
  auto other = plain;
  other.replace(other.find(shop.blue.address()), shop.blue.address().size(), shop.third.address());
  for (int round = 0; round < 10; ++round) {
    const unsigned before = asked;
    shop.adopt_text(round % 2 == 0 ? other : plain);
    CHECK(shop.instance
              .cli({"flip", "shop", "--to", round % 2 == 0 ? "green" : "blue", "--force", "a test"})
              .code == 0);
    CHECK(until([&] { return asked > before + 20 || wrong > 0; }));
  }
  stop = true;
  for (auto& client : clients) client.join();
  CHECK(wrong == 0);
  CHECK(shop.third.requests() + shop.green.requests() + shop.blue.requests() >= asked);
}
