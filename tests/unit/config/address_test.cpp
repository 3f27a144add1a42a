#include "config/address.hpp"

#include <cstring>

#include "tests/support/catch.hpp"

using namespace switchback::config;

namespace {

Address good(const char* text, AddressUse use = AddressUse::connect) {
  auto parsed = parse_address(text, use);
  if (const auto* fault = std::get_if<Fault>(&parsed)) FAIL(fault->message);
  return std::get<Address>(parsed);
}

std::string bad(const std::string& text, AddressUse use = AddressUse::connect) {
  auto parsed = parse_address(text, use);
  const auto* fault = std::get_if<Fault>(&parsed);
  return fault ? fault->message : "accepted";
}

}  // namespace

TEST_CASE("addresses keep their text and tell host, port and path") {
  const Address v4 = good("127.0.0.1:9001");
  CHECK(v4.kind == AddressKind::tcp);
  CHECK(v4.text == "127.0.0.1:9001");
  CHECK(v4.host == "127.0.0.1");
  CHECK(v4.port == 9001);
  const Address v6 = good("[::1]:80");
  CHECK(v6.host == "::1");
  CHECK(v6.port == 80);
  CHECK(good("app-blue.internal:65535").port == 65535);
  const Address path = good("unix:/run/app.sock");
  CHECK(path.kind == AddressKind::unix_path);
  CHECK(path.path == "/run/app.sock");
  CHECK(good("127.0.0.1:0", AddressUse::listen).port == 0);
}

TEST_CASE("addresses that name nothing to connect to are faults") {
  for (const char* text :
       {"",       ":",           "a",     "a:",      ":80",   "a:b",    "a:0",      "a:65536",
        "a:080",  "a:1:2",       "[::1]", "[::1]80", "[::1",  "[a]:80", "1.2.3:80", "1.2.3.4.5:80",
        "a b:80", "a..b:80",     "-a:80", "a-:80",   ".a:80", "a.:80",  "unix:",    "unix:a",
        "fd:web", "http://a:80", "/a",    "*:80"}) {
    INFO(text);
    if (std::string(text) == "a.:80") {
      CHECK(bad(text) == "accepted");  // the root's dot, as resolvers take it
    } else {
      CHECK(bad(text) != "accepted");
    }
  }
  CHECK_THAT(bad("unix:/" + std::string(107, 'a')),
             ContainsSubstring("longer than the system allows"));
  CHECK(bad("unix:/" + std::string(106, 'a')) == "accepted");
  CHECK_THAT(bad(std::string(64, 'a') + ":80"), ContainsSubstring("63 bytes"));
  CHECK_THAT(bad("fd:web"), ContainsSubstring("nobody can be connected to by it"));
}

TEST_CASE("networks are mapped to v6") {
  auto parsed = parse_network("10.0.0.0/8");
  const Network v4 = std::get<Network>(parsed);
  const std::uint8_t expected[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 0};
  CHECK(std::memcmp(v4.bytes, expected, 16) == 0);
  CHECK(v4.prefix_bits == 104);
  CHECK(v4.text == "10.0.0.0/8");
  CHECK(std::get<Network>(parse_network("192.0.2.7")).prefix_bits == 128);
  CHECK(std::get<Network>(parse_network("0.0.0.0/0")).prefix_bits == 96);
  CHECK(std::get<Network>(parse_network("fd00::/8")).prefix_bits == 8);
  CHECK(std::get<Network>(parse_network("::1")).prefix_bits == 128);
}

TEST_CASE("networks with stray bits, prefixes or names are faults") {
  for (const char* text : {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "fd00::1/8", "::/129",
                           "10.0.0/8", "example.com", "10.0.0.0/a", "10.0.0.0/-1", "10.0.0.0/08"}) {
    INFO(text);
    CHECK(std::holds_alternative<Fault>(parse_network(text)));
  }
}

TEST_CASE("loopback and wildcard addresses are known") {
  CHECK(is_loopback(good("127.0.0.1:1")));
  CHECK(is_loopback(good("127.9.9.9:1")));
  CHECK(is_loopback(good("[::1]:1")));
  CHECK(is_loopback(good("localhost:1")));
  CHECK_FALSE(is_loopback(good("127.example.com:1")));
  CHECK_FALSE(is_loopback(good("0.0.0.0:1")));
  CHECK(is_any_address(good("0.0.0.0:1")));
  CHECK(is_any_address(good("[::]:1")));
  CHECK(is_any_address(good("[0::0]:1")));
  CHECK_FALSE(is_any_address(good("127.0.0.1:1")));
}
