// Addresses of every family, for listeners, clients and servers.
#include <fstream>
#include <sstream>

#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace switchback;
using namespace switchback::test;

namespace {

config::Config config_of(const std::vector<std::string>& binds, const std::string& server) {
  config::Config config;
  config.services.push_back(service_of("shop", {server}, {}));
  for (const std::string& bind : binds) {
    config::Listener listener;
    listener.bind = address_of(bind);
    config.listeners.push_back(listener);
  }
  return config;
}

bool has_ipv6() {
  try {
    config::Config config = config_of({"[::1]:0"}, "127.0.0.1:1");
    Plane plane(config, 1);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

std::string port_of_address(const std::string& address) {
  return address.substr(address.rfind(':') + 1);
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

std::string forwarded_for(const std::string& address, const std::string& more = "") {
  RawClient client(address);
  client.send(get("/echo?raw=1", more));
  const RawResponse response = client.read_response();
  CHECK(response.status == 200);
  const std::string name = "X-Forwarded-For: ";
  const auto at = response.body.find(name);
  if (at == std::string::npos) return "";
  return response.body.substr(at + name.size(), response.body.find("\r\n", at) - at - name.size());
}

}  // namespace

TEST_CASE("IPv6 listeners, clients and servers", "[listeners]") {
  if (!has_ipv6()) {
    WARN("no IPv6 on this system");
    return;
  }
  TempDir folder;
  TestServer server("blue");
  // The outer one has the inner one, on IPv6, for its server.
  Plane inner(config_of({"[::1]:0"}, server.address()), 1);
  CHECK(inner.address().starts_with("http://[::1]:"));
  config::Config config = config_of({"[::1]:0"}, inner.address().substr(7));
  config.log.access = config::AccessFormat::json;
  config.log.path = folder.file("access.log");
  {
    Plane outer(config, 1);
    CHECK(forwarded_for(outer.address()) == "::1");  // of the inner one: its client is ::1 too
    CHECK(until(
        [&] { return outer.view().pools[0].servers[0].health == upstream::Health::healthy; }));
  }
  const std::string log = content_of(folder.file("access.log"));
  CHECK_THAT(log, ContainsSubstring("\"client\":\"::1\""));
  CHECK_THAT(log, ContainsSubstring("\"server\":\"[::1]:"));
}

TEST_CASE("an IPv6 client's chain of addresses, and trust in it", "[listeners]") {
  if (!has_ipv6()) {
    WARN("no IPv6 on this system");
    return;
  }
  TestServer server("blue");
  config::Config config = config_of({"[::1]:0"}, server.address());
  Plane strict(config, 1);
  CHECK(forwarded_for(strict.address(), "X-Forwarded-For: 2001:db8::7\r\n") == "::1");
  config::Network loopback;
  loopback.bytes[15] = 1;
  loopback.prefix_bits = 128;
  config.services[0].forwarded.trust.push_back(loopback);
  Plane trusting(config, 1);
  CHECK(forwarded_for(trusting.address(), "X-Forwarded-For: 2001:db8::7\r\n") ==
        "2001:db8::7, ::1");
}

TEST_CASE("[::] takes both families, and an IPv4 client is one everywhere", "[listeners]") {
  if (!has_ipv6()) {
    WARN("no IPv6 on this system");
    return;
  }
  TestServer server("blue");
  config::Config config = config_of({"[::]:0"}, server.address());
  config::Network loopback;  // 127.0.0.0/8
  loopback.bytes[10] = loopback.bytes[11] = 0xff;
  loopback.bytes[12] = 127;
  loopback.prefix_bits = 104;
  config.services[0].forwarded.trust.push_back(loopback);
  Plane plane(config, 2);
  const std::string port = port_of_address(plane.address());
  CHECK(forwarded_for("[::1]:" + port, "X-Forwarded-For: 192.0.2.1\r\n") == "::1");
  CHECK(forwarded_for("127.0.0.1:" + port, "X-Forwarded-For: 192.0.2.1\r\n") ==
        "192.0.2.1, 127.0.0.1");
}

TEST_CASE("clients of a unix socket have no address, and nobody is taken at their word",
          "[listeners]") {
  TempDir folder;
  TestServer server("blue");
  config::Config config =
      config_of({"unix:" + folder.file("a.sock"), "127.0.0.1:0"}, server.address());
  Plane plane(config, 2);
  CHECK(plane->listener_addresses()[0] == "unix:" + folder.file("a.sock"));
  CHECK(forwarded_for("unix:" + folder.file("a.sock"), "X-Forwarded-For: 192.0.2.1\r\n") ==
        "unknown");
  CHECK(forwarded_for(plane->listener_addresses()[1]) == "127.0.0.1");
  config::Network nobody;  // ::/128
  nobody.prefix_bits = 128;
  config.listeners[0].bind = address_of("unix:" + folder.file("b.sock"));
  config.services[0].forwarded.trust.push_back(nobody);
  Plane trusting(config, 1);
  CHECK(forwarded_for("unix:" + folder.file("b.sock"), "X-Forwarded-For: 192.0.2.1\r\n") ==
        "192.0.2.1, unknown");
  CHECK(forwarded_for(trusting->listener_addresses()[1], "X-Forwarded-For: 192.0.2.1\r\n") ==
        "127.0.0.1");
}
