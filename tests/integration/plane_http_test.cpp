// HTTP/1.0 and 1.1 through the data plane: framing both ways, keep-alive, pipelining, 1xx,
// trailers, tunnels.
#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;

TEST_CASE("bodies of every framing arrive whole", "[plane]") {
  TestServer blue("blue"), green("green");
  Plane plane(service_of("shop", {blue.address()}, {green.address()}));
  const std::size_t bytes = GENERATE(0u, 1u, 1024u, 65536u, 1048576u);
  RawClient client = plane.client();
  for (const std::string path : {"/ok", "/chunked", "/close-delimited"}) {
    client.send(get(path + "?bytes=" + std::to_string(bytes)));
    const RawResponse answer = client.read_response();
    INFO(path << " " << bytes);
    CHECK(answer.status == 200);
    CHECK(answer.complete);
    CHECK(answer.body == body_of(bytes));
    CHECK(answer.field("X-Served-By") == "blue");
  }
}

TEST_CASE("uploads of every size and framing arrive whole", "[plane]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  const std::size_t bytes = GENERATE(1u, 20000u, 3000000u);
  const std::string body = body_of(bytes);
  const std::string want =
      "bytes=" + std::to_string(bytes) + " fnv=" + std::to_string(body_hash(body));
  RawClient client = plane.client();
  SECTION("by length") {
    client.send("POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(bytes) +
                "\r\n\r\n" + body);
  }
  SECTION("chunked") {
    std::string chunks;
    for (std::size_t at = 0; at < body.size(); at += 700) {
      const std::string piece = body.substr(at, 700);
      char size[20];
      std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
      chunks += size + piece + "\r\n";
    }
    client.send("POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks +
                "0\r\n\r\n");
  }
  const RawResponse answer = client.read_response();
  CHECK(answer.status == 200);
  CHECK(answer.body == want);
  client.send(get("/ok"));
  CHECK(client.read_response().body == "ok");
}

TEST_CASE("an echo of both directions at once does not deadlock", "[plane]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  const std::string body = body_of(2'000'000);
  RawClient client = plane.client();
  client.send("POST /mirror HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
  std::thread sender([&] { client.try_send(body); });
  const RawResponse answer = client.read_response();
  sender.join();
  CHECK(answer.complete);
  CHECK(answer.body == body);
}

TEST_CASE("pipelined requests are answered in order", "[plane]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  std::string all;
  for (int i = 0; i < 50; ++i) all += get("/ok?bytes=" + std::to_string(i));
  client.send(all);
  for (std::size_t i = 0; i < 50; ++i) CHECK(client.read_response().body == body_of(i));
}

TEST_CASE("a pipelined request behind a streamed body is kept", "[plane]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  const std::string body = body_of(300000);
  client.send("POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + body +
              get("/ok?bytes=7") + get("/ok?bytes=8"));
  CHECK(client.read_response().body.rfind("bytes=300000 ", 0) == 0);
  CHECK(client.read_response().body == body_of(7));
  CHECK(client.read_response().body == body_of(8));
}

TEST_CASE("HEAD, 204 and 304 have no body and keep the connection", "[plane]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  client.send("HEAD /ok?bytes=1000 HTTP/1.1\r\nHost: a\r\n\r\n");
  const RawResponse head = client.read_response(true);
  CHECK(head.status == 200);
  CHECK(head.field("Content-Length") == "1000");
  client.send(get("/status/204"));
  CHECK(client.read_response().status == 204);
  client.send(get("/status/304"));
  CHECK(client.read_response().status == 304);
  client.send(get("/ok"));
  CHECK(client.read_response().body == "ok");
}

TEST_CASE("an HTTP/1.0 client gets no chunks and a connection that closes", "[plane]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  client.send("GET /chunked?bytes=5000 HTTP/1.0\r\n\r\n");
  const std::string all = client.read_to_end();
  CHECK_THAT(all, !ContainsSubstring("Transfer-Encoding"));
  CHECK(all.substr(all.find("\r\n\r\n") + 4) == body_of(5000));
  SECTION("unless it asks to stay and the length is known") {
    RawClient staying = plane.client();
    staying.send("GET /ok HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const RawResponse answer = staying.read_response();
    CHECK(answer.body == "ok");
    CHECK_THAT(answer.field("Connection"), ContainsSubstring("keep-alive"));
    staying.send("GET /ok HTTP/1.0\r\n\r\n");
    CHECK(staying.read_to_end().find("ok") != std::string::npos);
  }
}

TEST_CASE("interim answers and trailers pass", "[plane]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  client.send(get("/1xx"));
  CHECK(client.read_response(false, true).status == 103);
  CHECK(client.read_response(false, true).status == 200);
  client.send(get("/trailers", "TE: trailers\r\n"));
  const RawResponse answer = client.read_response();
  REQUIRE(answer.trailers.size() == 1);
  CHECK(answer.trailers[0].first == "X-Checksum");
  client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
      "3\r\nabc\r\n0\r\nX-Sum: 42\r\n\r\n");
  CHECK_THAT(client.read_response().body, ContainsSubstring("X-Sum"));
}

TEST_CASE("Expect: 100-continue is the server's to answer", "[plane]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  client.send("PUT /sink HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  CHECK(client.read_response(false, true).status == 100);
  client.send("abc");
  CHECK(client.read_response().body.rfind("bytes=3 ", 0) == 0);
}

TEST_CASE("an upgrade becomes a tunnel with half-close", "[plane]") {
  TestServer blue("blue");
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  // Bytes behind the handshake must not be lost.
  client.send(get("/upgrade", "Connection: Upgrade\r\nUpgrade: echo\r\n") + "first ");
  CHECK_THAT(client.read_head(), ContainsSubstring("101"));
  CHECK(client.read_until("\n") == "hello blue\n");
  client.send("second");
  CHECK(client.read_exact(12) == "first second");
  CHECK(plane.view().pools[0].in_flight[static_cast<std::size_t>(drain::TrafficClass::tunnel)] ==
        1);
  const std::string bulk = body_of(500000);
  std::thread sender([&] {
    client.try_send(bulk);
    client.half_close();
  });
  const std::string back = client.read_to_end();
  sender.join();
  CHECK(back == bulk);
  CHECK(until([&] { return plane.quiet(); }));
}

TEST_CASE("what the server is told about the client", "[plane]") {
  TestServer blue("blue");
  config::Service service = service_of("shop", {blue.address()}, {});
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get("/echo",
                  "X-Forwarded-For: 6.6.6.6\r\nX-Request-Id: mine\r\n"
                  "Connection: close, X-Secret\r\nX-Secret: 1\r\n"));
  const RawResponse answer = client.read_response();
  CHECK(answer.field("Connection") == "close");
  const SeenRequest seen = blue.seen().back();
  CHECK(seen.field("X-Forwarded-For") == "127.0.0.1");
  CHECK(seen.field("X-Forwarded-Proto") == "http");
  CHECK(seen.field("X-Forwarded-Host") == "shop.test");
  CHECK(seen.field("X-Request-Id") != "mine");
  CHECK(seen.field("X-Request-Id").size() == 26);
  CHECK(seen.field("traceparent") == "");  // no trace is begun unasked
  CHECK(seen.field("Via") == "1.1 switchback");
  CHECK(seen.field("X-Secret") == "");
  CHECK(seen.field("Host") == "shop.test");
}

TEST_CASE("a trusted client's forwarded fields are believed", "[plane]") {
  TestServer blue("blue");
  config::Service service = service_of("shop", {blue.address()}, {});
  config::Network loopback;
  const std::uint8_t bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 0};
  std::copy(std::begin(bytes), std::end(bytes), loopback.bytes);
  loopback.prefix_bits = 104;
  service.forwarded.trust.push_back(loopback);
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get("/ok",
                  "X-Forwarded-For: 6.6.6.6\r\nX-Request-Id: mine\r\n"
                  "X-Forwarded-Proto: https\r\n"));
  client.read_response();
  const SeenRequest seen = blue.seen().back();
  CHECK(seen.field("X-Forwarded-For") == "6.6.6.6, 127.0.0.1");
  CHECK(seen.field("X-Forwarded-Proto") == "https");
  CHECK(seen.field("X-Request-Id") == "mine");
}

TEST_CASE("hosts and paths lead to their services, the rest to 404", "[plane]") {
  TestServer shop("shop"), api("api");
  config::Config config;
  config.services.push_back(service_of("shop", {shop.address()}, {}));
  config.services.back().match = config::Match{{"shop.test"}, "/"};
  config.services.push_back(service_of("api", {api.address()}, {}));
  config.services.back().match = config::Match{{"shop.test", "*.api.test"}, "/api"};
  Plane plane(config, 1);
  RawClient client = plane.client();
  client.send(get("/x"));
  CHECK(client.read_response().field("X-Served-By") == "shop");
  client.send(get("/api/x"));
  CHECK(client.read_response().field("X-Served-By") == "api");
  client.send("GET /x HTTP/1.1\r\nHost: other.test\r\n\r\n");
  const RawResponse none = client.read_response();
  CHECK(none.status == 404);
  CHECK(none.has("X-Request-Id"));
  client.send(get("/x"));
  CHECK(client.read_response().status == 200);  // the connection goes on
}

TEST_CASE("servers behind unix sockets", "[plane]") {
  TestServerOptions options;
  options.unix_path = "/tmp/switchback-test-" + std::to_string(::getpid()) + ".sock";
  TestServer blue(options);
  Plane plane(service_of("shop", {blue.address()}, {}));
  RawClient client = plane.client();
  client.send(get("/ok?bytes=100000"));
  CHECK(client.read_response().body == body_of(100000));
}

TEST_CASE("traces: what comes is passed on, and none is begun unless it is asked for", "[plane]") {
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-";
  TestServer blue("blue");
  config::Service service = service_of("shop", {blue.address()}, {});
  const bool begin = GENERATE(false, true);
  service.trace = begin ? config::Trace::begin : config::Trace::pass;
  service.trace_percent = GENERATE(0U, 100U);
  Plane plane(service);
  RawClient client = plane.client();
  const auto sent_on = [&](const std::string& fields) {
    client.send(get("/ok", fields));
    client.read_response();
    return blue.seen().back().field("traceparent");
  };
  for (const std::string flags : {"00", "01"}) {
    CHECK(sent_on("traceparent: " + trace + flags + "\r\n") == trace + flags);
  }
  const std::string begun = sent_on("");
  if (begin) {
    REQUIRE(begun.size() == 55);
    CHECK(begun.substr(53) == (service.trace_percent == 0 ? "00" : "01"));
  } else {
    CHECK(begun.empty());
    CHECK(sent_on("traceparent: garbage\r\n") == "garbage");
  }
}

TEST_CASE("forwarded.via: false leaves our entry out, not those of others", "[plane]") {
  TestServer blue("blue");
  config::Service service = service_of("shop", {blue.address()}, {});
  service.forwarded.via = false;
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get("/ok"));
  client.read_response();
  CHECK(blue.seen().back().head.find("Via") == std::string::npos);
  client.send(get("/ok", "Via: 1.1 edge\r\n"));
  client.read_response();
  CHECK(blue.seen().back().field("Via") == "1.1 edge");
}
