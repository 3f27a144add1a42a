// TLS and PROXY headers towards servers, health checks included, and servers on Unix sockets.
#include "plane.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/wire_server.hpp"

using namespace switchback;
using namespace switchback::test;

namespace {

config::Service secured(const std::string& server, const std::string& ca,
                        const std::string& sni = "") {
  config::Service service = service_of("shop", {server}, {});
  service.blue.tls.emplace();
  service.blue.tls->ca = ca;
  service.blue.tls->sni = sni;
  return service;
}

// Checks a server, and nobody is asked before that is over.
worker::ServerView checked_server(Plane& plane) {
  REQUIRE(plane.observer().wait(
      [&] { return plane.view().pools[0].servers[0].health != upstream::Health::unknown; }));
  return plane.view().pools[0].servers[0];
}

std::uint64_t counted(const Plane& plane, stats::Counter stats::WorkerStats::*which) {
  std::uint64_t sum = 0;
  for (const auto* worker : const_cast<Plane&>(plane)->stats().workers)
    sum += (worker->*which).read();
  return sum;
}

config::Service unchecked(config::Service service) {
  service.health_check.interval = std::chrono::hours(1);  // traffic goes where it is told
  service.retries.attempts = 0;
  return service;
}

// The status and, from the access log, the detail of one request.
struct Told {
  int status;
  std::string log;
};
Told ask_and_read_log(config::Service service) {
  TempDir folder;
  config::Config config;
  config.services.push_back(std::move(service));
  config.log.path = folder.file("access.log");
  Plane plane(config, 1);
  RawClient client = plane.client();
  client.send(get("/"));
  Told told{client.read_response().status, ""};
  until([&] { return !(told.log = folder.read("access.log")).empty(); });
  return told;
}

}  // namespace

TEST_CASE("requests go to a server by TLS, verified, with SNI, ALPN and resumption",
          "[server-tls]") {
  Authority authority;
  const int newest = GENERATE(0, TLS1_2_VERSION);
  CAPTURE(newest);
  std::atomic<bool> close_each{false};
  WireServerOptions options{.certificate = authority.issue({.names = "DNS:app.internal"})};
  options.max_version = newest;
  options.serve = [&](WireConnection& connection) {
    WireRequest request;
    while (connection.read_request(request) && connection.answer("by TLS " + request.body) &&
           !close_each) {
    }
  };
  WireServer server(options);
  Plane plane(secured(server.address(), authority.ca(), "app.internal"));
  CHECK(checked_server(plane).health == upstream::Health::healthy);
  RawClient client = plane.client();
  for (int i = 0; i < 50; ++i) {
    client.send("PUT / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\n\r\nhello");
    const RawResponse response = client.read_response();
    REQUIRE(response.status == 200);
    CHECK(response.body == "by TLS hello");
  }
  CHECK(server.last_sni() == "app.internal");
  CHECK(server.last_alpn() == "http/1.1");
  CHECK(counted(plane, &stats::WorkerStats::server_handshakes) == 1);  // kept alive, tickets or not
  close_each = true;
  for (int i = 0; i < 5; ++i) {
    client.send(get("/"));
    REQUIRE(client.read_response().status == 200);
  }
  CHECK(counted(plane, &stats::WorkerStats::server_handshakes_resumed) >= 3);
  CHECK(counted(plane, &stats::WorkerStats::server_handshake_failures) == 0);
}

TEST_CASE("a large body passes both ways by TLS", "[server-tls]") {
  Authority authority;
  WireServerOptions options{.certificate = authority.issue({.names = "IP:127.0.0.1"})};
  options.serve = [](WireConnection& connection) {
    WireRequest request;
    while (connection.read_request(request) && connection.answer(request.body)) {
    }
  };
  WireServer server(options);
  Plane plane(secured(server.address(), authority.ca()));
  const std::string body = body_of(5'000'000);
  RawClient client = plane.client();
  client.send("POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5000000\r\n\r\n");
  client.send(body);
  const RawResponse response = client.read_response();
  CHECK(response.complete);
  CHECK(response.body == body);
  CHECK(server.last_sni().empty());  // an address is no name
}

TEST_CASE("a server that is not who it should be gets no request, and the log says why",
          "[server-tls]") {
  Authority authority, stranger("somebody else");
  struct Case {
    CertificateFiles certificate;
    std::string sni, cause;
    bool verify = true;
    int status = 502;
  };
  const std::vector<Case> cases = {
      {authority.issue({.names = "IP:127.0.0.1", .expired = true}), "", "certificate has expired"},
      {authority.issue({.names = "DNS:other.internal"}), "app.internal", "hostname mismatch"},
      {authority.issue({.names = "DNS:app.internal"}), "", "IP address mismatch"},
      {stranger.issue({.names = "IP:127.0.0.1"}), "", "unable to get local issuer certificate"},
      {authority.issue({.names = "DNS:*.app.internal"}), "one.app.internal", "", true, 200},
      {stranger.issue({.names = "DNS:other", .expired = true}), "app.internal", "", false, 200},
  };
  for (const Case& one : cases) {
    CAPTURE(one.cause, one.sni);
    std::atomic<int> requests{0};
    WireServerOptions options{.certificate = one.certificate};
    options.serve = [&](WireConnection& connection) {
      WireRequest request;
      while (connection.read_request(request) && ++requests && connection.answer("ok")) {
      }
    };
    WireServer server(options);
    config::Service service = secured(server.address(), authority.ca(), one.sni);
    service.blue.tls->verify = one.verify;
    {
      Plane plane(service);
      const worker::ServerView seen = checked_server(plane);
      CHECK((seen.health == upstream::Health::healthy) == (one.status == 200));
      CHECK(seen.reason == (one.cause.empty() ? "" : "TLS handshake: " + one.cause));
      if (one.status != 200) CHECK(seen.health == upstream::Health::failing);
    }
    const Told told = ask_and_read_log(unchecked(service));
    // Until its first check is over a server is used; after that nobody is.
    CHECK((told.status == one.status || told.status == 503));
    if (told.status == 502) {
      CHECK(told.log.find("server_tls_failed") != std::string::npos);
      CHECK(told.log.find(one.cause) != std::string::npos);
    }
    CHECK(requests == (one.status == 200 ? 1 : 0));
  }
}

TEST_CASE("a failed handshake is tried on another server, also for a POST", "[server-tls]") {
  Authority authority, stranger("somebody else");
  WireServer bad({.certificate = stranger.issue({.names = "IP:127.0.0.1"})});
  WireServer good({.certificate = authority.issue({.names = "IP:127.0.0.1"})});
  config::Service service = secured(bad.address(), authority.ca());
  service.blue.servers.push_back({address_of(good.address()), 1});
  service.balance.policy = config::BalancePolicy::round_robin;
  service.health_check.interval = std::chrono::hours(1);
  service.health_check.fall = 10;  // the first result decides all the same
  Plane plane(service);
  RawClient client = plane.client();
  for (int i = 0; i < 10; ++i) {
    client.send("POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 2\r\n\r\nhi");
    CHECK(client.read_response().status == 200);
  }
}

TEST_CASE("a server that speaks no TLS, closes, or says nothing: counted and named",
          "[server-tls]") {
  Authority authority;
  WireServerOptions options;
  const int kind = GENERATE(0, 1, 2);
  CAPTURE(kind);
  options.serve = [&](WireConnection& connection) {
    if (kind == 0) connection.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    if (kind != 1) connection.read_raw(1'000'000);  // until the proxy goes
  };
  WireServer server(options);
  config::Service service = unchecked(secured(server.address(), authority.ca()));
  service.timeouts.connect = std::chrono::milliseconds(300);
  service.health_check.timeout = std::chrono::milliseconds(2000);
  const Told told = ask_and_read_log(service);
  INFO(told.log);
  if (told.status == 503) return;  // its first check was faster
  CHECK(told.status == (kind == 2 ? 504 : 502));
  CHECK(told.log.find(kind == 0   ? "wrong version number"
                      : kind == 1 ? "closed during the handshake"
                                  : "during the TLS handshake") != std::string::npos);
}

TEST_CASE("a client certificate is shown where one is asked for; without, the log says so",
          "[server-tls]") {
  Authority authority;
  WireServerOptions options{.certificate = authority.issue({.names = "IP:127.0.0.1"})};
  options.client_ca = authority.ca();
  options.max_version = GENERATE(0, TLS1_2_VERSION);
  WireServer server(options);
  config::Service service = secured(server.address(), authority.ca());
  const CertificateFiles own = authority.issue({.name = "proxy", .client = true});
  {
    const Told told = ask_and_read_log(unchecked(service));
    INFO(told.log);
    CHECK((told.status == 502 || told.status == 503));
    if (told.status == 502) CHECK(told.log.find("alert") != std::string::npos);
  }
  service.blue.tls->cert = own.cert;
  service.blue.tls->key = own.key;
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get("/"));
  CHECK(client.read_response().status == 200);
  CHECK(server.last_client() == "/CN=proxy");
}

TEST_CASE("an answer that ends with the connection is whole only with close_notify",
          "[server-tls]") {
  Authority authority;
  const bool notify = GENERATE(true, false);
  CAPTURE(notify);
  WireServerOptions options{.certificate = authority.issue({.names = "IP:127.0.0.1"})};
  options.serve = [&](WireConnection& connection) {
    WireRequest request;
    if (!connection.read_request(request)) return;
    connection.write("HTTP/1.1 200 OK\r\n\r\nthe first half");
    connection.close(false, notify);
  };
  WireServer server(options);
  Plane plane(secured(server.address(), authority.ca()));
  RawClient client = plane.client();
  client.send(get("/"));
  const RawResponse response = client.read_response();
  CHECK(response.body == "the first half");
  CHECK(response.complete == notify);
  REQUIRE(until([&] { return plane.quiet(); }));
  CHECK(plane.reason_count(http::Reason::response_truncated) == (notify ? 0 : 1));
}

TEST_CASE("files are read again at a reload: sound ones replace, broken ones refuse it whole",
          "[server-tls]") {
  Authority before, after("the next authority");
  TempDir folder;
  WireServer server({.certificate = before.issue({.names = "IP:127.0.0.1"})});
  const std::string ca = folder.file("ca.pem");
  const auto copy_ca = [&](const Authority& from) {
    std::filesystem::copy_file(from.ca(), ca, std::filesystem::copy_options::overwrite_existing);
  };
  copy_ca(before);
  Plane plane(secured(server.address(), ca));
  const auto ask = [&] {
    RawClient client = plane.client();
    client.send(get("/"));
    return client.read_response().status;
  };
  CHECK(ask() == 200);
  plane->reload(plane.config(), {});  // nothing has changed: the kept connection goes on
  CHECK(ask() == 200);
  CHECK(plane->renewed_files().empty());
  CHECK(counted(plane, &stats::WorkerStats::server_handshakes) == 1);
  server.use(after.issue({.names = "IP:127.0.0.1"}));
  copy_ca(after);
  plane->reload(plane.config(), {});
  CHECK(ask() == 200);
  CHECK(counted(plane, &stats::WorkerStats::server_handshakes) == 2);
  CHECK(counted(plane, &stats::WorkerStats::server_handshakes_resumed) == 0);
  CHECK(plane->renewed_files() ==
        std::vector<std::string>{"services.shop.blue.tls: new certificates or authorities"});
  folder.write("ca.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
  std::string fault;
  try {
    plane->reload(plane.config(), {});
  } catch (const std::runtime_error& error) {
    fault = error.what();
  }
  CHECK(fault.find("services.shop.blue.tls.ca: " + ca) == 0);
  CHECK(ask() == 200);  // what was in force stays
}

TEST_CASE("a server on a Unix socket: cleartext, TLS, Host, health", "[server-tls]") {
  Authority authority;
  TempDir folder;
  const bool encrypted = GENERATE(false, true);
  CAPTURE(encrypted);
  WireServerOptions options;
  options.unix_path = folder.file("app.sock");
  if (encrypted) options.certificate = authority.issue({.names = "DNS:app.internal"});
  options.serve = [](WireConnection& connection) {
    WireRequest request;
    while (connection.read_request(request) && connection.answer(request.field("Host"))) {
    }
  };
  WireServer server(options);
  config::Service service = encrypted ? secured(server.address(), authority.ca(), "app.internal")
                                      : service_of("shop", {server.address()}, {});
  service.health_check.path = "/healthz";
  Plane plane(service);
  CHECK(checked_server(plane).health == upstream::Health::healthy);
  RawClient client = plane.client();
  client.send(get("/"));
  CHECK(client.read_response().body == "shop.test");
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(client.read_response().body == "localhost");
}

TEST_CASE("PROXY headers name the client and where it came to; checks name nobody",
          "[server-proxy]") {
  Authority authority;
  const bool encrypted = GENERATE(false, true);
  const auto version = GENERATE(config::ProxyHeader::v1, config::ProxyHeader::v2);
  CAPTURE(encrypted, static_cast<int>(version));
  std::mutex mutex;
  std::vector<std::string> headers;
  WireServerOptions options;
  if (encrypted) options.certificate = authority.issue({.names = "IP:127.0.0.1"});
  options.before_tls = [&](WireConnection& connection) {
    std::string header;
    if (version == config::ProxyHeader::v1) {
      while (!header.ends_with("\r\n") && header.size() < 108) {
        const std::string byte = connection.read_raw(1);
        if (byte.empty()) return;
        header += byte;
      }
    } else {
      header = connection.read_raw(16);
      if (header.size() < 16) return;
      header += connection.read_raw(static_cast<unsigned char>(header[15]));
    }
    const std::lock_guard lock(mutex);
    headers.push_back(header);
  };
  WireServer server(options);
  config::Service service = encrypted ? secured(server.address(), authority.ca())
                                      : service_of("shop", {server.address()}, {});
  service.blue.proxy_protocol = version;
  service.health_check.interval = std::chrono::hours(1);
  service.health_check.path = "/healthz";
  Plane plane(service);
  CHECK(checked_server(plane).health == upstream::Health::healthy);
  const std::string nobody = version == config::ProxyHeader::v1
                                 ? "PROXY UNKNOWN\r\n"
                                 : std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
  REQUIRE(headers.size() == 1);
  CHECK(headers[0] == nobody);
  // Two clients in turn: each has a connection of its own, and goes on with it.
  RawClient first = plane.client(), second = plane.client();
  for (int i = 0; i < 5; ++i) {
    for (RawClient* client : {&first, &second}) {
      client->send(get("/"));
      REQUIRE(client->read_response().status == 200);
    }
  }
  const std::lock_guard lock(mutex);
  REQUIRE(headers.size() == 3);
  const auto port = std::stoi(plane.address().substr(plane.address().rfind(':') + 1));
  int at = 1;
  for (const RawClient* client : {&first, &second}) {
    const int from = client->local_port();
    if (version == config::ProxyHeader::v1) {
      CHECK(headers[at] == "PROXY TCP4 127.0.0.1 127.0.0.1 " + std::to_string(from) + " " +
                               std::to_string(port) + "\r\n");
    } else {
      const char ports[] = {static_cast<char>(from >> 8), static_cast<char>(from),
                            static_cast<char>(port >> 8), static_cast<char>(port)};
      CHECK(headers[at] ==
            std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1", 24) +
                std::string(ports, 4));
    }
    ++at;
  }
}

TEST_CASE("what a client's balancer said in its PROXY header is what the server is told",
          "[server-proxy]") {
  std::string seen;
  std::mutex mutex;
  WireServerOptions options;
  options.before_tls = [&](WireConnection& connection) {
    std::string header;
    while (!header.ends_with("\r\n") && header.size() < 108) {
      const std::string byte = connection.read_raw(1);
      if (byte.empty()) return;
      header += byte;
    }
    const std::lock_guard lock(mutex);
    if (header != "PROXY UNKNOWN\r\n") seen = header;
  };
  WireServer server(options);
  config::Config config;
  config.services.push_back(service_of("shop", {server.address()}, {}));
  config.services.back().blue.proxy_protocol = config::ProxyHeader::v1;
  config::Listener listener;
  listener.bind = address_of("127.0.0.1:0");
  listener.proxy_protocol = true;
  config.listeners.push_back(listener);
  Plane plane(config, 1);
  RawClient client = plane.client();
  client.send("PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n" + get("/"));
  REQUIRE(client.read_response().status == 200);
  const std::lock_guard lock(mutex);
  CHECK(seen == "PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n");
}
