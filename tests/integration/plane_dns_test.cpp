// Servers known by name, behind a running data plane: addresses that come and go, name servers that
// fail, while requests run.
#include <algorithm>
#include <atomic>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/dns_server.hpp"
#include "tests/support/temp_dir.hpp"

using namespace switchback;
using namespace switchback::test;
using std::chrono::milliseconds;

namespace {

// Servers at 127.0.0.1, 127.0.0.2 …, all on one port, as the addresses of one name are.
struct Herd {
  explicit Herd(unsigned n) {
    for (int attempt = 0; attempt < 20 && servers.size() < n; ++attempt) {
      servers.clear();
      try {
        for (unsigned i = 0; i < n; ++i) servers.push_back(make(i));
      } catch (const std::exception&) {  // somebody else has the port on another address
      }
    }
    REQUIRE(servers.size() == n);
  }
  std::unique_ptr<TestServer> make(unsigned i) const {
    TestServerOptions options;
    options.ip = ip(i);
    options.name = ip(i);
    options.port = i == 0 ? 0 : servers[0]->port();
    return std::make_unique<TestServer>(std::move(options));
  }
  static std::string ip(unsigned i) { return "127.0.0." + std::to_string(i + 1); }
  std::uint16_t port() const { return servers[0]->port(); }
  std::string named(const std::string& host) const { return host + ":" + std::to_string(port()); }
  std::string identity(const std::string& host, unsigned i) const {
    return named(host) + " (" + ip(i) + ")";
  }
  TestServer& operator[](std::size_t i) { return *servers[i]; }
  std::vector<std::unique_ptr<TestServer>> servers;
};

DnsReply behaving(DnsBehaviour behaviour) {
  DnsReply reply;
  reply.behaviour = behaviour;
  return reply;
}

struct World {
  DnsServer dns;
  Herd herd;
  config::Config config;

  explicit World(unsigned servers) : herd(servers) {
    config.dns.servers = {address_of(dns.address())};
    config.dns.min_ttl = milliseconds(100);
    config.dns.max_ttl = milliseconds(60'000);
    config.dns.timeout = milliseconds(5'000);
    config.services.push_back(
        service_of("shop", {herd.named("blue.test")}, {herd.named("green.test")}));
  }
  config::Service& service() { return config.services[0]; }
};

std::set<std::string> identities(const Plane& plane, Color color = Color::blue) {
  std::set<std::string> out;
  const worker::ServiceView view = plane.view();
  for (const auto& server : view.pools[index_of(color)].servers) out.insert(server.address);
  return out;
}

bool healthy(const Plane& plane, std::size_t n, Color color = Color::blue) {
  const auto servers = plane.view().pools[index_of(color)].servers;
  return servers.size() == n && std::all_of(servers.begin(), servers.end(), [](const auto& s) {
           return s.health == upstream::Health::healthy;
         });
}

}  // namespace

TEST_CASE("a name that was never resolved: the start goes on, 503, then it is in use") {
  World world(1);
  world.dns.set_silent(true);
  world.config.dns.timeout = milliseconds(200);
  world.config.dns.max_ttl = milliseconds(300);
  TempDir folder;
  world.config.log.path = folder.file("access.log");
  Plane plane(world.config, 2);
  auto view = plane.view().pools[0];
  REQUIRE(view.servers.size() == 1);
  CHECK(view.servers[0].address == world.herd.named("blue.test"));
  CHECK(view.servers[0].health == upstream::Health::unreachable);
  REQUIRE(view.names.size() == 1);
  CHECK(view.names[0].age_ms == -1);

  RawClient client = plane.client();
  client.send(get("/ok"));
  CHECK(client.read_response().status == 503);
  CHECK(plane.reason_count(http::Reason::no_server) == 1);
  REQUIRE(until(
      [&] { return plane.view().pools[0].servers[0].reason.find("name blue.test: no ") == 0; }));
  CHECK(plane.view().pools[0].names[0].trouble);

  world.dns.set_silent(false);
  world.dns.set("blue.test", {"127.0.0.1"}, 0);
  REQUIRE(until([&] { return healthy(plane, 1); }));
  CHECK(identities(plane) == std::set<std::string>{world.herd.identity("blue.test", 0)});
  client.send(get("/ok"));
  CHECK(client.read_response().field("X-Served-By") == "127.0.0.1");
  CHECK(!plane.view().pools[0].names[0].trouble);

  // The record of the refused one says which name it was.
  REQUIRE(until([&] {
    std::ifstream file(world.config.log.path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str().find("\"reason\":\"no_server\",\"detail\":\"blue.test: ") !=
               std::string::npos &&
           text.str().find(world.herd.identity("blue.test", 0)) != std::string::npos;
  }));
}

TEST_CASE("HTTP/1.0 without a Host: the server hears its name, without the address") {
  World world(1);
  world.dns.set("blue.test", {"127.0.0.1"});
  Plane plane(world.config, 1);
  REQUIRE(until([&] { return healthy(plane, 1); }));
  RawClient client = plane.client();
  client.send("GET /ok HTTP/1.0\r\n\r\n");
  CHECK(client.read_response().status == 200);
  REQUIRE(world.herd[0].wait_for_requests(1));
  CHECK(world.herd[0].seen().back().field("Host") == world.herd.named("blue.test"));
}

TEST_CASE("each address is a server; one that goes finishes what runs and gets nothing new") {
  World world(2);
  world.service().retries.attempts = 0;
  world.dns.set("blue.test", {"127.0.0.1", "127.0.0.2"}, 0);
  Plane plane(world.config, 1);
  REQUIRE(until([&] { return healthy(plane, 2); }));
  const auto both = plane.view().pools[0].servers;
  CHECK(both[0].address == world.herd.identity("blue.test", 0));
  CHECK(both[1].address == world.herd.identity("blue.test", 1));

  // A long answer at each of them, so that a kept connection to each is there, too.
  std::vector<RawClient> held;
  const auto holding = [&] { return world.herd[0].held() > 0 && world.herd[1].held() > 0; };
  for (int i = 0; i < 100 && !holding(); ++i) {
    held.push_back(plane.client());
    const std::size_t before = world.herd[0].held() + world.herd[1].held();
    held.back().send(get("/hold"));
    REQUIRE(until([&] { return world.herd[0].held() + world.herd[1].held() > before; }));
  }
  REQUIRE(holding());
  RawClient client = plane.client();
  for (int i = 0; i < 40; ++i) {
    client.send(get("/ok"));
    CHECK(client.read_response().status == 200);
  }
  world.dns.set("blue.test", {"127.0.0.2"}, 0);
  REQUIRE(until([&] {
    return identities(plane) == std::set<std::string>{world.herd.identity("blue.test", 1)};
  }));
  // Idle connections to it are closed; only what runs there is left (and a check, at times).
  const std::size_t running = world.herd[0].held();
  REQUIRE(until([&] { return world.herd[0].open_connections() == running; }));
  const auto served = world.herd[0].requests();
  for (int i = 0; i < 40; ++i) {
    client.send(get("/ok"));
    CHECK(client.read_response().field("X-Served-By") == "127.0.0.2");
  }
  CHECK(world.herd[0].requests() == served);
  world.herd[0].release_held();
  world.herd[1].release_held();
  std::size_t by_first = 0;
  for (auto& one : held) {
    const RawResponse answer = one.read_response();
    CHECK(answer.status == 200);
    by_first += answer.field("X-Served-By") == "127.0.0.1";
  }
  CHECK(by_first == running);
  REQUIRE(until([&] { return world.herd[0].open_connections() == 0; }));
  REQUIRE(until([&] { return plane.quiet(); }));

  // It comes back, and is used again.
  world.dns.set("blue.test", {"127.0.0.1", "127.0.0.2"}, 0);
  REQUIRE(until([&] { return healthy(plane, 2); }));
  REQUIRE(until([&] {
    client.send(get("/ok"));
    return client.read_response().field("X-Served-By") == "127.0.0.1";
  }));
}

TEST_CASE("an address that came gets nothing before its first check, while another has passed") {
  World world(2);
  config::HealthCheck& check = world.service().health_check;
  check.path = "/hold";  // passes when the test lets it
  check.interval = check.timeout = std::chrono::hours(1);
  world.dns.set("blue.test", {"127.0.0.1"}, 0);
  Plane plane(world.config, 2);
  const std::set<std::string> first{world.herd.identity("blue.test", 0)};
  REQUIRE(until([&] { return identities(plane) == first; }));
  REQUIRE(world.herd[0].wait_for_held(1));
  world.herd[0].release_held();
  REQUIRE(until([&] { return healthy(plane, 1); }));

  world.dns.set("blue.test", {"127.0.0.1", "127.0.0.2"}, 0);
  REQUIRE(until([&] { return identities(plane).size() == 2; }));
  REQUIRE(world.herd[1].wait_for_held(1));
  RawClient client = plane.client();
  const auto served_by = [&] {
    client.send(get("/ok"));
    return client.read_response().field("X-Served-By");
  };
  for (int i = 0; i < 50; ++i) REQUIRE(served_by() == "127.0.0.1");

  world.herd[1].release_held();
  REQUIRE(until([&] { return healthy(plane, 2); }));
  CHECK(until([&] { return served_by() == "127.0.0.2"; }));
}

TEST_CASE("what runs at an address that has gone is bounded by the drain's limits") {
  World world(2);
  world.dns.set("blue.test", {"127.0.0.1"}, 0);
  world.service().drain.timeout = milliseconds(300);
  world.service().drain.stream = milliseconds(600);
  world.service().drain.websocket = milliseconds(300);
  Plane plane(world.config, 1);
  REQUIRE(until([&] { return healthy(plane, 1); }));
  RawClient request = plane.client(), stream = plane.client(), tunnel = plane.client(),
            tunnel2 = plane.client();
  request.send(get("/hang"));
  stream.send(get("/sse?events=0&ms=5"));
  stream.read_until("data: 3 ");
  for (RawClient* one : {&tunnel, &tunnel2}) {
    one->send(get("/upgrade", "Connection: Upgrade\r\nUpgrade: echo\r\n"));
    one->read_until("hello 127.0.0.1\n");
  }
  world.dns.set("blue.test", {"127.0.0.2"}, 0);
  REQUIRE(until([&] {
    return healthy(plane, 1) && identities(plane).contains(world.herd.identity("blue.test", 1));
  }));
  CHECK(request.read_response().status == 504);
  tunnel.read_to_end();
  tunnel2.read_to_end();
  stream.read_to_end();
  REQUIRE(until([&] { return plane.quiet() && world.herd[0].open_connections() == 0; }));
  CHECK(plane.reason_count(http::Reason::drain_forced) == 4);
  // Who came after is untouched.
  RawClient next = plane.client();
  next.send(get("/ok"));
  CHECK(next.read_response().field("X-Served-By") == "127.0.0.2");
}

TEST_CASE("a name that ceases to exist takes its servers along after the grace") {
  World world(1);
  world.config.dns.max_ttl = milliseconds(400);
  world.dns.set("blue.test", {"127.0.0.1"}, 0);
  Plane plane(world.config, 1);
  REQUIRE(until([&] { return healthy(plane, 1); }));
  world.dns.set("blue.test", behaving(DnsBehaviour::no_such_name));
  REQUIRE(until([&] { return plane.view().pools[0].names[0].trouble; }));
  REQUIRE(until([&] { return identities(plane).contains(world.herd.named("blue.test")); }));
  const auto view = plane.view().pools[0];
  REQUIRE(view.servers.size() == 1);
  CHECK(view.servers[0].health == upstream::Health::unreachable);
  CHECK(view.servers[0].reason == "name blue.test: no such name (NXDOMAIN)");
  REQUIRE(until([&] {  // the worker has heard of it, too
    return fetch(plane.address(), "/ok").status == 503;
  }));
  world.dns.set("blue.test", {"127.0.0.1"}, 0);
  REQUIRE(until([&] { return healthy(plane, 1); }));
  REQUIRE(until([&] { return fetch(plane.address(), "/ok").status == 200; }));
}

TEST_CASE("a name server that dies takes nothing down: traffic, flip and way back") {
  World world(2);
  world.config.dns.timeout = milliseconds(200);
  world.config.dns.max_ttl = milliseconds(200);
  world.dns.set("blue.test", {"127.0.0.1"}, 0);
  world.dns.set("green.test", {"127.0.0.2"}, 0);
  Plane plane(world.config, 2);
  REQUIRE(until([&] { return healthy(plane, 1) && healthy(plane, 1, Color::green); }));
  const bool servfail = GENERATE(true, false);
  if (servfail) {
    world.dns.set("blue.test", behaving(DnsBehaviour::servfail));
    world.dns.set("green.test", behaving(DnsBehaviour::servfail));
  } else {
    world.dns.set_silent(true);
  }
  std::atomic<bool> stop{false};
  std::atomic<unsigned> good{0}, bad{0};
  std::thread load([&] {
    RawClient client = plane.client();
    while (!stop) {
      client.send(get("/ok"));
      (client.read_response().status == 200 ? good : bad)++;
    }
  });
  CHECK(until([&] {  // well beyond max_ttl
    const auto names = plane.view().pools[0].names;
    return names[0].failures >= 5 && names[0].trouble;
  }));
  CHECK(plane.flip(Color::green) != nullptr);
  CHECK(plane.flip(Color::blue) != nullptr);
  const unsigned before = good;
  CHECK(until([&] { return good >= before + 50; }));
  stop = true;
  load.join();
  CHECK(bad == 0);
  CHECK(healthy(plane, 1));
  CHECK(healthy(plane, 1, Color::green));
}

TEST_CASE("changes of names amid flips and reloads lose no request") {
  World world(4);
  const auto some = [&](std::mt19937& random) {
    std::vector<std::string> ips;
    for (unsigned i = 0; i < 4; ++i) {
      if (random() % 2 == 0) ips.push_back(Herd::ip(i));
    }
    if (ips.empty()) ips.push_back(Herd::ip(random() % 4));
    return ips;
  };
  world.dns.set("blue.test", {"127.0.0.1"}, 0);
  world.dns.set("green.test", {"127.0.0.2"}, 0);
  world.dns.set("more.test", {"127.0.0.3"}, 0);
  Plane plane(world.config, 2);
  REQUIRE(until([&] { return healthy(plane, 1) && healthy(plane, 1, Color::green); }));
  std::atomic<bool> stop{false};
  std::atomic<unsigned> good{0}, bad{0};
  std::vector<std::thread> load;
  for (int i = 0; i < 3; ++i) {
    load.emplace_back([&, i] {
      RawClient client = plane.client();
      while (!stop) {
        client.send(get(i == 0 ? "/ok?bytes=100000" : "/ok"));
        (client.read_response().status == 200 ? good : bad)++;
      }
    });
  }
  std::mt19937 random(20261122);
  config::Config config = world.config;
  for (int step = 0; step < 300; ++step) {
    switch (random() % 5) {
      case 0:
        plane.flip(other(plane.view().active));
        break;
      case 1: {
        // The servers of both colors, with and without a second name.
        auto& service = config.services[0];
        service.blue.servers.resize(1);
        if (random() % 2 == 0)
          service.blue.servers.push_back({address_of(world.herd.named("more.test")), 1});
        service.balance.policy = random() % 2 ? config::BalancePolicy::round_robin
                                              : config::BalancePolicy::least_requests;
        plane->reload(config, {});
        break;
      }
      default:
        world.dns.set(random() % 2 ? "blue.test" : "green.test", some(random), 0);
        break;
    }
    const unsigned before = good + bad;
    CHECK(until([&] {
      plane.adopt_names();
      return good + bad >= before + 5;
    }));
  }
  stop = true;
  for (std::thread& one : load) one.join();
  CHECK(bad == 0);
  CHECK(good > 1000);
  CHECK(plane.view().pools[0].names[0].changes > 1);
  REQUIRE(until([&] { return plane.quiet(); }));
}
