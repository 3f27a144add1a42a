// /healthz and /readyz for whoever asks, and on an address of their own; who asks behind a proxy.
#include <future>

#include "tests/conformance/client_cases.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/unit/admin/api/api_fixture.hpp"

namespace switchback {
namespace {

using test::ApiFixture;
using test::RawClient;

config::Admin with_health() {
  config::Admin admin;
  config::Address bind;
  bind.text = "127.0.0.1:0";
  bind.host = "127.0.0.1";
  admin.health_bind = bind;
  return admin;
}

config::Admin with_token() {
  config::Admin admin;
  admin.tokens = {{"dash", config::Role::read, people::make_token("dash").sha256}};
  return admin;
}

test::RawResponse ask(const std::string& address, const std::string& request,
                      bool head_only = false) {
  RawClient client(address);
  client.send(request);
  return client.read_response(head_only);
}

}  // namespace

TEST_CASE("probes are answered whoever asks, with tokens and without") {
  const bool tokens = GENERATE(false, true);
  ApiFixture f(tokens ? with_token() : config::Admin());
  for (const std::string path : {"/healthz", "/readyz", "/readyz?verbose=1"}) {
    for (const std::string head :
         {"HTTP/1.0\r\n", "HTTP/1.0\r\nHost: 10.42.0.17:9900\r\n", "HTTP/1.1\r\nHost: x\r\n",
          "HTTP/1.1\r\nHost: 10.42.0.17:9900\r\nUser-Agent: kube-probe/1.30\r\n",
          "HTTP/1.1\r\nHost: [fd00::17]:9900\r\n", "HTTP/1.1\r\nHost: evil.example\r\n",
          "HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sbt_wrong\r\n",
          "HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n"}) {
      INFO(path << " " << head);
      const auto answer = ask(f.tcp, "GET " + path + " " + head + "Connection: close\r\n\r\n");
      CHECK(answer.status == 200);
      CHECK(answer.body == (path == "/healthz" ? "ok\n" : "ready\n"));
      const auto bare = ask(f.tcp, "HEAD " + path + " " + head + "Connection: close\r\n\r\n", true);
      CHECK(bare.status == 200);
      CHECK(bare.body.empty());
    }
  }
  // Nothing else is.
  CHECK(ask(f.tcp, "GET /v1/services HTTP/1.0\r\n\r\n").status == (tokens ? 401 : 403));
  CHECK(ask(f.tcp, "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").status >= 400);
}

TEST_CASE("readyz says in words what is missing, and that the process ends") {
  ApiFixture f;
  f.on_io([&] { f.plane.views[0].pools[index_of(f.plane.views[0].active)].servers.clear(); });
  auto answer = ask(f.tcp, "GET /readyz HTTP/1.0\r\n\r\n");
  CHECK(answer.status == 503);
  CHECK_THAT(answer.body, ContainsSubstring("not ready\n") && ContainsSubstring("service shop"));
  CHECK(ask(f.tcp, "HEAD /readyz HTTP/1.0\r\n\r\n", true).status == 503);
  f.on_io([&] { f.server->leave(); });
  answer = ask(f.tcp, "GET /readyz HTTP/1.0\r\n\r\n");
  CHECK(answer.status == 503);
  CHECK_THAT(answer.body, ContainsSubstring("shutting down"));
  CHECK(ask(f.tcp, "GET /healthz HTTP/1.0\r\n\r\n").status == 200);  // it lives
}

TEST_CASE("an address for probes answers them alone") {
  ApiFixture f(with_health());
  REQUIRE(f.fault == "");
  const std::string address = f.server->health_addresses().at(0);
  CHECK(f.tcp == f.server->bound_address());
  CHECK(address != f.tcp);
  CHECK(ask(address, "GET /healthz HTTP/1.0\r\n\r\n").body == "ok\n");
  CHECK(ask(address, "GET /readyz HTTP/1.1\r\nHost: 10.42.0.17\r\n\r\n").body == "ready\n");
  CHECK(ask(address, "HEAD /readyz HTTP/1.1\r\nHost: a\r\n\r\n", true).status == 200);
  for (const std::string path :
       {"/", "/metrics", "/v1/services", "/v1/openapi.json", "/healthz/", "//healthz"}) {
    INFO(path);
    CHECK(ask(address, "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").status == 404);
  }
  CHECK(ask(address,
            "POST /v1/services/shop/rollback HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Content-Length: 0\r\n\r\n")
            .status == 404);
  const auto post = ask(address, "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  CHECK(post.status == 405);
  CHECK(post.field("Allow") == "GET, HEAD");
  CHECK(f.controller.rollbacks.empty());
}

TEST_CASE("an address for probes that is taken is one clear line") {
  ApiFixture first(with_health());
  config::Admin admin = with_health();
  const std::string address = first.server->health_addresses().at(0);
  admin.health_bind->port =
      static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  ApiFixture second(admin);
  CHECK_THAT(second.fault, ContainsSubstring("admin.health_bind 127.0.0.1:"));
}

namespace {

config::Admin behind_proxy(const std::string& header = "X-Forwarded-For") {
  config::Admin admin = with_token();
  admin.forwarded.trust = {conformance::network_of("127.0.0.0/8")};
  admin.forwarded.client_header = header;
  return admin;
}

std::string peer_of(ApiFixture& f, const std::string& token, const std::string& fields) {
  const auto answer = ask(f.tcp, "GET /v1/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
                                     token + "\r\n" + fields + "\r\n");
  const auto begin = answer.body.find("\"peer\":\"") + 8;
  return answer.body.substr(begin, answer.body.find('"', begin) - begin);
}

}  // namespace

TEST_CASE("behind a trusted proxy the client is who it names") {
  const auto token = people::make_token("dash");
  config::Admin admin = behind_proxy();
  admin.tokens = {{"dash", config::Role::read, token.sha256}};
  ApiFixture f(admin);
  CHECK(peer_of(f, token.text, "X-Forwarded-For: 198.51.100.1, 203.0.113.7\r\n") == "203.0.113.7");
  CHECK(
      peer_of(f, token.text, "X-Forwarded-For: 203.0.113.7:80\r\nX-Forwarded-For: 127.0.0.2\r\n") ==
      "203.0.113.7:80");
  CHECK(peer_of(f, token.text, "X-Forwarded-For: 2001:db8::7\r\n") == "[2001:db8::7]");
  CHECK(peer_of(f, token.text, "X-Forwarded-For: nonsense\r\n").rfind("127.0.0.1:", 0) == 0);
  CHECK(peer_of(f, token.text, "Forwarded: for=203.0.113.7\r\n").rfind("127.0.0.1:", 0) == 0);
  admin.forwarded.client_header = "Forwarded";
  f.on_io([&] { CHECK(f.server->adopt(admin) == ""); });  // with a reload
  CHECK(peer_of(f, token.text, "Forwarded: for=\"[2001:db8::7]:1\"\r\n") == "[2001:db8::7]:1");
  admin.forwarded.trust = {conformance::network_of("10.0.0.0/8")};
  f.on_io([&] { CHECK(f.server->adopt(admin) == ""); });
  CHECK(peer_of(f, token.text, "Forwarded: for=203.0.113.7\r\n").rfind("127.0.0.1:", 0) == 0);
}

TEST_CASE("a proxy on this machine does not make its clients local") {
  config::Admin admin = behind_proxy();
  admin.tokens.clear();
  ApiFixture f(admin);
  const auto status = [&](const std::string& fields) {
    return ask(f.tcp, "GET /v1/services HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n").status;
  };
  CHECK(status("") == 200);
  CHECK(status("X-Forwarded-For: 127.0.0.1\r\n") == 200);
  CHECK(status("X-Forwarded-For: 203.0.113.7\r\n") == 401);
}

TEST_CASE("wrong tokens are counted by the client, not by the proxy") {
  ApiFixture f(behind_proxy("X-Real-IP"));
  const auto status = [&](const std::string& ip) {
    return ask(f.tcp,
               "GET /v1/services HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sbt_wrong\r\n"
               "X-Real-IP: " +
                   ip + "\r\n\r\n")
        .status;
  };
  unsigned last = 0;
  for (int i = 0; i < 200 && last != 429; ++i) last = status("203.0.113.7");
  CHECK(last == 429);
  CHECK(status("203.0.113.8") == 401);
}

TEST_CASE("the audit names the client and the proxy it came by") {
  test::TempDir folder;
  auto ledger = ledger::Ledger::open({.path = folder.file("ledger.db")});
  config::Admin admin = behind_proxy();
  people::People people(admin, ledger.get());
  {
    ApiFixture f(admin, &people);
    CHECK(ask(f.tcp,
              "POST /v1/services/shop/rollback HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
              "X-Forwarded-For: 203.0.113.7\r\n\r\n")
              .status == 401);
    f.settle();
  }
  people.audit().close_minutes(0, true);
  people.audit().pump(0);
  REQUIRE(ledger->flush(std::chrono::seconds(10)));
  std::promise<std::vector<ledger::AuditRow>> read;
  ledger->audit_after(0, 1000, [&](auto rows, const std::string&) { read.set_value(rows); });
  const auto rows = read.get_future().get();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].source == "203.0.113.7");
  CHECK_THAT(rows[0].text, ContainsSubstring("\"via\":\"127.0.0.1\""));
}

}  // namespace switchback
