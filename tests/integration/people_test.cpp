// Who may act, from outside: tokens at run time with curl, client certificates, the audit chain on
// the real file, and rollbacks under floods of tokens right and wrong.
#include <sqlite3.h>

#include <atomic>
#include <thread>

#include "tests/integration/instance.hpp"
#include "tests/support/certificates.hpp"

using namespace switchback::test;

namespace {

namespace json = boost::json;

struct House {
  explicit House(const std::string& admin_more = "") : instance(options(admin_more)) {
    address = admin_address();
  }

  InstanceOptions options(const std::string& admin_more) const {
    InstanceOptions out;
    out.blue = {blue.address()};
    out.green = {green.address()};
    out.admin_more = "  bind: 127.0.0.1:0\n" + admin_more;
    return out;
  }
  std::string admin_address() const {
    const auto line = instance.process->wait_for_line("admin on http");
    REQUIRE(line);
    return line->substr(line->find("http"));
  }
  void restart() {
    instance.process->signal(SIGTERM);
    REQUIRE(instance.process->wait());
    instance.start();
    address = admin_address();
  }

  // STATUS of a call over TCP; the body in `body`.
  std::string curl(std::vector<std::string> arguments, const std::string& path) {
    arguments.insert(arguments.begin(), {"curl", "-sS", "-m", "20", "-w", "\n%{http_code}"});
    arguments.push_back(address + path);
    const auto done = run(arguments);
    const auto end = done.out.rfind('\n');
    body = end == std::string::npos ? "" : done.out.substr(0, end);
    return end == std::string::npos ? done.err : done.out.substr(end + 1);
  }
  std::string with_token(const std::string& token, const std::string& path,
                         std::vector<std::string> more = {}) {
    more.insert(more.end(), {"-H", "Authorization: Bearer " + token});
    return curl(std::move(more), path);
  }
  std::string code() const { return std::string(json_of(body).at("code").as_string()); }

  std::string new_token(std::vector<std::string> words) {
    words.insert(words.begin(), {"token", "new"});
    words.push_back("--json");
    const auto done = instance.cli(words);
    INFO(done.out + done.err);
    REQUIRE(done.code == 0);
    const auto made = json_of(done.out);
    CHECK(made.at("durable").as_bool());
    return std::string(made.at("token").as_string());
  }

  TestServer blue{"blue"}, green{"green"};
  Instance instance;
  std::string address, body;
};

const std::vector<std::string> post = {"-X", "POST"};

TEST_CASE(
    "a token made at run time is in force at once, survives a restart and ends when revoked") {
  House house;
  house.instance.wait_until_checked();
  const auto ci = house.new_token({"ci", "--role", "deploy", "--expires", "90d"});
  CHECK(house.with_token(ci, "/v1/services/shop/flips", {"-d", R"({"to":"green"})"}) == "200");
  CHECK(json_of(house.body).at("actor") == "token ci");
  CHECK(house.with_token(ci, "/v1/tokens") == "403");
  CHECK(house.with_token(ci, "/v1/whoami") == "200");
  const auto me = json_of(house.body);
  CHECK(me.at("role") == "deploy");
  CHECK(me.at("expires_at").is_string());
  CHECK(me.at("last_operated_at").is_string());

  house.restart();
  CHECK(house.with_token(ci, "/v1/people") == "200");
  CHECK(json_of(house.body).at("proven").as_int64() == 1);
  CHECK(house.with_token(ci, "/v1/services/shop/rollback", post) == "200");

  const auto rotated = house.instance.cli({"token", "rotate", "ci", "--grace", "1h"});
  REQUIRE(rotated.code == 0);
  const auto fresh = rotated.out.substr(0, rotated.out.find('\n'));
  CHECK(house.with_token(ci, "/v1/whoami") == "200");
  CHECK(house.with_token(fresh, "/v1/whoami") == "200");
  CHECK(house.instance.cli({"token", "revoke", "ci"}).code == 0);
  CHECK(house.with_token(ci, "/v1/whoami") == "401");
  CHECK(house.code() == "token_revoked");
  CHECK(house.with_token(fresh, "/v1/whoami") == "401");
  house.restart();
  CHECK(house.instance.cli({"token", "list"}).out.find("revoked") != std::string::npos);
  CHECK(house.instance.cli({"token", "revoke", "nobody"}).code == 2);
  // The text of a token is nowhere.
  for (const char* file : {"state/ledger.db", "state/ledger.db-wal"}) {
    CHECK(house.instance.folder.read(file).find(ci.substr(ci.size() - 64)) == std::string::npos);
  }
}

TEST_CASE("expired and confined tokens are told why") {
  House house;
  house.instance.wait_until_checked();
  const auto other = house.instance.cli({"token", "new", "x", "--service", "cart", "--json"});
  CHECK(other.code == 2);
  CHECK(other.out.find("no service 'cart'") != std::string::npos);
  const auto ci = house.new_token({"ci", "--service", "shop"});
  CHECK(house.with_token(ci, "/v1/services/shop/rollback", post) ==
        "409");  // may, but nothing there
  CHECK(house.with_token(ci, "/v1/services/cart/rollback", post) == "403");
  CHECK(house.code() == "token_scope");
  CHECK(house.instance.cli({"token", "expire", "ci", "--at", "1ms"}).code == 0);
  CHECK(until([&] { return house.with_token(ci, "/v1/whoami") == "401"; }));
  CHECK(house.code() == "token_expired");
}

TEST_CASE("a token that ends soon stands as an alarm and in /metrics") {
  House house;
  house.new_token({"ci", "--expires", "3d"});
  REQUIRE(until([&] {
    return house.instance.cli({"status", "--json"}).out.find("token_expiring") != std::string::npos;
  }));
  CHECK(house.curl({}, "/metrics") == "200");
  CHECK(house.body.find("switchback_tokens{state=\"expiring\"} 1") != std::string::npos);
  CHECK(house.body.find("switchback_token_expires_days{token=\"ci\"} 2.99") != std::string::npos);
  CHECK(house.body.find("switchback_audit_lost_total 0") != std::string::npos);
  CHECK(house.instance.cli({"token", "expire", "ci", "--at", "never"}).code == 0);
  CHECK(until([&] {
    return house.instance.cli({"status", "--json"}).out.find("token_expiring") == std::string::npos;
  }));
}

TEST_CASE("client certificates over https: who has a rule may, everybody else is told why") {
  Authority authority, stranger("Another Authority");
  const auto server = authority.issue({.name = "localhost", .names = "DNS:localhost,IP:127.0.0.1"});
  const auto dana =
      authority.issue({.name = "dana", .names = "email:dana@example.com", .client = true});
  const auto li = authority.issue({.name = "li", .names = "", .client = true});
  const auto old = authority.issue(
      {.name = "dana", .names = "email:dana@example.com", .client = true, .expired = true});
  const auto forged =
      stranger.issue({.name = "dana", .names = "email:dana@example.com", .client = true});
  House house("  tls: { cert: " + server.cert + ", key: " + server.key + " }\n  client_ca: " +
              authority.ca() + "\n  certificates: [{ name: dana@example.com, role: operate }]\n");
  house.instance.wait_until_checked();
  REQUIRE(house.address.starts_with("https://"));
  const auto as = [&](const CertificateFiles& files, const std::string& path,
                      std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--cacert", authority.ca(), "--cert", files.cert, "--key", files.key});
    return house.curl(std::move(more), path);
  };
  CHECK(as(dana, "/v1/whoami") == "200");
  CHECK(json_of(house.body).at("name") == "certificate dana@example.com");
  CHECK(as(dana, "/v1/services/shop/flips", {"-d", R"({"to":"green"})"}) == "200");
  CHECK(as(dana, "/v1/services/shop/rollback", {"-X", "POST", "--tls-max", "1.2"}) == "200");
  CHECK(as(li, "/v1/whoami") == "403");
  CHECK(house.code() == "certificate_unknown");
  CHECK(as(old, "/v1/whoami") == "401");
  CHECK(house.body.find("expired") != std::string::npos);
  CHECK(as(forged, "/v1/whoami") == "401");
  CHECK(house.code() == "certificate_refused");
  CHECK(house.curl({"--cacert", authority.ca()}, "/v1/services") == "401");
  // A server that is not who it says it is hears nothing.
  CHECK(house.curl({"--cacert", stranger.ca()}, "/v1/services") == "000");
  const auto plain = run({"curl", "-sS", "http://" + house.address.substr(8) + "/v1/services"});
  CHECK(plain.out.find("speaks HTTPS") != std::string::npos);

  // The command line, with the same files; SIGHUP takes dana's rule away.
  const auto cli = [&](const CertificateFiles& files) {
    return command({"whoami", "--json", "--admin", house.address, "--ca-file", authority.ca(),
                    "--cert-file", files.cert, "--key-file", files.key});
  };
  CHECK(json_of(cli(dana).out).at("role") == "operate");
  CHECK(json_of(cli(dana).out).at("last_operated_at").is_string());
  CHECK(cli(li).code == 4);
  const auto unknown = command({"whoami", "--admin", house.address, "--ca-file", stranger.ca()});
  CHECK(unknown.code == 3);
  CHECK(unknown.err.find("--ca-file") != std::string::npos);
  auto text = house.instance.config_text();
  text.replace(text.find("name: dana@example.com"), 22, "name: li");
  house.instance.folder.write("switchback.yaml", text);
  house.instance.process->signal(SIGHUP);
  REQUIRE(until([&] { return cli(li).code == 0; }));
  CHECK(as(dana, "/v1/whoami") == "403");
}

void sql(const std::string& path, const std::string& statement) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  char* fault = nullptr;
  sqlite3_exec(db, statement.c_str(), nullptr, nullptr, &fault);
  const std::string said = fault ? fault : "";
  sqlite3_free(fault);
  sqlite3_close(db);
  CHECK(said == "");
}

TEST_CASE("audit verify finds whatever is done to the ledger's file") {
  House house;
  house.instance.wait_until_checked();
  const auto& folder = house.instance.folder;
  for (int i = 0; i < 3; ++i) {
    CHECK(house.instance.cli({"flip", "shop", "--to", i % 2 == 0 ? "green" : "blue"}).code == 0);
  }
  CHECK(house.curl(post, "/v1/services/shop/rollback") == "401");  // a refused change
  const auto online = house.instance.cli({"audit", "verify"});
  CHECK(online.code == 0);
  const auto list = house.instance.cli({"audit", "list"});
  CHECK(list.out.find("flip") != std::string::npos);
  CHECK(list.out.find("refused") != std::string::npos);
  CHECK(house.instance.cli({"audit", "verify", "--ledger", folder.file("state/ledger.db")}).code ==
        0);
  house.instance.process->signal(SIGTERM);
  REQUIRE(house.instance.process->wait());

  const auto verify = [&](const std::string& ledger) {
    return command({"audit", "verify", "--json", "--ledger", ledger, "--anchors",
                    folder.file("state/audit-anchor")});
  };
  const auto whole = verify(folder.file("state/ledger.db"));
  REQUIRE(whole.code == 0);
  const auto entries = json_of(whole.out).at("entries").as_int64();
  CHECK(entries >= 5);
  CHECK(json_of(whole.out).at("anchors").as_int64() >= 1);  // the stop anchored the head
  const auto last = std::to_string(entries);
  const struct {
    std::string what;
    std::int64_t first_bad;
  } cases[] = {
      {"UPDATE audit SET text = replace(text, 'green', 'blue') WHERE seq = 2", 2},
      {"UPDATE audit SET actor = 'token mallory' WHERE seq = 3", 3},
      {"DELETE FROM audit WHERE seq = 2", 2},
      {"DELETE FROM audit WHERE seq = " + last, entries},  // the tail: only the anchor knows
      {"DELETE FROM audit", 1},
  };
  int n = 0;
  for (const auto& one : cases) {
    INFO(one.what);
    folder.write("copy-" + std::to_string(++n) + ".db", folder.read("state/ledger.db"));
    const auto path = folder.file("copy-" + std::to_string(n) + ".db");
    sql(path, one.what);
    const auto said = verify(path);
    CHECK(said.code == 1);
    CHECK(json_of(said.out).at("first_bad").as_int64() == one.first_bad);
  }
  CHECK(command({"audit", "verify", "--ledger", folder.file("nothing.db")}).code == 2);

  // The tail cut off under our feet: the next start says so by itself.
  sql(folder.file("state/ledger.db"), "DELETE FROM audit WHERE seq = " + last);
  house.instance.start();
  CHECK(until([&] {
    return house.instance.cli({"status", "--json"}).out.find("audit_broken") != std::string::npos;
  }));
}

TEST_CASE("floods of tokens, right and wrong, keep no rollback out") {
  House house;
  house.instance.wait_until_checked();
  const auto good = house.new_token({"ci", "--role", "deploy"});
  const auto oncall = house.new_token({"oncall"});
  const std::string wrong = "sbt_ci_" + std::string(64, '0');
  CHECK(house.instance.cli({"flip", "shop", "--to", "green"}).code == 0);

  std::atomic<bool> over{false};
  std::atomic<int> refused{0}, limited{0};
  const auto flood = [&](const std::string& token) {
    const std::string request =
        "GET /v1/services HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n\r\n";
    while (!over) {
      RawClient client(house.address);
      for (int i = 0; i < 50 && !over; ++i) {
        client.send(request);
        const auto status = client.read_response().status;
        if (status == 401) ++refused;
        if (status == 429) ++limited;
      }
    }
  };
  std::vector<std::thread> threads;
  for (const auto& token : {good, good, wrong, wrong}) threads.emplace_back(flood, token);
  CHECK(until([&] { return limited > 500; }));
  CHECK(house.with_token(good, "/v1/services/shop/rollback", post) == "200");
  CHECK(json_of(house.body).at("moved").as_bool());
  for (int i = 0; i < 3; ++i)
    CHECK(house.with_token(oncall, "/v1/services/shop/rollback", post) == "200");
  CHECK(house.instance.cli({"rollback", "shop"}).code == 0);
  over = true;
  for (auto& thread : threads) thread.join();
  CHECK(refused > 0);
  CHECK(house.instance.cli({"audit", "verify"}).code == 0);
}

TEST_CASE("who is on call is read from the file, again when it changes") {
  House house("  on_call: oncall.json\n");
  const auto on_call = [&] {
    return json::serialize(json_of(house.instance.cli({"people", "--json"}).out).at("on_call"));
  };
  REQUIRE(until([&] {
    return house.instance.cli({"status", "--json"}).out.find("on_call_unreadable") !=
           std::string::npos;
  }));
  house.instance.folder.write("oncall.json", R"([{"name":"dana","until":"2999-01-01"}])");
  CHECK(until([&] { return on_call() == R"(["dana"])"; }));
  house.instance.folder.write("oncall.json", R"({"name":"li"})");
  CHECK(until([&] { return on_call() == R"(["li"])"; }));
  CHECK(until([&] {
    return house.instance.cli({"status", "--json"}).out.find("on_call_unreadable") ==
           std::string::npos;
  }));
}

}  // namespace
