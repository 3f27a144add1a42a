// A balancer in front that speaks the PROXY protocol, seen from the client's and the server's side.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace switchback;
using namespace switchback::test;
using http::Reason;

namespace {

const std::string v1 = "PROXY TCP4 203.0.113.9 198.51.100.1 56324 443\r\n";

std::string v2(const std::string& block, char command = '\x21', char family = '\x11') {
  std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
  out += command;
  out += family;
  out += static_cast<char>(block.size() >> 8);
  out += static_cast<char>(block.size() & 0xff);
  return out + block;
}

std::string v2_from_203_0_113_9(const std::string& tlvs = "") {
  return v2(std::string("\xcb\x00\x71\x09\xc6\x33\x64\x01\xdc\x04\x01\xbb", 12) + tlvs);
}

config::Config config_of(const TestServer& server, const std::string& bind = "127.0.0.1:0") {
  config::Config config;
  config.services.push_back(service_of("shop", {server.address()}, {}));
  config::Listener listener;
  listener.bind = address_of(bind);
  listener.proxy_protocol = true;
  config.listeners.push_back(listener);
  return config;
}

std::string seen_field(const TestServer& server, const std::string& name) {
  return server.seen().back().field(name);
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

}  // namespace

TEST_CASE("the address of the PROXY header is the client's", "[proxy-header]") {
  TestServer server("blue");
  Plane plane(config_of(server), 1);
  RawClient client = plane.client();
  client.send(v1 + get("/ok") + get("/ok?bytes=7"));
  CHECK(client.read_response().status == 200);
  CHECK(seen_field(server, "X-Forwarded-For") == "203.0.113.9");
  CHECK(client.read_response().body.size() == 7);  // bytes behind the header are not lost
  client.send(get("/ok"));
  CHECK(client.read_response().status == 200);
  CHECK(seen_field(server, "X-Forwarded-For") == "203.0.113.9");  // for the whole connection
  CHECK(seen_field(server, "X-Forwarded-Proto") == "http");

  RawClient second = plane.client();
  second.send(v2_from_203_0_113_9() + get("/ok"));
  CHECK(second.read_response().status == 200);
  CHECK(seen_field(server, "X-Forwarded-For") == "203.0.113.9");

  RawClient v6 = plane.client();
  v6.send("PROXY TCP6 2001:db8::9 2001:db8::1 1 2\r\n" + get("/ok"));
  CHECK(v6.read_response().status == 200);
  CHECK(seen_field(server, "X-Forwarded-For") == "2001:db8::9");
  CHECK(plane.reason_count(Reason::bad_proxy_header) == 0);
}

TEST_CASE("a PROXY header that comes byte by byte, on TCP and on a unix socket", "[proxy-header]") {
  TempDir folder;
  const bool unix_socket = GENERATE(false, true);
  TestServer server("blue");
  Plane plane(config_of(server, unix_socket ? "unix:" + folder.file("in.sock") : "127.0.0.1:0"), 1);
  for (const std::string& header : {v1, v2_from_203_0_113_9(std::string("\x04\x00\x03xyz", 6))}) {
    RawClient client = plane.client();
    const std::string all = header + get("/ok");
    for (const char c : all) client.send({&c, 1});
    CHECK(client.read_response().status == 200);
    CHECK(seen_field(server, "X-Forwarded-For") == "203.0.113.9");
  }
}

TEST_CASE("a header that names no client leaves the connection's own address", "[proxy-header]") {
  TestServer server("blue");
  Plane plane(config_of(server), 1);
  for (const std::string& header :
       {std::string("PROXY UNKNOWN\r\n"), v2("", '\x20', '\x00'), v2("", '\x21', '\x00')}) {
    RawClient client = plane.client();
    client.send(header + get("/ok"));
    CHECK(client.read_response().status == 200);
    CHECK(seen_field(server, "X-Forwarded-For") == "127.0.0.1");
  }
}

TEST_CASE("trust in forwarded fields follows the header's address", "[proxy-header]") {
  TestServer server("blue");
  config::Config config = config_of(server);
  config::Network trusted;
  trusted.bytes[10] = trusted.bytes[11] = 0xff;
  trusted.bytes[12] = 203;
  trusted.bytes[14] = 113;
  trusted.prefix_bits = 96 + 24;
  config.services[0].forwarded.trust.push_back(trusted);
  Plane plane(config, 1);
  RawClient client = plane.client();
  client.send(v1 + get("/ok", "X-Forwarded-For: 192.0.2.1\r\n"));
  CHECK(client.read_response().status == 200);
  CHECK(seen_field(server, "X-Forwarded-For") == "192.0.2.1, 203.0.113.9");
  RawClient other = plane.client();
  other.send("PROXY TCP4 203.0.114.9 198.51.100.1 1 2\r\n" +
             get("/ok", "X-Forwarded-For: 192.0.2.1\r\n"));
  CHECK(other.read_response().status == 200);
  CHECK(seen_field(server, "X-Forwarded-For") == "203.0.114.9");
}

TEST_CASE("a balancer that had TLS with the client says so", "[proxy-header]") {
  TestServer server("blue");
  Plane plane(config_of(server), 1);
  RawClient client = plane.client();
  client.send(v2_from_203_0_113_9(std::string("\x20\x00\x05\x01\x00\x00\x00\x00", 8)) + get("/ok"));
  CHECK(client.read_response().status == 200);
  CHECK(seen_field(server, "X-Forwarded-Proto") == "https");
}

TEST_CASE("without a proper PROXY header the connection ends, counted and logged",
          "[proxy-header]") {
  TempDir folder;
  TestServer server("blue");
  config::Config config = config_of(server);
  config.log.access = config::AccessFormat::json;
  config.log.path = folder.file("access.log");
  {
    Plane plane(config, 1);
    std::uint64_t refused = 0;
    for (const std::string& bytes :
         {get("/ok"), std::string("\x16\x03\x01\x02\x00", 5), std::string("PROXY TCP4 1 2 3 4\r\n"),
          v2(std::string(12, '\0'), '\x21', '\x13'), v2("abc"), std::string(200, 'P'),
          v2_from_203_0_113_9(std::string("\x03\x00\x04\x00\x00\x00\x00", 7))}) {
      RawClient client = plane.client();
      client.try_send(bytes);
      CHECK(client.wait_for_end());  // not a byte of an answer
      CHECK(until([&] { return plane.reason_count(Reason::bad_proxy_header) == refused + 1; }));
      ++refused;
    }
    RawClient cut = plane.client();  // ends in the middle
    cut.send(v1.substr(0, 20));
    cut.half_close();
    CHECK(cut.wait_for_end());
    CHECK(until([&] { return plane.reason_count(Reason::bad_proxy_header) == refused + 1; }));
    RawClient check = plane.client();  // connects and goes, as a balancer's check does
    check.half_close();
    CHECK(check.wait_for_end());
    CHECK(plane.reason_count(Reason::bad_proxy_header) == refused + 1);
    CHECK(server.requests() == 0);
  }
  const std::string log = content_of(folder.file("access.log"));
  CHECK_THAT(log, ContainsSubstring("\"reason\":\"bad_proxy_header\""));
  CHECK_THAT(log, ContainsSubstring("\"client\":\"127.0.0.1\""));
  CHECK_THAT(log, ContainsSubstring("PROXY header with a wrong checksum"));
  CHECK_THAT(log, ContainsSubstring("ended within the PROXY header"));
}

TEST_CASE("a PROXY header that does not come is waited for as long as for a head",
          "[proxy-header]") {
  TestServer server("blue");
  config::Config config = config_of(server);
  config.services[0].timeouts.request_head = std::chrono::milliseconds(150);
  Plane plane(config, 1);
  RawClient silent = plane.client();
  RawClient slow = plane.client();
  slow.send(v1.substr(0, 10));
  CHECK(silent.wait_for_end());
  CHECK(slow.wait_for_end());
  CHECK(plane.reason_count(Reason::bad_proxy_header) == 2);
}

TEST_CASE("a reload turns the PROXY protocol on and off for new connections", "[proxy-header]") {
  TestServer server("blue");
  config::Config config = config_of(server);
  Plane plane(config, 2);
  RawClient before = plane.client();
  before.send(v1 + get("/ok"));
  CHECK(before.read_response().status == 200);
  config.listeners[0].proxy_protocol = false;
  config.workers = 2;
  config.log.access = config::AccessFormat::off;
  plane->reload(config, {});
  CHECK(until([&] { return fetch(plane.address(), "/ok").status == 200; }));
  before.send(get("/ok"));  // a connection keeps what its header said
  CHECK(before.read_response().status == 200);
  CHECK(seen_field(server, "X-Forwarded-For") == "203.0.113.9");
  config.listeners[0].proxy_protocol = true;
  plane->reload(config, {});
  CHECK(until([&] {
    RawClient client = plane.client();
    client.try_send(v1 + get("/ok"));
    try {
      return client.read_response().status == 200;
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
}
