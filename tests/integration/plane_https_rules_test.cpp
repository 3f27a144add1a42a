// redirect_https and hsts from outside, with a balancer that says how a request came.
#include "proxy/exchange/https_rules.hpp"

#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using http::Reason;

namespace {

config::Service https_service(const TestServer& server) {
  config::Service service = service_of("shop", {server.address()}, {});
  service.redirect_https = true;
  service.hsts = std::chrono::hours(24 * 365);
  config::Network loopback;
  loopback.bytes[10] = loopback.bytes[11] = 0xff;
  loopback.bytes[12] = 127;
  loopback.prefix_bits = 104;
  service.forwarded.trust.push_back(loopback);
  return service;
}

RawResponse ask(const Plane& plane, const std::string& request) {
  RawClient client = plane.client();
  client.send(request);
  return client.read_response(request.starts_with("HEAD"));
}

constexpr const char* year = "max-age=31536000";

}  // namespace

TEST_CASE("what came in cleartext is sent to the same address by HTTPS", "[https-rules]") {
  TestServer server("blue");
  Plane plane(https_service(server), 1);
  const std::pair<std::string, std::string> cases[] = {
      {"GET /a/b?c=d&e HTTP/1.1\r\nHost: shop.test\r\n\r\n", "https://shop.test/a/b?c=d&e"},
      {"HEAD / HTTP/1.1\r\nHost: SHOP.test\r\n\r\n", "https://SHOP.test/"},
      {"GET / HTTP/1.1\r\nHost: shop.test:8080\r\n\r\n", "https://shop.test/"},
      {"GET / HTTP/1.1\r\nHost: shop.test:\r\n\r\n", "https://shop.test/"},
      {"GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n", "https://[2001:db8::1]/"},
      {"GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n", "https://[2001:db8::1]/"},
      {"GET //other.test/x HTTP/1.1\r\nHost: shop.test\r\n\r\n", "https://shop.test//other.test/x"},
      {"GET http://shop.test/x HTTP/1.1\r\nHost: a\r\n\r\n", "https://shop.test/x"},
      {"GET http://shop.test?x HTTP/1.1\r\nHost: a\r\n\r\n", "https://shop.test/?x"},
      {"OPTIONS * HTTP/1.1\r\nHost: shop.test\r\n\r\n", "https://shop.test"},
      {"DELETE /x HTTP/1.0\r\nHost: shop.test\r\n\r\n", "https://shop.test/x"},
  };
  for (const auto& [request, location] : cases) {
    INFO(request);
    const RawResponse response = ask(plane, request);
    CHECK(response.status == 308);
    CHECK(response.field("Location") == location);
    CHECK_FALSE(response.has("Strict-Transport-Security"));  // RFC 6797 §7.2
  }
  CHECK(server.requests() == 0);
  CHECK(plane.reason_count(Reason::redirected) == std::size(cases));
}

TEST_CASE("a redirect leaves the connection usable unless a body is on its way", "[https-rules]") {
  TestServer server("blue");
  Plane plane(https_service(server), 1);
  RawClient client = plane.client();
  client.send(get("/a") + get("/b"));
  CHECK(client.read_response().field("Location") == "https://shop.test/a");
  CHECK(client.read_response().field("Location") == "https://shop.test/b");
  client.send("POST /c HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\n\r\n");
  const RawResponse response = client.read_response();
  CHECK(response.status == 308);
  CHECK(response.field("Connection") == "close");
}

TEST_CASE("a target as long as a head allows is redirected whole", "[https-rules]") {
  TestServer server("blue");
  Plane plane(https_service(server), 1);
  const std::string path = "/" + std::string(7'000, 'x');
  CHECK(ask(plane, get(path)).field("Location") == "https://shop.test" + path);
}

TEST_CASE("a request without a host cannot be redirected", "[https-rules]") {
  TestServer server("blue");
  Plane plane(https_service(server), 1);
  CHECK(ask(plane, "GET / HTTP/1.0\r\n\r\n").status == 400);
  CHECK(plane.reason_count(Reason::bad_host) == 1);
  CHECK(server.requests() == 0);
}

TEST_CASE("what a trusted balancer got by HTTPS goes on, and its answer carries HSTS",
          "[https-rules]") {
  TestServer server("blue");
  Plane plane(https_service(server), 1);
  for (const char* proto : {"https", "HTTPS", "https, http", "https ,http"}) {
    INFO(proto);
    const RawResponse response =
        ask(plane, get("/ok", std::string("X-Forwarded-Proto: ") + proto + "\r\n"));
    CHECK(response.status == 200);
    CHECK(response.field("Strict-Transport-Security") == year);
    CHECK(response.count("Strict-Transport-Security") == 1);
  }
  for (const char* proto : {"http", "", "httpsx", "http, https"}) {
    INFO(proto);
    CHECK(ask(plane, get("/ok", std::string("X-Forwarded-Proto: ") + proto + "\r\n")).status ==
          308);
  }
}

TEST_CASE("a stranger's word about HTTPS counts for nothing", "[https-rules]") {
  TestServer server("blue");
  config::Service service = https_service(server);
  service.forwarded.trust[0].bytes[12] = 10;
  Plane plane(service, 1);
  CHECK(ask(plane, get("/ok", "X-Forwarded-Proto: https\r\n")).status == 308);
}

TEST_CASE("our HSTS takes the place of the server's; own answers carry it too", "[https-rules]") {
  TestServer server(TestServerOptions{.raw = [](RawClient& end) {
    end.read_head();
    end.send(
        "HTTP/1.1 200 OK\r\nstrict-transport-security: max-age=1\r\nContent-Length: 2\r\n"
        "STRICT-TRANSPORT-SECURITY: max-age=2; preload\r\nX-Other: kept\r\n\r\nok");
    end.read_to_end();
  }});
  config::Service service = https_service(server);
  service.limits.body = 10;
  service.health_check.interval = std::chrono::hours(1);
  Plane plane(service, 1);
  const std::string https = "X-Forwarded-Proto: https\r\n";
  const RawResponse response = ask(plane, get("/ok", https));
  CHECK(response.status == 200);
  CHECK(response.count("Strict-Transport-Security") == 1);
  CHECK(response.field("Strict-Transport-Security") == year);
  CHECK(response.field("X-Other") == "kept");
  const RawResponse own =
      ask(plane, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n" + https + "\r\n");
  CHECK(own.status == 413);
  CHECK(own.field("Strict-Transport-Security") == year);
}

TEST_CASE("without the key the server's own HSTS passes", "[https-rules]") {
  TestServer server(TestServerOptions{.raw = [](RawClient& end) {
    end.read_head();
    end.send(
        "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\nContent-Length: 2\r\n\r\nok");
    end.read_to_end();
  }});
  config::Service service = https_service(server);
  service.hsts = {};
  service.health_check.interval = std::chrono::hours(1);
  Plane plane(service, 1);
  CHECK(ask(plane, get("/ok", "X-Forwarded-Proto: https\r\n")).field("Strict-Transport-Security") ==
        "max-age=1");
}

TEST_CASE("ACME challenges pass in cleartext, and nothing that only looks like one",
          "[https-rules]") {
  TestServer server("blue");
  Plane plane(https_service(server), 1);
  CHECK(ask(plane, get("/.well-known/acme-challenge/Ab_-9")).status == 200);
  for (const char* target :
       {"/.well-known/acme-challenge/", "/.well-known/acme-challenge/../admin",
        "/.well-known/acme-challenge/a/b", "/.well-known/acme-challenge/a?b",
        "/.well-known/acme-challenge/%2e%2e%2fadmin", "/.well-known/acme-challengeX/a"}) {
    INFO(target);
    CHECK(ask(plane, get(target)).status == 308);
  }
}

TEST_CASE("a reload switches redirect and HSTS, on connections that are open too",
          "[https-rules]") {
  TestServer server("blue");
  Plane plane(https_service(server), 1);
  RawClient client = plane.client();
  client.send(get("/ok"));
  CHECK(client.read_response().status == 308);
  config::Config config = plane.config();
  config.services[0].redirect_https = false;
  config.services[0].hsts = std::chrono::seconds(7);
  plane->reload(config, {});
  CHECK(until([&] {
    client.send(get("/ok"));
    return client.read_response().status == 200;
  }));
  client.send(get("/ok", "X-Forwarded-Proto: https\r\n"));
  CHECK(client.read_response().field("Strict-Transport-Security") == "max-age=7");
}

TEST_CASE("the port of the redirect is the TLS listener's, where one was named", "[https-rules]") {
  config::Service service;
  service.redirect_https = true;
  http::RequestHead head;
  head.target = "/x";
  const auto location = [&](std::uint16_t port, std::string_view authority) {
    head.authority = authority;
    std::string out;
    CHECK(exchange::write_location(head, exchange::https_rules_of(service, port), out));
    return out;
  };
  CHECK(location(8443, "shop.test:8080") == "Location: https://shop.test:8443/x\r\n");
  CHECK(location(8443, "shop.test") == "Location: https://shop.test/x\r\n");
  CHECK(location(443, "shop.test:80") == "Location: https://shop.test/x\r\n");
  CHECK(location(0, "shop.test:80") == "Location: https://shop.test/x\r\n");
  CHECK(location(8443, "[::1]:80") == "Location: https://[::1]:8443/x\r\n");
  CHECK(location(8443, "[::1]") == "Location: https://[::1]/x\r\n");
}
