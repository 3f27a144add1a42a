// The helpers are believed by every other suite, so they are tested themselves.
#include <signal.h>

#include "tests/support/catch.hpp"
#include "tests/support/process.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/test_server.hpp"
#include "tests/support/until.hpp"

using namespace switchback::test;

namespace {

RawResponse get(RawClient& client, const std::string& target, const std::string& more = "") {
  client.send("GET " + target + " HTTP/1.1\r\nHost: test\r\n" + more + "\r\n");
  return client.read_response();
}

}  // namespace

TEST_CASE("the test server answers as its path says, on one kept connection") {
  TestServer server("green");
  RawClient client(server.address());

  auto r = get(client, "/ok?bytes=100000");
  CHECK(r.status == 200);
  CHECK(r.field("x-served-by") == "green");
  CHECK(r.body == body_of(100000));
  r = get(client, "/chunked?bytes=2500&chunk=999");
  CHECK(r.complete);
  CHECK(r.body == body_of(2500));
  r = get(client, "/trailers");
  CHECK(r.trailers == std::vector<std::pair<std::string, std::string>>{{"X-Checksum", "abc"}});
  r = get(client, "/status/418");
  CHECK(r.status == 418);
  CHECK(r.body == "418");
  CHECK(get(client, "/status/204").status == 204);
  CHECK(get(client, "/1xx").status == 200);
  CHECK(get(client, "/slow-body?bytes=100&ms=1").body == body_of(100));
  CHECK(get(client, "/big-head?bytes=20000").head.size() > 20000);
  CHECK(get(client, "/sse?events=3&ms=1").body ==
        "data: 0 green\n\ndata: 1 green\n\ndata: 2 green\n\n");
  CHECK(get(client, "/healthz").status == 200);
  server.set_healthy(false);
  CHECK(get(client, "/healthz").status == 503);
  CHECK(server.connections() == 1);
  CHECK(server.requests() == 9);
  CHECK(server.health_requests() == 2);
  CHECK(server.seen().back().target == "/sse?events=3&ms=1");
  CHECK(server.seen().back().field("host") == "test");
}

TEST_CASE("the test server takes bodies of both framings") {
  TestServer server;
  RawClient client(server.address());
  const std::string body = body_of(5000);

  client.send("POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + body);
  const auto counted = "bytes=5000 fnv=" + std::to_string(body_hash(body));
  CHECK(client.read_response().body == counted);
  client.send("POST /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
              body.substr(0, 2000) + "\r\nbb8\r\n" + body.substr(2000) + "\r\n0\r\nA: b\r\n\r\n");
  CHECK(client.read_response().body == counted);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: "
      "b\r\n\r\n");
  const auto echoed = client.read_response().body;
  CHECK_THAT(echoed, ContainsSubstring("\"body\":\"hi\""));
  CHECK_THAT(echoed, ContainsSubstring("\"trailers\":[[\"A\",\"b\"]]"));
  client.send(
      "POST /mirror HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  CHECK_THAT(client.read_head(), ContainsSubstring("200"));
  CHECK(client.read_head() == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abcd");
  CHECK(client.read_exact(14) == "4\r\nabcd\r\n0\r\n\r\n");
}

TEST_CASE("the test server breaks off as told") {
  TestServer server;
  const auto on_its_own = [&](const std::string& target) {
    RawClient client(server.address());
    client.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    auto bytes = client.read_to_end();
    return std::pair{std::move(bytes), client.reset_seen()};
  };
  CHECK(on_its_own("/reset") == std::pair{std::string(), true});
  CHECK(on_its_own("/drop") == std::pair{std::string(), false});
  CHECK(on_its_own("/garbage").first.size() == 200);
  CHECK_THAT(on_its_own("/truncate").first, ContainsSubstring("Content-Length: 1000000"));
  CHECK(!on_its_own("/truncate").second);
  CHECK_THAT(on_its_own("/early").first, ContainsSubstring("413"));
  RawClient client(server.address());
  CHECK(get(client, "/close-delimited?bytes=10").body == body_of(10));
  CHECK(client.wait_for_end());
}

TEST_CASE("the test server holds, upgrades, closes, dies and comes back") {
  TestServer server(TestServerOptions{.name = "blue", .close_after = 2});
  RawClient held(server.address());
  held.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  REQUIRE(server.wait_for_held(1));
  server.release_held();
  CHECK(held.read_response().body == "released");
  CHECK(get(held, "/ok").field("Connection") == "close");
  CHECK(held.wait_for_end());

  RawClient tunnel(server.address());
  tunnel.send(
      "GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly");
  CHECK(tunnel.read_response().status == 101);
  CHECK(tunnel.read_exact(16) == "hello blue\nearly");
  const auto port = server.port();
  server.stop();
  CHECK(tunnel.wait_for_end());
  CHECK(tunnel.reset_seen());
  CHECK_THROWS(RawClient(port));
  server.start();
  CHECK(server.port() == port);
  CHECK(fetch(server.address(), "/ok").body == "ok");
  CHECK(until([&] { return server.open_connections() == 0; }));
}

TEST_CASE("a raw script gets each connection") {
  TestServer server(TestServerOptions{.raw = [](RawClient& peer) {
    const auto head = peer.read_head();
    peer.send("you said " + head.substr(0, 4));
    peer.read_to_end();  // ends with the client or the server
  }});
  RawClient client(server.address());
  client.send("GETX\r\n\r\n");
  CHECK(client.read_exact(13) == "you said GETX");
}

TEST_CASE("a refusing port refuses and a client's deadline passes") {
  RefusingPort refusing;
  CHECK_THROWS(RawClient(refusing.port()));
  TestServer server;
  RawClient client(server.address(), std::chrono::milliseconds(1));
  client.send("GET /hang HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK_THROWS_WITH(client.read_head(), ContainsSubstring("deadline"));
}

TEST_CASE("unix sockets, temporary folders") {
  TempDir dir;
  const auto path = dir.file("up.sock");
  {
    TestServer server(TestServerOptions{.unix_path = path});
    CHECK(fetch("unix:" + path, "/ok").body == "ok");
  }
  CHECK(dir.read("x") == "");
  dir.write("x", "text");
  CHECK(dir.read("x") == "text");
}

TEST_CASE("child processes: output, codes, signals") {
  const auto finished = run({"sh", "-c", "echo out; echo err >&2; echo $SB_TEST; exit 7"},
                            {.environment = {"SB_TEST=set"}});
  CHECK(finished.code == 7);
  CHECK(finished.out == "out\nset\n");
  CHECK(finished.err == "err\n");

  Process shell({"sh", "-c", "echo first; echo ready 5; exec cat /dev/zero > /dev/null"});
  CHECK(shell.wait_for_line("ready") == "ready 5");
  CHECK(shell.running());
  CHECK(shell.wait(std::chrono::milliseconds(1)) == std::nullopt);
  shell.signal(SIGTERM);
  CHECK(shell.wait() == 128 + SIGTERM);
  CHECK(shell.wait_for_line("never printed") == std::nullopt);
  CHECK_THROWS(Process({"/no/such/program"}));
}
