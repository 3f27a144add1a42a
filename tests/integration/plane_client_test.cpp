// The client behind a trusted balancer is the client, wherever one counts: the access record,
// limits, PROXY headers, hashing, copies, and what judges of releases hear.
#include <arpa/inet.h>

#include <fstream>
#include <map>
#include <mutex>
#include <set>

#include "tests/conformance/client_cases.hpp"
#include "tests/integration/mirror.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace switchback;
using namespace switchback::test;
using http::Reason;

namespace {

const config::Network loopback = conformance::network_of("127.0.0.0/8");

config::Service behind_balancer(const std::string& server) {
  config::Service service = service_of("shop", {server}, {});
  service.forwarded.trust.push_back(loopback);
  return service;
}

std::string from(const std::string& client) {
  return "X-Forwarded-For: " + client + "\r\n";
}

// Lines of the access log by the target of the request.
std::map<std::string, std::string> records(const std::string& path) {
  std::map<std::string, std::string> out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::string mark = "\"target\":\"";
    const std::size_t at = line.find(mark);
    if (at == std::string::npos) continue;
    const std::size_t begin = at + mark.size();
    out[line.substr(begin, line.find('"', begin) - begin)] = line;
  }
  return out;
}

std::string value_in(const std::string& record, const std::string& key) {
  const std::string mark = "\"" + key + "\":\"";
  const std::size_t at = record.find(mark);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + mark.size();
  return record.substr(begin, record.find('"', begin) - begin);
}

// An address without its port, as records show it.
std::string shown(std::string text) {
  if (text.front() == '[') return text.substr(1, text.find(']') - 1);
  if (text.find(':') == text.rfind(':')) return text.substr(0, text.find(':'));
  if (text.rfind("::ffff:", 0) == 0) return text.substr(7);
  return text;
}

using Cases = std::vector<std::pair<std::size_t, conformance::ClientCase>>;

// Those of one configuration, each on a connection whose peer is what its PROXY header says.
void run(const Cases& cases, const TestServer& server) {
  TempDir folder;
  config::Config config;
  config.services.push_back(service_of("shop", {server.address()}, {}));
  config.services[0].forwarded.trust = cases.front().second.trust;
  config.services[0].forwarded.client_header = cases.front().second.header;
  config::Listener listener;
  listener.bind = address_of("127.0.0.1:0");
  listener.proxy_protocol = true;
  config.listeners.push_back(listener);
  config.log.access = config::AccessFormat::json;
  config.log.path = folder.file("access.log");
  {
    Plane plane(config, 1);
    for (const auto& [number, one] : cases) {
      const bool v6 = one.peer.find(':') != std::string::npos;
      std::string request = "PROXY " + std::string(v6 ? "TCP6 " : "TCP4 ") + one.peer +
                            (v6 ? " 2001:db8::1" : " 198.51.100.1") + " 5000 443\r\n";
      request += "GET /ok?n=" + std::to_string(number) + " HTTP/1.1\r\nHost: shop.test\r\n";
      for (const auto& [name, value] : one.lines) request += name + ": " + value + "\r\n";
      RawClient client = plane.client();
      client.send(request + "\r\n");
      INFO(one.name);
      CHECK(client.read_response().status == 200);
    }
  }
  const auto log = records(folder.file("access.log"));
  for (const auto& [number, one] : cases) {
    INFO(one.name);
    const std::string& record = log.at("/ok?n=" + std::to_string(number));
    const bool named = one.client != "nobody";
    CHECK(value_in(record, "client") == shown(named ? one.client : one.peer));
    CHECK(value_in(record, "peer") == (named ? shown(one.peer) : ""));
  }
}

}  // namespace

TEST_CASE("the access record names the client and the peer, by every vector", "[client]") {
  TestServer server("blue");
  std::map<std::string, Cases> by_configuration;
  std::size_t number = 0;
  for (const auto& one : conformance::load_client_cases()) {
    std::string key = one.header;
    for (const auto& network : one.trust) key += " " + network.text;
    by_configuration[key].emplace_back(++number, one);
  }
  for (const auto& [key, cases] : by_configuration) run(cases, server);
}

TEST_CASE("requests a second are the named client's, over all connections of the balancer",
          "[client]") {
  TestServer server("blue");
  config::Config config;
  config.services.push_back(behind_balancer(server.address()));
  config.clients.requests_per_second = 1;
  Plane plane(config, 2);
  // Ten at once take nine seconds to be within the limit.
  const auto refused = [&](const std::string& fields) {
    RawClient client = plane.client();
    std::string all;
    for (int i = 0; i < 10; ++i) all += get("/ok", fields);
    client.send(all);
    int count = 0;
    for (int i = 0; i < 10; ++i) count += client.read_response().status == 429;
    return count;
  };
  CHECK(refused(from("203.0.113.1")) > 0);
  CHECK(refused(from("198.51.100.1, 203.0.113.1")) > 0);
  // Others are not its fault, on the same connection and on others.
  RawClient balancer = plane.client();
  for (int i = 10; i < 40; ++i) {
    balancer.send(get("/ok", from("203.0.113." + std::to_string(i))));
    CHECK(balancer.read_response().status == 200);
  }
  // IPv6 clients are counted by network.
  balancer.send(get("/ok", from("2001:db8:0:1::1")));
  CHECK(balancer.read_response().status == 200);
  int late = 0;
  for (int i = 2; i < 12; ++i) {
    balancer.send(get("/ok", from("2001:db8:0:1::" + std::to_string(i))));
    late += balancer.read_response().status == 429;
  }
  CHECK(late > 0);
  balancer.send(get("/ok", from("2001:db8:0:2::1")));
  CHECK(balancer.read_response().status == 200);
  CHECK(refused("") > 0);  // names nobody: the peer is the client
  CHECK(plane.reason_count(Reason::rate_limited) > 0);
}

TEST_CASE("an exempt balancer's clients are not exempt, an exempt client is", "[client]") {
  TestServer server("blue");
  config::Config config;
  config.services.push_back(behind_balancer(server.address()));
  config.clients.requests_per_second = 1;
  config.clients.exempt = {loopback, conformance::network_of("203.0.113.0/24")};
  Plane plane(config, 1);
  RawClient balancer = plane.client();
  std::string many;
  for (int i = 0; i < 10; ++i) many += get("/ok", from("198.51.100.7"));
  for (int i = 0; i < 10; ++i) many += get("/ok", from("203.0.113.7"));
  for (int i = 0; i < 10; ++i) many += get("/ok");
  balancer.send(many);
  int refused[3] = {};
  for (int& count : refused)
    for (int i = 0; i < 10; ++i) count += balancer.read_response().status == 429;
  CHECK(refused[0] > 0);
  CHECK(refused[1] == 0);
  CHECK(refused[2] == 0);
}

namespace {

// Keeps the PROXY lines it was sent; answers to everything.
struct ProxyLines {
  std::mutex mutex;
  std::vector<std::string> lines;
  TestServer server{TestServerOptions{.raw = [this](RawClient& client) {
    const std::string line = client.read_until("\r\n");
    {
      const std::lock_guard lock(mutex);
      lines.push_back(line.substr(0, line.find("\r\n")));
    }
    for (;;) {
      client.read_head();
      client.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  }}};
  std::vector<std::string> named() {
    const std::lock_guard lock(mutex);
    std::vector<std::string> out;
    for (const auto& line : lines)
      if (line.find("UNKNOWN") == std::string::npos) out.push_back(line);
    return out;
  }
};

}  // namespace

TEST_CASE("PROXY headers to servers name the client, and a connection is its client's",
          "[client]") {
  ProxyLines blue;
  config::Service service = behind_balancer(blue.server.address());
  service.blue.proxy_protocol = config::ProxyHeader::v1;
  Plane plane(service);
  RawClient balancer = plane.client();
  const std::string to = " 127.0.0.1 ";
  const auto ask = [&](const std::string& fields) {
    balancer.send(get("/ok", fields));
    CHECK(balancer.read_response().status == 200);
    return blue.named();
  };
  CHECK(ask(from("203.0.113.7")).back().rfind("PROXY TCP4 203.0.113.7" + to + "0 ", 0) == 0);
  CHECK(ask(from("203.0.113.8:5678")).back().rfind("PROXY TCP4 203.0.113.8" + to + "5678 ", 0) ==
        0);
  CHECK(ask(from("203.0.113.7")).size() == 2);  // on the connection that said so
  CHECK(ask(from("2001:db8::7")).back().rfind("PROXY TCP6 2001:db8::7 ::ffff:7f00:1 0 ", 0) == 0);
  CHECK(ask("").back().rfind("PROXY TCP4 127.0.0.1" + to, 0) == 0);  // names nobody
  CHECK(blue.named().size() == 4);
}

TEST_CASE("a balancer on a Unix socket has no address, its clients have", "[client]") {
  TempDir folder;
  ProxyLines blue;
  config::Config config;
  config.services.push_back(behind_balancer(blue.server.address()));
  config.services[0].forwarded.trust = {conformance::network_of("::/128")};
  config.services[0].blue.proxy_protocol = config::ProxyHeader::v1;
  config::Listener listener;
  listener.bind = address_of("unix:" + folder.file("in.sock"));
  config.listeners.push_back(listener);
  Plane plane(config, 1);
  for (const char* ip : {"203.0.113.7", "2001:db8::7"}) {
    RawClient balancer = plane.client();
    balancer.send(get("/ok", from(ip)));
    CHECK(balancer.read_response().status == 200);
  }
  CHECK(blue.named() == std::vector<std::string>{"PROXY TCP4 203.0.113.7 0.0.0.0 0 0",
                                                 "PROXY TCP6 2001:db8::7 :: 0 0"});
}

TEST_CASE("a copy's PROXY header names the client as the original's does", "[client]") {
  TestServer blue(answering("blue", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  ProxyLines green;
  config::Service service = mirrored(blue.address(), green.server.address());
  service.forwarded.trust.push_back(loopback);
  service.green.proxy_protocol = config::ProxyHeader::v1;
  Plane plane(service);
  for (const std::string& fields : {from("203.0.113.7"), std::string()}) {
    RawClient client = plane.client();
    client.send(get("/ok", fields));
    CHECK(client.read_response().status == 200);
    CHECK(books_balance(plane));
  }
  const auto named = green.named();
  REQUIRE(named.size() == 2);
  CHECK(named[0].rfind("PROXY TCP4 203.0.113.7 127.0.0.1 0 ", 0) == 0);
  CHECK(named[1].rfind("PROXY TCP4 127.0.0.1 127.0.0.1 ", 0) == 0);
}

TEST_CASE("hashed by X-Forwarded-For, a client stays with its server however it came", "[client]") {
  std::vector<std::unique_ptr<TestServer>> servers;
  std::vector<std::string> addresses;
  for (int i = 0; i < 4; ++i) {
    servers.push_back(std::make_unique<TestServer>("s" + std::to_string(i)));
    addresses.push_back(servers.back()->address());
  }
  config::Service service = service_of("shop", addresses, {});
  service.forwarded.trust = {loopback, conformance::network_of("10.0.0.0/8")};
  service.balance.policy = config::BalancePolicy::hash;
  service.balance.hash_name = "X-Forwarded-For";
  Plane plane(service);
  std::set<std::string> used;
  for (int client = 1; client <= 20; ++client) {
    const std::string ip = "203.0.113." + std::to_string(client);
    std::set<std::string> served_by;
    for (const std::string& list :
         {ip, ip + ":5678", ip + ":5679", ip + ", 10.0.0.1", "1.1.1.1, " + ip + ", 10.0.0.2"}) {
      RawClient balancer = plane.client();
      balancer.send(get("/ok", from(list)));
      served_by.insert(std::string(balancer.read_response().field("X-Served-By")));
    }
    CHECK(served_by.size() == 1);
    used.insert(served_by.begin(), served_by.end());
  }
  CHECK(used.size() > 1);
}

TEST_CASE("a bad outcome is the named client's", "[client]") {
  TestServer server("blue");
  config::Service service = behind_balancer(server.address());
  config::VerifyTraffic traffic;
  traffic.streams.emplace_back();
  traffic.streams.back().bad.status.push_back({500, 599});
  service.verify.emplace();
  service.verify->traffic = traffic;
  Plane plane(service);
  RawClient balancer = plane.client();
  for (const std::string& fields : {from("203.0.113.7"), from("2001:db8::7"), std::string()}) {
    balancer.send(get("/status/500", fields));
    CHECK(balancer.read_response().status == 500);
  }
  std::vector<std::string> clients;
  const auto stats = plane->stats();
  CHECK(until([&] {  // they are noted when a request has ended, which is after its answer
    for (const auto* shard : stats.services.front().shards) {
      shard->outcomes.get()->drain([&](const stats::BadOutcome& outcome) {
        clients.emplace_back(net::IpText(outcome.client).view());
      });
    }
    return clients.size() == 3;
  }));
  CHECK(clients == std::vector<std::string>{"203.0.113.7", "2001:db8::7", "127.0.0.1"});
}

TEST_CASE("a stranger's field of one address does not reach the server", "[client]") {
  TestServer server("blue");
  config::Service service = behind_balancer(server.address());
  service.forwarded.client_header = "CF-Connecting-IP";
  const bool trusted = GENERATE(true, false);
  if (!trusted) service.forwarded.trust = {conformance::network_of("10.0.0.0/8")};
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get("/ok", "CF-Connecting-IP: 203.0.113.7\r\nCF_Connecting_IP: 203.0.113.7\r\n"));
  CHECK(client.read_response().status == 200);
  const SeenRequest seen = server.seen().back();
  CHECK(seen.field("CF-Connecting-IP") == (trusted ? "203.0.113.7" : ""));
  CHECK(seen.field("CF_Connecting_IP") == (trusted ? "203.0.113.7" : ""));
  CHECK(seen.field("X-Forwarded-For") == "127.0.0.1");
}
