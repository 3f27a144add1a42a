#include "proxy/http/forwarded.hpp"

#include <arpa/inet.h>

#include <cstring>
#include <string>

#include "tests/support/catch.hpp"

using namespace switchback;

namespace {

config::Network network(const char* address, unsigned bits) {
  config::Network out;
  REQUIRE(::inet_pton(AF_INET6, address, out.bytes) == 1);
  out.prefix_bits = bits;
  return out;
}

bool trusts(const std::vector<config::Network>& networks, const char* address) {
  std::uint8_t ip[16];
  REQUIRE(::inet_pton(AF_INET6, address, ip) == 1);
  return http::trusted(networks, ip);
}

}  // namespace

TEST_CASE("nobody is trusted by nobody's word") {
  CHECK_FALSE(trusts({}, "::1"));
}

TEST_CASE("a network holds what shares its prefix, to the bit") {
  const std::vector<config::Network> ten = {network("::ffff:10.0.0.0", 104)};
  CHECK(trusts(ten, "::ffff:10.0.0.0"));
  CHECK(trusts(ten, "::ffff:10.255.255.255"));
  CHECK_FALSE(trusts(ten, "::ffff:11.0.0.0"));
  CHECK_FALSE(trusts(ten, "::10.0.0.1"));
  const std::vector<config::Network> odd = {network("::ffff:192.168.4.0", 118)};
  CHECK(trusts(odd, "::ffff:192.168.7.255"));
  CHECK_FALSE(trusts(odd, "::ffff:192.168.8.0"));
  CHECK_FALSE(trusts(odd, "::ffff:192.168.3.255"));
}

TEST_CASE("one address, every address, and the second of two networks") {
  const std::vector<config::Network> one = {network("2001:db8::1", 128)};
  CHECK(trusts(one, "2001:db8::1"));
  CHECK_FALSE(trusts(one, "2001:db8::2"));
  CHECK(trusts({network("::", 0)}, "2001:db8::2"));
  CHECK(trusts({network("2001:db8::1", 128), network("fd00::", 8)}, "fd12::3"));
}

TEST_CASE("names servers could take for forwarding fields") {
  for (const char* name : {"X-Forwarded-Prefix", "x-forwarded-ssl", "X_Forwarded_For", "x-real_ip",
                           "X_REAL_IP", "X_Request-Id", "X-Forwarded_Proto", "X-Forwarded-"})
    CHECK(http::is_forwarding_alias(name));
  for (const char* name : {"X-Forward", "X-Forwarded", "Forwarded", "X-Real-IPs",
                           "X-Requested-With", "X", "", "Y-Forwarded-For"})
    CHECK_FALSE(http::is_forwarding_alias(name));
}
