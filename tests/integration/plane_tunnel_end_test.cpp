// How tunnels begin and end apart from flips: bytes around the handshake, half-closes and their
// limit, idle ones, servers that go, the process's end; other long answers at a flip.
#include "tests/integration/tunnels.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;
using drain::Outcome;
using drain::TrafficClass;
using http::Reason;
using std::chrono::milliseconds;

namespace {
const std::string switched =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";
const std::string upgrade = get("/", "Connection: Upgrade\r\nUpgrade: raw\r\n");

TestServerOptions raw_server(std::function<void(RawClient&)> script) {
  TestServerOptions options;
  options.raw = [script = std::move(script)](RawClient& end) {
    end.read_head();
    script(end);
  };
  return options;
}
}  // namespace

TEST_CASE("bytes around the handshake reach the other end", "[tunnel]") {
  Signal done;
  std::string got;
  TestServer server(raw_server([&](RawClient& end) {
    end.send(switched + "server first");
    got = end.read_exact(12);
    done.set();
    end.read_to_end();
  }));
  Plane plane(service_of("shop", {server.address()}, {}));
  RawClient client = plane.client();
  client.send(upgrade + "client first");
  CHECK_THAT(client.read_head(), ContainsSubstring("101"));
  CHECK(client.read_exact(12) == "server first");
  done.wait();
  CHECK(got == "client first");
}

TEST_CASE("a server may only switch to what it was offered", "[tunnel]") {
  const std::string to = GENERATE("h2c", "websocket, h2c", "RAW", "raw");
  TestServer server(raw_server([&](RawClient& end) {
    end.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + to +
             "\r\n\r\n");
    end.read_to_end();
  }));
  Plane plane(service_of("shop", {server.address()}, {}));
  RawClient client = plane.client();
  client.send(upgrade);
  const int status = std::stoi(client.read_head().substr(9, 3));
  CHECK(status == (to.size() == 3 && to != "h2c" ? 101 : 502));
}

TEST_CASE("what a server said before it went is not lost with it", "[tunnel]") {
  // No more than the proxy's socket takes at once: what is still in the server's own queue when the
  // reset comes is lost to its kernel, whatever a proxy does.
  const std::string last_words = body_of(50'000);
  Signal gone;
  TestServer server(raw_server([&](RawClient& end) {
    end.send(switched);
    end.read_exact(1);
    end.send(last_words);
    end.close();  // with unread bytes of the client behind it, or before them
    gone.set();
  }));
  Plane plane(service_of("shop", {server.address()}, {}));
  RawClient client = plane.client();
  client.send(upgrade);
  client.read_head();
  client.send("x");
  gone.wait();
  client.send(body_of(5'000));  // into the void: the proxy's send fails
  client.send(body_of(5'000));
  CHECK(client.read_exact(last_words.size()) == last_words);
  CHECK(until([&] { return plane.quiet() || client.try_send("y"); }));
  client.half_close();
  CHECK(until([&] { return plane.quiet(); }));
}

TEST_CASE("a half-closed tunnel in which nothing moves is ended", "[tunnel]") {
  const bool client_first = GENERATE(true, false);
  Signal told_client, told_server;
  TestServer server(raw_server([&](RawClient& end) {
    end.send(switched);
    if (client_first) return told_client.wait();
    end.half_close();
    end.read_to_end();
    told_server.set();
  }));
  config::Service service = service_of("shop", {server.address()}, {});
  service.timeouts.idle = milliseconds(80);
  Plane plane(service);
  RawClient client = plane.client();
  client.send(upgrade);
  client.read_head();
  if (client_first) client.half_close();
  CHECK(client.read_to_end() == "");
  told_client.set();
  if (!client_first) told_server.wait();
  client.close();
  CHECK(until([&] { return plane.quiet(); }));
  CHECK(plane.reason_count(Reason::tunnel_idle) == 1);
}

TEST_CASE("an idle WebSocket is closed with 1001, a busy one is not", "[websocket]") {
  Signal seen;
  unsigned code = 0;
  WebSocketServer server("blue", [&](WebSocketPeer& peer) {
    while (auto message = peer.read_message()) peer.send_text(*message);
    code = peer.close_code();
    peer.send_close(code);
    seen.set();
  });
  config::Service service = service_of("shop", {server.address()}, {});
  service.timeouts.tunnel_idle = milliseconds(250);
  Plane plane(service);
  WebSocketPeer client = WebSocketPeer::connect(plane.address());
  // Longer than the limit in all; a Close means that so much time passed without a byte.
  const Nanos begun = monotonic_ns();
  Nanos last = begun;
  while (monotonic_ns() < begun + 500'000'000) {
    last = monotonic_ns();
    client.stream().try_send(client.bytes(ws_text, "busy"));
    if (!client.read_message()) break;
  }
  while (client.close_code() == 0 && client.read_message()) {
  }
  CHECK(client.close_code() == 1001);
  CHECK(monotonic_ns() - last >= 250'000'000);
  client.send_close(1001);
  CHECK(client.wait_for_end());
  seen.wait();
  CHECK(code == 1001);
  CHECK(until([&] { return plane.quiet(); }));
  CHECK(plane.reason_count(Reason::tunnel_idle) == 1);
}

TEST_CASE("another protocol is half-closed both ways at a flip", "[tunnel]") {
  const bool answers = GENERATE(true, false);
  Signal ended;
  TestServer blue(raw_server([&](RawClient& end) {
    end.send(switched);
    end.read_to_end();
    if (!answers) ended.wait();
  }));
  TestServer green("green");
  config::Service service = service_of("shop", {blue.address()}, {green.address()});
  service.drain.websocket = milliseconds(400);
  Plane plane(service);
  RawClient client = plane.client();
  client.send(upgrade);
  client.read_head();
  client.send("bytes");
  const auto record = plane.flip(Color::green);
  REQUIRE(record);
  CHECK(client.read_to_end() == "");
  CHECK_FALSE(client.reset_seen());
  client.close();
  REQUIRE(plane.drained(record));
  ended.set();
  CHECK(tunnels_ended(record, Outcome::forced) == 1);
  CHECK(tunnel_count(
            plane, Color::blue, [](auto& t) -> auto& { return t.cut; }) == !answers);
}

TEST_CASE("when the process ends, tunnels are told 1001 one after the other", "[websocket]") {
  std::atomic<unsigned> told{0};
  WebSocketServer server("blue", [&](WebSocketPeer& peer) {
    while (peer.read_message()) {
    }
    if (peer.close_code() == 1001) ++told;
    peer.send_close(1001);
  });
  Plane plane(service_of("shop", {server.address()}, {}));
  std::vector<WebSocketPeer> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(WebSocketPeer::connect(plane.address()));
  Signal over;
  plane->shut_down(milliseconds(2000), [&] { over.set(); });
  for (WebSocketPeer& client : clients) {
    CHECK_FALSE(client.read_message());
    CHECK(client.close_code() == 1001);
    client.send_close(1001);
    CHECK(client.wait_for_end());
    client.stream().close();
  }
  over.wait();
  CHECK(until([&] { return told == 5; }));
  CHECK(tunnel_count(
            plane, Color::blue, [](auto& t) -> auto& { return t.cut; }) == 0);
}

TEST_CASE("when the process ends, tunnels that do not answer are cut", "[websocket]") {
  WebSocketServer server("blue", [](WebSocketPeer& peer) {
    while (peer.read_frame()) {
    }
  });
  Plane plane(service_of("shop", {server.address()}, {}));
  WebSocketPeer client = WebSocketPeer::connect(plane.address());
  Signal over;
  plane->shut_down(milliseconds(400), [&] { over.set(); });
  over.wait();
  CHECK_FALSE(client.read_message());
  CHECK(client.close_code() == 1001);
  CHECK(tunnel_count(
            plane, Color::blue, [](auto& t) -> auto& { return t.cut; }) == 1);
}

TEST_CASE("long answers have the limit of their class at a flip", "[flip]") {
  const bool stream = GENERATE(true, false);
  CAPTURE(stream);
  TestServer blue("blue"), green("green");
  config::Service service = service_of("shop", {blue.address()}, {green.address()});
  (stream ? service.drain.stream : service.drain.timeout) = milliseconds(120);
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get(stream ? "/sse?ms=5" : "/slow-body?bytes=1000000&ms=100"));
  CHECK_THAT(client.read_head(), ContainsSubstring("200"));
  const auto record = plane.flip(Color::green);
  REQUIRE(record);
  const std::string rest = client.read_to_end();
  CHECK_FALSE(rest.ends_with("0\r\n\r\n"));  // cut, never falsely complete
  REQUIRE(plane.drained(record));
  const auto c = stream ? TrafficClass::stream : TrafficClass::request;
  CHECK(record->counts()[static_cast<std::size_t>(c)].accepted == 1);
  CHECK(ended(record->counts(), c, Outcome::forced) == 1);
  CHECK(adds_up(record));
  // An EventSource comes again, and finds the other color.
  RawClient again = plane.client();
  again.send(get("/sse?events=3&ms=1", "Last-Event-ID: 7\r\n"));
  const RawResponse answer = again.read_response();
  CHECK(answer.field("X-Served-By") == "green");
  CHECK(answer.complete);
}
