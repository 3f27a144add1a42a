#include "proxy/dns/name_entry.hpp"

#include <algorithm>

#include "proxy/dns/search_list.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::dns;

namespace {

constexpr Nanos second = 1'000'000'000;
const Bounds bounds{1 * second, 300 * second};

Ip v4(std::uint8_t last) {
  return {false, {10, 0, 0, last}};
}
Ip v6(std::uint8_t last) {
  Ip ip{true, {0x20, 0x01, 0x0d, 0xb8}};
  ip.bytes[15] = last;
  return ip;
}

FamilyAnswer found(std::vector<Ip> ips, std::uint32_t ttl) {
  return {Outcome::found, std::move(ips), ttl, {}};
}
FamilyAnswer none() {
  return {Outcome::no_address, {}, 0, {}};
}
FamilyAnswer unknown() {
  return {Outcome::no_such_name, {}, 0, {}};
}
FamilyAnswer broken(std::string why = "no name server answers") {
  return {Outcome::failed, {}, 0, std::move(why)};
}

struct Entry {
  NameEntry entry;
  Nanos now = 100 * second;
  bool say(FamilyAnswer a, FamilyAnswer aaaa, double chance = 0) {
    return entry.conclude({std::move(a), std::move(aaaa)}, bounds, now, chance);
  }
  const NameStatus& s() const { return entry.status(); }
  std::vector<Ip> in_use() const { return s().addresses; }
};

}  // namespace

TEST_CASE_METHOD(Entry, "an answer's addresses are in use, sorted, until the next one") {
  CHECK(say(found({v4(9), v4(7), v4(7)}, 30), found({v6(1)}, 60)));
  CHECK(in_use() == std::vector<Ip>{v4(7), v4(9), v6(1)});
  CHECK(s().resolved);
  CHECK(s().good_ns == now);
  CHECK(s().expires_ns == now + 30 * second);
  CHECK(s().ask_ns == now + 30 * second);
  // Rotated: nothing is new.
  CHECK(!say(found({v4(7), v4(9)}, 30), found({v6(1)}, 60)));
  CHECK(s().changes == 1);
  CHECK(say(found({v4(9), v4(11)}, 30), none()));
  CHECK(in_use() == std::vector<Ip>{v4(9), v4(11)});
  CHECK(s().changes == 2);
  CHECK(s().failures == 0);
}

TEST_CASE_METHOD(Entry, "TTLs are bounded, and asked again up to a tenth early") {
  say(found({v4(1)}, 0), none());
  CHECK(s().ask_ns == now + second);
  say(found({v4(1)}, 0x7fffffff), none());
  CHECK(s().ask_ns == now + 300 * second);
  say(found({v4(1)}, 100), none(), 0.999999);
  CHECK(s().ask_ns >= now + 90 * second);
  CHECK(s().ask_ns < now + 91 * second);
  // Never sooner than min_ttl.
  say(found({v4(1)}, 1), none(), 0.999999);
  CHECK(s().ask_ns == now + second);
}

TEST_CASE_METHOD(Entry, "a family that never had an address may fail for ever: no trouble") {
  for (int i = 0; i < 9; ++i) {
    say(found({v4(1)}, 30), broken());
    CHECK_FALSE(s().trouble);
    CHECK(s().error == "AAAA: no name server answers");  // it is shown
    now = s().ask_ns;
  }
  CHECK(in_use() == std::vector<Ip>{v4(1)});
  // What has addresses that could be outdated is.
  say(found({v4(1)}, 30), found({v6(1)}, 30));
  for (int i = 0; i < 3; ++i) say(found({v4(1)}, 30), broken());
  CHECK(s().trouble);
  for (int i = 0; i < 3; ++i) say(broken(), found({v6(1)}, 30));
  CHECK(s().trouble);
}

TEST_CASE_METHOD(Entry, "the other way round: A fails for ever, AAAA is good") {
  for (int i = 0; i < 9; ++i) say(broken(), found({v6(1)}, 30));
  CHECK_FALSE(s().trouble);
}

TEST_CASE_METHOD(Entry, "a failed question keeps what it had, for ever, with back-off") {
  say(found({v4(1)}, 30), found({v6(1)}, 30));
  Nanos pause = 0;
  for (int i = 0; i < 1000; ++i) {
    say(broken(), broken(), 0.5);
    const Nanos next = s().ask_ns - now;
    CHECK(next >= pause);
    CHECK(next <= 36 * second);
    pause = next;
    now = s().ask_ns;
    REQUIRE(in_use().size() == 2);
  }
  CHECK(pause == 30 * second);
  CHECK(s().error == "no name server answers");
  CHECK(s().trouble);
  CHECK(s().failures == 1000);
  // Good again: the pace is that of the TTL, and the next failure begins small.
  CHECK(say(found({v4(1)}, 30), found({v6(1)}, 30)));
  CHECK(s().error.empty());
  CHECK(!s().trouble);
  say(broken(), broken(), 0.5);
  CHECK(s().ask_ns - now == second);
  CHECK(!s().trouble);  // one lost answer is nobody's alarm
}

TEST_CASE_METHOD(Entry,
                 "one family's failure takes none of its addresses, and is asked again soon") {
  say(found({v4(1)}, 200), found({v6(1)}, 200));
  say(found({v4(2)}, 200), broken("timed out"), 0.5);
  CHECK(in_use() == std::vector<Ip>{v4(2), v6(1)});
  CHECK(s().error == "AAAA: timed out");
  CHECK(s().ask_ns == now + second);
  // The other one says that it has none: what failed is all there is, and it stays.
  say(none(), broken("timed out"));
  CHECK(in_use() == std::vector<Ip>{v4(2), v6(1)});
  say(found({v4(2)}, 200), none());
  CHECK(in_use() == std::vector<Ip>{v4(2)});
}

TEST_CASE_METHOD(Entry, "no such name: a grace of max_ttl, then it is gone, and it may come back") {
  say(found({v4(1)}, 30), none());
  CHECK(say(unknown(), unknown()));
  CHECK(s().error == "no such name (NXDOMAIN)");
  CHECK(s().trouble);
  CHECK(in_use().size() == 1);
  now += 299 * second;
  say(unknown(), unknown());
  CHECK(in_use().size() == 1);
  CHECK(s().ask_ns == now + second);  // the end of the grace is not overslept
  now += second;
  CHECK(say(unknown(), unknown()));
  CHECK(in_use().empty());
  CHECK(s().gone);
  CHECK(say(found({v4(1)}, 30), none()));
  CHECK(in_use().size() == 1);
  CHECK(!s().gone);
  // The grace begins anew.
  now += 1000 * second;
  say(unknown(), unknown());
  CHECK(in_use().size() == 1);
}

TEST_CASE_METHOD(Entry, "an answer in between ends the grace, a failure does not move it") {
  say(found({v4(1)}, 30), none());
  say(unknown(), unknown());
  now += 200 * second;
  say(found({v4(1)}, 30), none());
  say(none(), none());
  CHECK(s().error == "the name has no address");
  now += 200 * second;
  say(broken(), broken());
  now += 99 * second;
  say(none(), none());
  CHECK(in_use().size() == 1);
  now += second;
  say(none(), none());
  CHECK(in_use().empty());
}

TEST_CASE_METHOD(Entry, "a name that was never there is trouble from the first answer on") {
  CHECK(say(unknown(), unknown()));
  CHECK(s().trouble);
  CHECK(!s().gone);
  CHECK(!s().resolved);
  Entry other;
  other.say(broken(), broken());
  CHECK(other.s().trouble);
}

TEST_CASE_METHOD(Entry, "no such name beside an address is no reason to let it go") {
  say(found({v4(1)}, 30), unknown());  // some servers say NXDOMAIN for what should be no data
  CHECK(in_use().size() == 1);
  CHECK(s().error.empty());
  now += 10'000 * second;
  say(found({v4(1)}, 30), unknown());
  CHECK(in_use().size() == 1);
}

TEST_CASE_METHOD(Entry, "more addresses than the limit: those in use stay") {
  std::vector<Ip> many;
  for (unsigned i = 0; i < 200; ++i) many.push_back({false, {10, 0, 1, std::uint8_t(i)}});
  say(found({many.begin() + 100, many.end()}, 30), none());
  CHECK(in_use().size() == 100);
  say(found(many, 30), none());
  REQUIRE(in_use().size() == max_addresses);
  CHECK(s().left_out == 200 - max_addresses);
  for (unsigned i = 100; i < 200; ++i) {
    CHECK(std::binary_search(s().addresses.begin(), s().addresses.end(), many[i]));
  }
  const auto before = s().changes;
  std::reverse(many.begin(), many.end());
  say(found(many, 30), none());
  CHECK(s().changes == before);
}

TEST_CASE_METHOD(Entry, "what no server can have is passed over") {
  say(found({{false, {0, 0, 0, 0}}, {false, {224, 0, 0, 1}}, {false, {255, 255, 255, 255}}}, 30),
      found({{true, {}}, {true, {0xfe, 0x80}}, {true, {0xff, 0x02}}}, 30));
  CHECK(in_use().empty());
  CHECK(s().error == "the name has no address");
  Ip mapped{true, {}};
  mapped.bytes[10] = mapped.bytes[11] = 0xff;
  CHECK(!can_be_a_server(mapped));
  CHECK(can_be_a_server(v6(1)));
  CHECK(can_be_a_server({false, {127, 0, 0, 1}}));
}

TEST_CASE("search lists") {
  const auto list = parse_search_list(
      "# resolv.conf\nnameserver 10.0.0.1\ndomain old.example\n"
      "search default.svc.cluster.local. svc.cluster.local ; a comment\n"
      "options timeout:1 ndots:2 rotate ndots:x\n");
  CHECK(list.domains == std::vector<std::string>{"default.svc.cluster.local", "svc.cluster.local"});
  CHECK(list.ndots == 2);
  CHECK(full_names("app", list) == std::vector<std::string>{"app.default.svc.cluster.local.",
                                                            "app.svc.cluster.local.", "app."});
  CHECK(full_names("a.b.c", list).front() == "a.b.c.");
  CHECK(full_names("app.", list) == std::vector<std::string>{"app."});
  CHECK(full_names("app", {}) == std::vector<std::string>{"app."});
  CHECK(parse_search_list("search a b c d e f g h i j\n").domains.size() == 8);
  CHECK(parse_search_list("options ndots:9999\n").ndots == 15);
  CHECK(parse_search_list("").ndots == 1);
  CHECK(full_names(std::string(250, 'x'), list).size() == 1);
  CHECK(read_search_list("/nonexistent/resolv.conf").domains.empty());
}

TEST_CASE("localhost and what only looks like it") {
  CHECK(is_localhost("localhost"));
  CHECK(is_localhost("LOCALHOST."));
  CHECK(is_localhost("a.b.localhost"));
  CHECK(!is_localhost("xlocalhost"));
  CHECK(!is_localhost("localhost.example.com"));
  CHECK(!is_localhost(""));
}
