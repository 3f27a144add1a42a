// Tunnels between a client by HTTPS and a server by TLS: the same rules as in the clear, with
// records where the bytes are and close_notify where the end is.
#include "tests/integration/tunnels.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/tls_client.hpp"
#include "tests/support/wire_server.hpp"

using namespace switchback;
using namespace switchback::test;
using drain::Outcome;

namespace {

// "" at the end; `orderly` then says whether by close_notify.
std::string read_tls(SSL* ssl, bool& orderly) {
  char bytes[16384];
  const int got = SSL_read(ssl, bytes, sizeof bytes);
  if (got > 0) return {bytes, static_cast<std::size_t>(got)};
  orderly = SSL_get_error(ssl, got) == SSL_ERROR_ZERO_RETURN;
  return {};
}

// What the server of a test was sent behind its 101, for the test's thread.
struct Heard {
  void add(std::string_view bytes) {
    const std::lock_guard lock(mutex);
    all += bytes;
  }
  void end(bool by_notify) {
    const std::lock_guard lock(mutex);
    ended = true;
    orderly = by_notify;
  }
  template <class Read>
  auto now(Read read) {
    const std::lock_guard lock(mutex);
    return read(*this);
  }
  std::string all;
  bool ended = false, orderly = false;
  unsigned close_code = 0;
  bool close_masked = false;

 private:
  std::mutex mutex;
};

struct Encrypted {
  using Script = std::function<void(WireConnection&, Heard&)>;
  explicit Encrypted(const std::string& protocol, Script script) {
    const CertificateFiles files = authority.issue({.names = "DNS:shop.test"});
    WireServerOptions options{.certificate = files};
    options.serve = [this, protocol, script](WireConnection& connection) {
      WireRequest request;
      if (!connection.read_request(request)) return;
      if (request.field("Upgrade") != protocol) {  // a health check
        connection.answer("ok");
        return;
      }
      connection.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: " +
                       protocol + "\r\n\r\n");
      script(connection, heard);
    };
    server = std::make_unique<WireServer>(options);
    config::Config config;
    config::Service service = service_of("shop", {server->address()}, {server->address()});
    service.drain.websocket = std::chrono::milliseconds(1);
    for (config::Pool* pool : {&service.blue, &service.green}) {
      pool->tls.emplace();
      pool->tls->ca = authority.ca();
      pool->tls->sni = "shop.test";
    }
    config.services.push_back(service);
    config::ListenerTls tls;
    tls.certificates = {{files.cert, files.key}};
    config.listeners.push_back({address_of("127.0.0.1:0"), std::move(tls)});
    plane = std::make_unique<Plane>(std::move(config), 1);
  }
  std::unique_ptr<TlsClient> ask(const std::string& protocol) {
    TlsClientOptions options;
    options.ca = authority.ca();
    auto client = std::make_unique<TlsClient>(plane->address(), options);
    client->send("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: " +
                 protocol + "\r\n\r\n");
    const std::string answer = client->read_answer();
    REQUIRE(answer.starts_with("HTTP/1.1 101 "));
    return client;
  }
  Authority authority;
  Heard heard;
  std::unique_ptr<WireServer> server;
  std::unique_ptr<Plane> plane;
};

// Sends every message back, and answers a Close as it came.
void echo_messages(WireConnection& connection, Heard& heard) {
  std::string buffer;
  bool orderly = false;
  for (;;) {
    std::optional<WebSocketFrame> frame = take_websocket_frame(buffer, true);
    if (!frame) {
      const std::string more = read_tls(connection.ssl(), orderly);
      if (more.empty()) break;
      buffer += more;
      continue;
    }
    if (frame->opcode == ws_close) {
      heard.now([&](Heard& h) {
        h.close_code = frame->code();
        h.close_masked = frame->masked;
      });
    }
    frame->masked = false;
    connection.write(websocket_bytes(*frame));
    if (frame->opcode == ws_close) break;
  }
  heard.end(orderly);
}

std::optional<WebSocketFrame> read_frame(TlsClient& client, std::string& buffer) {
  for (;;) {
    if (auto frame = take_websocket_frame(buffer, false)) return frame;
    const std::string more = client.read_some();
    if (more.empty()) return std::nullopt;
    buffer += more;
  }
}

}  // namespace

TEST_CASE("a WebSocket by TLS on both sides passes every size and is closed with 1012 at a flip",
          "[tunnel][tls]") {
  Encrypted shop("websocket", echo_messages);
  const auto client = shop.ask("websocket");
  std::string buffer;
  for (const std::size_t size : {0, 1, 125, 126, 65535, 65536, 300'000}) {
    const std::string text = body_of(size);
    REQUIRE(client->send(websocket_bytes({ws_binary, text, true, true})));
    const auto echo = read_frame(*client, buffer);
    REQUIRE(echo);
    CHECK(echo->payload == text);
    CHECK_FALSE(echo->masked);
  }
  const auto record = shop.plane->flip(Color::green);
  REQUIRE(record);
  const auto close = read_frame(*client, buffer);
  REQUIRE(close);
  CHECK(close->opcode == ws_close);
  CHECK(close->code() == 1012);
  CHECK_FALSE(close->masked);
  client->send(websocket_bytes(websocket_close(1012, true)));
  CHECK(client->read_to_end().empty());
  CHECK(client->closed_orderly());
  REQUIRE(shop.plane->drained(record));
  CHECK(until([&] { return shop.heard.now([](Heard& h) { return h.ended; }); }));
  CHECK(shop.heard.close_code == 1012);
  CHECK(shop.heard.close_masked);
  CHECK(tunnels_ended(record, Outcome::forced) == 1);
  CHECK(adds_up(record));
}

TEST_CASE("a half-close by close_notify goes through, and the other way goes on", "[tunnel][tls]") {
  Encrypted shop("chat", [](WireConnection& connection, Heard& heard) {
    bool orderly = false;
    for (;;) {
      const std::string bytes = read_tls(connection.ssl(), orderly);
      if (bytes.empty()) break;
      heard.add(bytes);
    }
    heard.end(orderly);
    connection.write("bye");
    connection.close();
  });
  const auto client = shop.ask("chat");
  REQUIRE(client->send("hello"));
  client->end_write();
  CHECK(client->read_to_end() == "bye");
  CHECK(client->closed_orderly());
  CHECK(shop.heard.all == "hello");
  CHECK(shop.heard.orderly);
  CHECK(until([&] { return shop.plane->quiet(); }));
}

TEST_CASE("a tunnel that is cut at one end does not end orderly at the other", "[tunnel][tls]") {
  Signal cut;
  const bool by_server = GENERATE(true, false);
  Encrypted shop("chat", [&](WireConnection& connection, Heard& heard) {
    connection.write("first");
    if (by_server) {
      cut.wait();
      connection.close(false, false);  // FIN without close_notify
      return;
    }
    bool orderly = false;
    while (!read_tls(connection.ssl(), orderly).empty()) {
    }
    heard.end(orderly);
  });
  auto client = shop.ask("chat");
  CHECK(client->read_some() == "first");
  if (by_server) {
    cut.set();
    CHECK(client->read_to_end().empty());
    CHECK_FALSE(client->closed_orderly());
  } else {
    client.reset();  // likewise
    CHECK(until([&] { return shop.heard.now([](Heard& h) { return h.ended; }); }));
    CHECK_FALSE(shop.heard.orderly);
  }
  CHECK(until([&] { return shop.plane->quiet(); }));
}

TEST_CASE("a client by TLS that reads late gets all that a tunnel's server sent", "[tunnel][tls]") {
  constexpr std::size_t bytes = 24 << 20;
  Encrypted shop("chat", [](WireConnection& connection, Heard& heard) {
    const std::string part = body_of(1 << 20);
    for (std::size_t sent = 0; sent < bytes; sent += part.size()) {
      if (!connection.write(part)) return;
      heard.add(".");
    }
    connection.close();
  });
  auto client = shop.ask("chat");
  // The server stands still before it is through: what it sent is held nowhere but in its kernel.
  std::size_t before = 0;
  REQUIRE(until([&] {
    const std::size_t now = shop.heard.now([](Heard& h) { return h.all.size(); });
    return now > 0 && std::exchange(before, now) == now;
  }));
  std::string all = client->read_to_end();
  CHECK(client->closed_orderly());
  REQUIRE(all.size() == bytes);
  const std::string part = body_of(1 << 20);
  for (std::size_t at = 0; at < bytes; at += part.size()) {
    REQUIRE(all.compare(at, part.size(), part) == 0);
  }
  client.reset();  // its own way was still open
  CHECK(until([&] { return shop.plane->quiet(); }));
}
