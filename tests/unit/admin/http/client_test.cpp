#include "admin/http/client.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "admin/http/event_parser.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/admin/http/server_fixture.hpp"

namespace switchback {
namespace {

using namespace std::chrono_literals;
using test::ServerFixture;
using web::Client;
using web::Failure;

web::ClientTarget target_of(const std::string& text) {
  std::string error;
  auto target = web::parse_client_target(text, error);
  INFO(error);
  REQUIRE(target);
  return *target;
}

// Accepts one connection, reads a little, and does as told.
struct Scripted {
  explicit Scripted(std::string bytes, bool read_first = true)
      : acceptor(io, {boost::asio::ip::make_address("127.0.0.1"), 0}) {
    address = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
    thread = std::thread([this, bytes = std::move(bytes), read_first] {
      auto socket = acceptor.accept();
      char scratch[4096];
      boost::system::error_code error;
      if (read_first) socket.read_some(boost::asio::buffer(scratch), error);
      boost::asio::write(socket, boost::asio::buffer(bytes), error);
    });
  }
  ~Scripted() { thread.join(); }
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor acceptor;
  std::string address;
  std::thread thread;
};

TEST_CASE("answers of servers that take HTTP lightly") {
  struct Row {
    const char* what;
    const char* bytes;
    unsigned status;
    const char* body;
  };
  const Row row = GENERATE(
      Row{"100 first",
          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"},
      Row{"103 with fields, twice",
          "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 204 No "
          "Content\r\n\r\n",
          204, ""},
      Row{"no reason, no space", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, "ok"},
      Row{"no reason", "HTTP/1.1 202 \r\nContent-Length: 2\r\n\r\nok", 202, "ok"},
      Row{"LF lines", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, "ok"},
      Row{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
          200, "ok"},
      Row{"until the end", "HTTP/1.1 200 OK\r\n\r\nok", 200, "ok"},
      Row{"HTTP/1.0 until the end", "HTTP/1.0 200 OK\n\nok", 200, "ok"},
      Row{"3xx", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302, ""});
  INFO(row.what);
  Scripted server(row.bytes);
  Client client(target_of(server.address));
  const auto answer = client.call({.method = "POST", .body = "x"}, 10s);
  INFO(answer.error);
  CHECK(answer.failure == Failure::none);
  CHECK(answer.status == row.status);
  CHECK(answer.body == row.body);
}

TEST_CASE("answers that are none") {
  std::string interim;
  for (int i = 0; i < 40; ++i) interim += "HTTP/1.1 103 Hints\r\n\r\n";
  const std::array<std::string, 4> answers{interim, "HTTP/1.1 200 OK\r\nContent-Le", "hello\n\n",
                                           "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x')};
  const auto which = GENERATE(0u, 1u, 2u, 3u);
  INFO(which);
  Scripted server(answers[which]);
  Client client(target_of(server.address));
  CHECK(client.call({.method = "POST", .body = "x"}, 10s).failure == Failure::answer_lost);
}

TEST_CASE("addresses of the admin server") {
  CHECK(target_of("/run/x.sock").path == "/run/x.sock");
  CHECK(target_of("unix:/run/x.sock").path == "/run/x.sock");
  CHECK(target_of("./x.sock").path == "./x.sock");
  CHECK(target_of("admin.sock").path == "admin.sock");
  CHECK(target_of("unix:admin.sock").path == "admin.sock");
  CHECK(target_of("state/run/x").path == "state/run/x");
  CHECK(target_of("http://127.0.0.1:9900/").port == 9900);
  CHECK(target_of("example:80").host == "example");
  CHECK(target_of("http://[::1]:9900").host == "::1");
  std::string error;
  for (const char* wrong :
       {"", "example", "http://x", "http://x:0", "http://x:99999", "x:1:2", "[::1]", ":80"}) {
    INFO(wrong);
    CHECK_FALSE(web::parse_client_target(wrong, error));
    CHECK_FALSE(error.empty());
  }
  const auto secure = web::parse_client_target("https://x:1/", error);
  REQUIRE(secure);
  CHECK(secure->tls);
  CHECK(secure->host == "x");
  CHECK(secure->port == 1);
}

TEST_CASE("calls over both transports, on one kept connection") {
  ServerFixture fixture;
  for (const std::string& address : {fixture.socket, fixture.tcp()}) {
    Client client(target_of(address));
    const auto before = fixture.counters().accepted;
    for (int i = 0; i < 3; ++i) {
      const auto answer = client.call({.method = "POST", .target = "/x?a=b", .body = "body"}, 5s);
      CHECK(answer.failure == Failure::none);
      CHECK(answer.status == 200);
      CHECK(answer.body == "POST /x|a=b;|body");
      CHECK(answer.field("content-type") == "text/plain");
    }
    CHECK(fixture.counters().accepted == before + 1);
  }
}

TEST_CASE("a kept connection that the server has closed is replaced, also for a POST") {
  web::ServerOptions options;
  options.connection_limit = 1;  // another connection makes the idle one go
  ServerFixture fixture(options);
  Client client(target_of(fixture.tcp())), other(target_of(fixture.tcp()));
  CHECK(client.call({}, 5s).status == 200);
  CHECK(other.call({}, 5s).status == 200);
  CHECK(client.call({.method = "POST", .body = "x"}, 5s).status == 200);
}

TEST_CASE("never reached: nobody listens, no such socket") {
  std::string address;
  {
    boost::asio::io_context io;
    boost::asio::ip::tcp::acceptor closed(io, {boost::asio::ip::make_address("127.0.0.1"), 0});
    address = "http://127.0.0.1:" + std::to_string(closed.local_endpoint().port());
  }
  for (const std::string& nowhere : {address, std::string("/nonexistent/admin.sock")}) {
    Client client(target_of(nowhere));
    const auto answer = client.call({.method = "POST", .target = "/"}, 5s);
    CHECK(answer.failure == Failure::never_reached);
    CHECK_THAT(answer.error, ContainsSubstring(nowhere));
    CHECK(client.events({}, 5s, 5s, [](const auto&) { return true; }).failure ==
          Failure::never_reached);
  }
}

TEST_CASE("answer lost: closed after the request, cut in the answer, garbage") {
  for (const char* bytes :
       {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "rubbish\r\n\r\n"}) {
    INFO(bytes);
    Scripted server{bytes};
    Client client(target_of(server.address));
    const auto answer = client.call({.method = "POST", .target = "/"}, 5s);
    CHECK(answer.failure == Failure::answer_lost);
    CHECK_FALSE(answer.error.empty());
  }
}

TEST_CASE("a deadline ends a call that is never answered: it may have been done") {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor silent(io, {boost::asio::ip::make_address("127.0.0.1"), 0});
  Client client(target_of("127.0.0.1:" + std::to_string(silent.local_endpoint().port())));
  const auto answer = client.call({.method = "POST", .target = "/"}, 500ms);
  CHECK(answer.failure == Failure::answer_lost);
  CHECK_THAT(answer.error, ContainsSubstring("in time"));
}

TEST_CASE("events are read until the reader has enough") {
  Scripted server{
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 1\n: hi\n\nid: 7\nevent: "
      "a\ndata: {\"x\":1}\n\n"
      "id: 8\ndata: two\ndata: lines\n\ndata: never seen\n\n"};
  Client client(target_of(server.address));
  std::vector<web::ServerSentEvent> seen;
  const auto answer = client.events({.target = "/v1/events"}, 5s, 5s, [&](const auto& event) {
    seen.push_back(event);
    return seen.size() < 2;
  });
  CHECK(answer.failure == Failure::none);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].id == "7");
  CHECK(seen[0].event == "a");
  CHECK(seen[0].data == "{\"x\":1}");
  CHECK(seen[1].event == "message");
  CHECK(seen[1].data == "two\nlines");
}

TEST_CASE("an event stream that is refused comes back as an answer") {
  ServerFixture fixture(
      {}, [](std::shared_ptr<const web::Request>) -> boost::asio::awaitable<web::Reply> {
        web::Response no;
        no.status = 403;
        no.body = "no";
        co_return no;
      });
  Client client(target_of(fixture.socket));
  const auto answer = client.events({}, 5s, 5s, [](const auto&) { return true; });
  CHECK(answer.failure == Failure::none);
  CHECK(answer.status == 403);
  CHECK(answer.body == "no");
}

TEST_CASE("an event stream cut off is answer lost; silence has an end; a tick can stop it") {
  {
    Scripted server{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n: hi\n\r\n"};
    Client client(target_of(server.address));
    CHECK(client.events({}, 5s, 5s, [](const auto&) { return true; }).failure ==
          Failure::answer_lost);
  }
  const auto quiet = [](web::StreamWriter& writer) -> boost::asio::awaitable<void> {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor,
                                    boost::asio::steady_timer::time_point::max());
    writer.on_gone([&timer] { timer.cancel(); });
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  };
  ServerFixture fixture(
      {}, [&](std::shared_ptr<const web::Request>) -> boost::asio::awaitable<web::Reply> {
        web::StreamReply reply;
        reply.head.content_type = "text/event-stream";
        reply.run = quiet;
        co_return reply;
      });
  Client client(target_of(fixture.tcp()));
  CHECK(client.events({}, 5s, 50ms, [](const auto&) { return true; }).failure ==
        Failure::answer_lost);
  CHECK(client
            .events(
                {}, 5s, 60s, [](const auto&) { return true; }, [] { return false; })
            .failure == Failure::none);
}

TEST_CASE("the event parser takes pieces of any size and every line ending") {
  const std::string text =
      "id: 1\r\nevent: x\r\ndata: a\r\n\r\n:c\rdata:b\rid:2\r\rdata\n\nevent: lost\n\n";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    web::EventParser parser;
    std::string seen;
    for (std::size_t at = 0; at < text.size(); at += size) {
      parser.feed(std::string_view(text).substr(at, size), [&](const web::ServerSentEvent& e) {
        seen += "[" + e.id + "," + e.event + "," + e.data + "]";
        return true;
      });
    }
    INFO("size " << size);
    CHECK(seen == "[1,x,a][2,message,b][2,message,]");
  }
}

}  // namespace
}  // namespace switchback
