// The resolver against a name server that answers as it should, and as it should not.
#include "proxy/dns/resolver.hpp"

#include <atomic>

#include "tests/support/catch.hpp"
#include "tests/support/dns_server.hpp"
#include "tests/support/until.hpp"

using namespace switchback;
using namespace switchback::dns;
using namespace std::chrono_literals;
using test::DnsBehaviour;
using test::DnsReply;
using test::until;

namespace {

config::Address address_of(std::uint16_t port) {
  return {.kind = config::AddressKind::tcp,
          .text = "127.0.0.1:" + std::to_string(port),
          .host = "127.0.0.1",
          .port = port};
}

struct Fixture {
  test::DnsServer server;
  std::atomic<unsigned> told{0};
  config::Dns settings;
  Resolver resolver{[this] { ++told; }};

  Fixture() {
    settings.servers = {address_of(server.port())};
    settings.min_ttl = 100ms;
    settings.max_ttl = 60s;
    settings.timeout = 10s;  // never reached by what answers, however slow the machine
  }
  void ask(const std::set<std::string>& names) { resolver.configure(settings, names); }
  NameStatus status(const std::string& name) const {
    const auto table = resolver.table();
    const auto at = table->find(name);
    return at == table->end() ? NameStatus{} : at->second;
  }
  std::vector<std::string> texts(const std::string& name) const {
    std::vector<std::string> out;
    for (const Ip& ip : status(name).addresses) out.push_back(ip.text());
    return out;
  }
  bool has(const std::string& name, std::vector<std::string> expected) {
    return until([&] { return texts(name) == expected; });
  }
  bool looked_up(const std::string& name, std::uint64_t times = 1) {
    return until([&] { return status(name).lookups >= times; });
  }
};

DnsReply behaving(DnsBehaviour behaviour, std::vector<std::string> addresses = {"127.0.0.9"}) {
  DnsReply reply;
  reply.behaviour = behaviour;
  reply.addresses = std::move(addresses);
  return reply;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "A and AAAA, in any case, and again as the TTL says") {
  server.set("app.test", {"127.0.0.2", "127.0.0.1", "::1"}, 0);
  ask({"APP.test"});
  // A host without IPv6 has no use for the third.
  Ip six{true, {}};
  six.bytes[15] = 1;
  std::vector<std::string> expected{"127.0.0.1", "127.0.0.2"};
  if (has_route(six)) expected.push_back("::1");
  REQUIRE(has("app.test", expected));
  CHECK(told >= 1);
  CHECK(status("app.test").error.empty());
  server.set("app.test", {"127.0.0.3"}, 1'000);
  REQUIRE(has("app.test", {"127.0.0.3"}));
  // Bounded by max_ttl.
  const NameStatus s = status("app.test");
  CHECK(s.expires_ns - s.good_ns == to_nanos(config::Duration(60s)));
  CHECK(s.ask_ns > s.good_ns + 53'000'000'000);
}

TEST_CASE_METHOD(Fixture, "the smallest TTL of a chain of CNAMEs counts") {
  DnsReply reply = behaving(DnsBehaviour::answer);
  reply.chain = {"a.cdn.test", "b.cdn.test", "c.cdn.test"};
  reply.ttl = 50;
  reply.chain_ttl = 7;
  server.set_family("www.test", false, reply);
  server.set_family("www.test", true, behaving(DnsBehaviour::no_data));
  ask({"www.test"});
  REQUIRE(has("www.test", {"127.0.0.9"}));
  const NameStatus s = status("www.test");
  CHECK(s.expires_ns - s.good_ns == 7'000'000'000);
}

TEST_CASE_METHOD(Fixture, "a truncated answer is asked for again over TCP; 100 addresses") {
  server.set("small.test", behaving(DnsBehaviour::truncated));
  std::vector<std::string> many;
  for (int i = 1; i <= 100; ++i) many.push_back("127.0.1." + std::to_string(i));
  server.set("big.test", many, 60);
  std::vector<std::string> too_many = many;
  for (int i = 1; i <= 100; ++i) too_many.push_back("127.0.2." + std::to_string(i));
  server.set("huge.test", too_many, 60);
  ask({"small.test", "big.test", "huge.test"});
  REQUIRE(has("small.test", {"127.0.0.9"}));
  REQUIRE(until([&] { return status("big.test").addresses.size() == 100; }));
  REQUIRE(until([&] { return status("huge.test").addresses.size() == max_addresses; }));
  CHECK(status("huge.test").left_out == 200 - max_addresses);
  CHECK(server.tcp_questions() >= 3);
}

TEST_CASE_METHOD(Fixture, "no answer that is worth anything: what is known stays") {
  settings.timeout = 400ms;
  const auto behaviour = GENERATE(
      DnsBehaviour::silent, DnsBehaviour::servfail, DnsBehaviour::refused, DnsBehaviour::wrong_id,
      DnsBehaviour::wrong_name, DnsBehaviour::garbage, DnsBehaviour::cut,
      DnsBehaviour::pointer_loop, DnsBehaviour::long_rdata, DnsBehaviour::tcp_only_cut);
  CAPTURE(static_cast<int>(behaviour));
  server.set("app.test", {"127.0.0.1"}, 0);
  server.set("bad.test", behaving(behaviour));
  server.set_family("bad.test", true, behaving(behaviour, {"2001:db8::1"}));
  ask({"app.test", "bad.test"});
  REQUIRE(has("app.test", {"127.0.0.1"}));
  server.set("app.test", behaving(behaviour));
  server.set_family("app.test", true, behaving(behaviour, {"2001:db8::1"}));
  REQUIRE(until([&] { return status("app.test").failures >= 2; }));
  CHECK(texts("app.test") == std::vector<std::string>{"127.0.0.1"});
  CHECK(!status("app.test").error.empty());
  REQUIRE(looked_up("bad.test"));
  CHECK(texts("bad.test").empty());
  CHECK(status("bad.test").trouble);
  // And it is asked on, so that it heals.
  server.set("app.test", {"127.0.0.4"}, 60);
  CHECK(has("app.test", {"127.0.0.4"}));
  CHECK(status("app.test").error.empty());
}

TEST_CASE_METHOD(Fixture, "a name that ceases to exist goes after max_ttl, and comes back") {
  settings.max_ttl = 300ms;
  server.set("app.test", {"127.0.0.1"}, 0);
  ask({"app.test"});
  REQUIRE(has("app.test", {"127.0.0.1"}));
  server.set("app.test", behaving(DnsBehaviour::no_such_name));
  REQUIRE(until([&] { return status("app.test").error == "no such name (NXDOMAIN)"; }));
  REQUIRE(until([&] { return status("app.test").gone; }));
  CHECK(texts("app.test").empty());
  server.set("app.test", {"127.0.0.2"}, 60);
  CHECK(has("app.test", {"127.0.0.2"}));
}

TEST_CASE_METHOD(Fixture, "a dead name server is one; the next one is asked") {
  test::DnsServer dead;
  dead.set_silent(true);
  settings.servers.insert(settings.servers.begin(), address_of(dead.port()));
  settings.timeout = 2s;
  server.set("app.test", {"127.0.0.1"}, 60);
  ask({"app.test"});
  REQUIRE(has("app.test", {"127.0.0.1"}));
  CHECK(dead.asked("app.test") >= 2);
}

TEST_CASE_METHOD(Fixture, "a silent name server holds up no other name, and no end") {
  settings.timeout = 60s;
  std::set<std::string> names;
  for (int i = 0; i < 100; ++i) {
    const std::string name = "n" + std::to_string(i) + ".test";
    server.set(name, behaving(i % 10 == 0 ? DnsBehaviour::silent : DnsBehaviour::answer));
    names.insert(name);
  }
  ask(names);
  for (int i = 0; i < 100; ++i) {
    if (i % 10 != 0) REQUIRE(looked_up("n" + std::to_string(i) + ".test"));
  }
  CHECK(status("n10.test").lookups == 0);
}

TEST_CASE_METHOD(Fixture, "other settings ask anew; names that go are forgotten") {
  test::DnsServer other;
  server.set("app.test", {"127.0.0.1"}, 60);
  server.set("old.test", {"127.0.0.1"}, 60);
  other.set("app.test", {"127.0.0.2"}, 60);
  ask({"app.test", "old.test"});
  REQUIRE(has("app.test", {"127.0.0.1"}));
  REQUIRE(has("old.test", {"127.0.0.1"}));
  const auto asked = server.asked("app.test");
  ask({"app.test"});  // nothing new: nobody is asked
  REQUIRE(until([&] { return !resolver.table()->contains("old.test"); }));
  CHECK(has("app.test", {"127.0.0.1"}));
  CHECK(server.asked("app.test") == asked);
  settings.servers = {address_of(other.port())};
  ask({"app.test"});
  CHECK(has("app.test", {"127.0.0.2"}));
}
