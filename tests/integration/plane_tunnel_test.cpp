// Tunnels under ill-treatment: both ends slow, half-closed, reset, and upgrades that are none.
#include "tests/integration/tunnels.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using http::Reason;
using std::chrono::milliseconds;

namespace {
const std::string switched =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";
const std::string upgrade = get("/", "Connection: Upgrade\r\nUpgrade: raw\r\n");
const std::string piece(64 * 1024, 'x');
constexpr milliseconds quiet_time{60};

// A server that switches at once and hands the tunnel's end to the test.
class TunnelServer {
 public:
  explicit TunnelServer(std::function<void(RawClient&)> script) {
    TestServerOptions options;
    options.raw = [script = std::move(script)](RawClient& client) {
      client.read_head();
      client.send(switched);
      script(client);
    };
    server_ = std::make_unique<TestServer>(options);
  }
  TestServer& operator*() { return *server_; }

 private:
  std::unique_ptr<TestServer> server_;
};
}  // namespace

TEST_CASE("a tunnel blocked both ways waits, each way for itself", "[tunnel]") {
  std::size_t sent_by_server = 0, got_by_server = 0;
  Signal filled, drain_server, done;
  TunnelServer server([&](RawClient& end) {
    sent_by_server = end.send_until_blocked(piece, quiet_time);
    filled.set();
    drain_server.wait();
    got_by_server = end.read_to_end().size();
    end.half_close();
    done.set();
  });
  Plane plane(service_of("shop", {(*server).address()}, {}));
  RawClient client = plane.client();
  client.send(upgrade);
  CHECK_THAT(client.read_head(), ContainsSubstring("101"));
  const std::size_t sent = client.send_until_blocked(piece, quiet_time);
  filled.wait();
  // The way to the client moves again while the way to the server stands still.
  const std::size_t first = client.read_exact(sent_by_server).size();
  drain_server.set();
  client.half_close();
  const std::size_t rest = client.read_to_end().size();
  done.wait();
  CHECK(first + rest == sent_by_server);
  CHECK(got_by_server == sent);
  CHECK(sent < 64'000'000);  // kernels' buffers and one of ours
  CHECK(until([&] { return plane.quiet(); }));
}

TEST_CASE("a tunnel half-closed by the server still carries the client's bytes", "[tunnel]") {
  std::string got;
  Signal done;
  TunnelServer server([&](RawClient& end) {
    end.send("all I have");
    end.half_close();
    got = end.read_to_end();
    done.set();
  });
  Plane plane(service_of("shop", {(*server).address()}, {}));
  RawClient client = plane.client();
  client.send(upgrade);
  client.read_head();
  CHECK(client.read_to_end() == "all I have");
  const std::string bulk = body_of(3'000'000);
  client.send(bulk);
  client.half_close();
  done.wait();
  CHECK(got == bulk);
  CHECK(until([&] { return plane.quiet(); }));
}

TEST_CASE("a tunnel ends when either end resets, whatever stands still", "[tunnel]") {
  const int how = GENERATE(0, 1, 2, 3);
  Signal filled, finish;
  TunnelServer server([&](RawClient& end) {
    if (how == 1 || how == 3) end.half_close();
    finish.wait();
    if (how >= 2) end.reset();
    if (how < 2) end.wait_for_end();
  });
  Plane plane(service_of("shop", {(*server).address()}, {}));
  RawClient client = plane.client();
  client.send(upgrade);
  client.read_head();
  client.send_until_blocked(piece, quiet_time);
  CHECK_FALSE(plane.quiet());
  if (how < 2) client.reset();  // while its bytes wait for a server that reads nothing
  // how 2, 3: the server resets under the bytes that wait for it, with or without its own end
  if (how >= 2) finish.set();
  INFO(how);
  CHECK(until([&] { return plane.quiet(); }));
  finish.set();
}

TEST_CASE("a switch that nobody asked for is no answer", "[tunnel]") {
  TunnelServer server([&](RawClient& end) { end.wait_for_end(); });
  Plane plane(service_of("shop", {(*server).address()}, {}));
  RawClient client = plane.client();
  client.send(get("/"));
  CHECK(client.read_response().status == 502);
  CHECK(until([&] { return plane.reason_count(Reason::bad_response) == 1; }));
}

TEST_CASE("a switch before the request has ended is no answer", "[tunnel]") {
  TunnelServer server([&](RawClient& end) { end.wait_for_end(); });
  Plane plane(service_of("shop", {(*server).address()}, {}));
  RawClient client = plane.client();
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n"
      "Content-Length: 100000000\r\n\r\n");
  client.send_until_blocked(piece, quiet_time);
  CHECK(client.read_response().status == 502);
  CHECK(until([&] { return plane.quiet(); }));
}
