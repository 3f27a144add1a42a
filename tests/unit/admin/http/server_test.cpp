#include "admin/http/server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <stdexcept>

#include "tests/support/catch.hpp"
#include "tests/support/until.hpp"
#include "tests/unit/admin/http/server_fixture.hpp"

namespace switchback {
namespace {

using test::RawClient;
using test::ServerFixture;

TEST_CASE("a request over the unix socket and over TCP reaches the handler whole") {
  ServerFixture fixture;
  REQUIRE(fixture.fault.empty());
  for (const std::string& address : {"unix:" + fixture.socket, fixture.tcp()}) {
    RawClient client(address);
    client.send(
        "POST /v1/a%20b?x=1&y=%26+z HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
    const auto answer = client.read_response();
    CHECK(answer.status == 200);
    CHECK(answer.complete);
    CHECK(answer.body == "POST /v1/a b|x=1;y=& z;|hello");
    CHECK(answer.field("Date").size() == 29);
  }
}

TEST_CASE("connections are kept, requests may be pipelined, HEAD has no body") {
  ServerFixture fixture;
  RawClient client(fixture.tcp());
  client.send(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
      "HEAD /3 HTTP/1.1\r\nHost: a\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(client.read_response().body == "GET /1||");
  CHECK(client.read_response().body == "GET /2||");
  const auto head = client.read_response(true);
  CHECK(head.field("Content-Length") == std::to_string(std::string("HEAD /3||").size()));
  CHECK(client.read_response().body == "GET /4||");
  CHECK(client.wait_for_end());
  CHECK(fixture.counters().accepted == 1);
  CHECK(fixture.counters().requests == 4);
}

TEST_CASE("HTTP/1.0 is answered and closed") {
  ServerFixture fixture;
  RawClient client(fixture.tcp());
  client.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(client.read_response().status == 200);
  CHECK(client.wait_for_end());
}

TEST_CASE("Expect: 100-continue is answered before the body is sent") {
  ServerFixture fixture;
  RawClient client(fixture.tcp());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(client.read_head().starts_with("HTTP/1.1 100"));
  client.send("hi");
  CHECK(client.read_response().body == "POST /||hi");
}

TEST_CASE("what two parsers could read in two ways is refused and the connection closed") {
  struct Wrong {
    const char* what;
    std::string bytes;
    int status;
  };
  const std::string host = "Host: a\r\n";
  const Wrong all[] = {
      {"not HTTP", "\x16\x03\x01 hello\r\n\r\n", 400},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"two lengths",
       "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
      {"length and chunks",
       "POST / HTTP/1.1\r\n" + host +
           "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
       400},
      {"unknown coding", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"almost chunked", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n", 501},
      {"two codings",
       "POST / HTTP/1.1\r\n" + host +
           "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
       501},
      {"chunks in 1.0",
       "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"negative length", "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400},
      {"two If-Match", "GET / HTTP/1.1\r\n" + host + "If-Match: \"1\"\r\nIf-Match: \"2\"\r\n\r\n",
       400},
      {"two Authorization",
       "GET / HTTP/1.1\r\n" + host + "Authorization: a\r\nAuthorization: b\r\n\r\n", 400},
      {"version 2", "GET / HTTP/2.0\r\n" + host + "\r\n", 505},
      {"absolute target", "GET http://evil/ HTTP/1.1\r\n" + host + "\r\n", 400},
      {"bad percent", "GET /%zz HTTP/1.1\r\n" + host + "\r\n", 400},
      {"NUL in the path", "GET /a%00b HTTP/1.1\r\n" + host + "\r\n", 400},
      {"bad chunk", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"space before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
  };
  ServerFixture fixture;
  for (const Wrong& wrong : all) {
    INFO(wrong.what);
    RawClient client(fixture.tcp());
    client.send(wrong.bytes);
    const auto answer = client.read_response();
    CHECK(answer.status == wrong.status);
    CHECK(answer.field("Content-Type") == "application/problem+json");
    CHECK_THAT(answer.body, ContainsSubstring("\"moved\":false"));
    CHECK(client.wait_for_end());
  }
  CHECK(fixture.counters().malformed == std::size(all));
}

TEST_CASE("heads and bodies have limits") {
  web::ServerOptions options;
  options.head_limit = 4096;
  options.body_limit = 1000;
  ServerFixture fixture(options);
  const auto status_of = [&](const std::string& bytes) {
    RawClient client(fixture.tcp());
    client.send(bytes);
    const auto answer = client.read_response();
    CHECK(client.wait_for_end());
    return answer.status;
  };
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(5000, 'x') + "\r\n\r\n") == 431);
  CHECK(status_of("GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n") == 431);
  CHECK(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n") == 413);
  CHECK(status_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                  std::string(1001, 'x') + "\r\n0\r\n\r\n") == 413);
  RawClient fits(fixture.tcp());
  fits.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'));
  CHECK(fits.read_response().status == 200);
}

TEST_CASE("a head or a body that does not come is answered 408") {
  web::ServerOptions options;
  options.head_timeout = std::chrono::milliseconds(30);
  ServerFixture fixture(options);
  RawClient silent(fixture.tcp());
  CHECK(silent.wait_for_end());
  RawClient slow(fixture.tcp());
  // On a busy machine even the first byte may come too late; then the end comes without an answer.
  if (slow.try_send("GET / HTTP/1.1\r\nHos")) {
    const auto all = slow.read_to_end();
    CHECK((all.empty() || all.starts_with("HTTP/1.1 408")));
  }
  CHECK(test::until([&] { return fixture.counters().timed_out == 2; }));

  web::ServerOptions body_options;
  body_options.body_timeout = std::chrono::milliseconds(30);
  ServerFixture body_fixture(body_options);
  RawClient slow_body(body_fixture.tcp());
  slow_body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  CHECK(slow_body.read_response().status == 408);
  CHECK(test::until([&] { return body_fixture.counters().timed_out == 1; }));
}

TEST_CASE("an idle connection is closed without a word") {
  web::ServerOptions options;
  options.idle_timeout = std::chrono::milliseconds(30);
  ServerFixture fixture(options);
  RawClient idle(fixture.tcp());
  idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(idle.read_response().status == 200);
  CHECK(idle.wait_for_end());
  CHECK(test::until([&] { return fixture.counters().timed_out == 1; }));
}

TEST_CASE("over the connection limit an idle connection gives way, else the new one gets 503") {
  web::ServerOptions options;
  options.connection_limit = 2;
  options.reserved = 1;
  SECTION("idle ones give way, the oldest first") {
    ServerFixture fixture(options);
    RawClient first(fixture.tcp()), second(fixture.tcp());
    for (auto* client : {&first, &second}) {
      client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      CHECK(client->read_response().status == 200);
    }
    RawClient third(fixture.tcp());
    third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(third.read_response().status == 200);
    CHECK(first.wait_for_end());
    CHECK(fixture.counters().evicted == 1);
    second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(second.read_response().status == 200);
  }
  SECTION("busy ones do not") {
    ServerFixture fixture(options);
    RawClient first(fixture.tcp()), second(fixture.tcp());
    for (auto* client : {&first, &second}) client->send("GET / HT");  // a head has begun
    REQUIRE(test::until([&] { return fixture.counters().open == 2; }));
    // Both have to be reading their head: a byte received is what makes them busy.
    RawClient third(fixture.tcp());
    third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto answer = third.read_response();
    if (answer.status == 200) {
      CHECK(fixture.counters().evicted == 1);  // the bytes were still under way
    } else {
      CHECK(answer.status == 503);
      CHECK(answer.field("Retry-After") == "1");
      CHECK(fixture.counters().refused == 1);
    }
  }
}

boost::asio::awaitable<web::Reply> never_ready(std::shared_ptr<boost::asio::steady_timer> timer) {
  timer->expires_at(boost::asio::steady_timer::time_point::max());
  co_await timer->async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  co_return web::Response{};
}

TEST_CASE("requests being answered keep their connections; root's own room stays") {
  web::ServerOptions options;
  options.connection_limit = 1;
  options.reserved = 1;
  std::atomic<int> entered{0};
  ServerFixture* me = nullptr;
  ServerFixture fixture(options, [&](std::shared_ptr<const web::Request> request) {
    if (request->path == "/quick") return ServerFixture::echo_answer(std::move(request));
    ++entered;
    return never_ready(std::make_shared<boost::asio::steady_timer>(me->io));
  });
  fixture.on_io([&] { me = &fixture; });
  RawClient busy(fixture.tcp());
  busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(test::until([&] { return entered == 1; }));
  RawClient refused(fixture.tcp());
  refused.send("GET /quick HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(refused.read_response().status == 503);
  // This process's uid is the server's own: over the unix socket it gets the reserved place too.
  RawClient own_busy("unix:" + fixture.socket);
  own_busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(test::until([&] { return entered == 2; }));
  RawClient own("unix:" + fixture.socket);
  own.send("GET /quick HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(own.read_response().status == 200);
}

boost::asio::awaitable<web::Reply> failing() {
  throw std::runtime_error("broken on purpose");
  co_return web::Response{};
}

TEST_CASE("a handler that throws is answered 500 and the server goes on") {
  ServerFixture fixture({}, [](std::shared_ptr<const web::Request> request) {
    return request->path == "/throw" ? failing() : ServerFixture::echo_answer(std::move(request));
  });
  RawClient client(fixture.tcp());
  client.send("GET /throw HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto answer = client.read_response();
  CHECK(answer.status == 500);
  CHECK_THAT(answer.body, ContainsSubstring("broken on purpose"));
  RawClient next(fixture.tcp());
  next.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(next.read_response().status == 200);
}

TEST_CASE("a field value cannot split the answer") {
  ServerFixture fixture(
      {}, [](std::shared_ptr<const web::Request>) -> boost::asio::awaitable<web::Reply> {
        web::Response response;
        response.fields.emplace_back("Location", "/x\r\nSet-Cookie: evil=1");
        co_return response;
      });
  RawClient client(fixture.tcp());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto answer = client.read_response();
  CHECK_FALSE(answer.has("Set-Cookie"));
  CHECK_THAT(answer.field("Location"), ContainsSubstring("evil"));
}

boost::asio::awaitable<web::Reply> three_pieces() {
  web::StreamReply reply;
  reply.head.content_type = "text/event-stream";
  reply.run = [](web::StreamWriter& writer) -> boost::asio::awaitable<void> {
    for (const char* piece : {"one\n", "two\n", "three\n"}) {
      if (!co_await writer.write(piece)) co_return;
    }
  };
  co_return reply;
}

TEST_CASE("a streamed answer is chunked for HTTP/1.1 and ends with the connection for 1.0") {
  ServerFixture fixture({}, [](std::shared_ptr<const web::Request>) { return three_pieces(); });
  RawClient now(fixture.tcp());
  now.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto answer = now.read_response();
  CHECK(answer.complete);
  CHECK(answer.body == "one\ntwo\nthree\n");
  CHECK(answer.field("Transfer-Encoding") == "chunked");
  CHECK(now.wait_for_end());
  RawClient old(fixture.tcp());
  old.send("GET / HTTP/1.0\r\n\r\n");
  const auto all = old.read_to_end();
  CHECK_THAT(all, ContainsSubstring("\r\n\r\none\ntwo\nthree\n"));
  CHECK(all.find("chunked") == std::string::npos);
}

TEST_CASE("a stream's handler is told when its reader goes away") {
  std::atomic<bool> told{false};
  ServerFixture* me = nullptr;
  const auto wait_for_end = [&](web::StreamWriter& writer) -> boost::asio::awaitable<void> {
    boost::asio::steady_timer timer(me->io, boost::asio::steady_timer::time_point::max());
    writer.on_gone([&timer] { timer.cancel(); });
    co_await writer.write("hello");
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    told = writer.gone();
  };
  ServerFixture fixture(
      {}, [&](std::shared_ptr<const web::Request>) -> boost::asio::awaitable<web::Reply> {
        web::StreamReply reply;
        reply.head.content_type = "text/plain";
        reply.run = wait_for_end;
        co_return reply;
      });
  fixture.on_io([&] { me = &fixture; });
  {
    RawClient client(fixture.tcp());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_THAT(client.read_until("hello"), ContainsSubstring("200 OK"));
  }
  CHECK(test::until([&] { return told.load(); }));
  CHECK(test::until([&] { return fixture.counters().open == 0; }));
}

TEST_CASE("the unix socket: mode, folder, stale and living files, other files") {
  test::TempDir dir;
  boost::asio::io_context io(1);
  const std::string path = dir / "made/run/admin.sock";
  struct stat info {};
  {
    web::Server server(io, ServerFixture::echo());
    REQUIRE(server.listen_unix(path) == "");
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0666);
    REQUIRE(::stat((dir / "made/run").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0755);
    web::Server second(io, ServerFixture::echo());
    CHECK_THAT(second.listen_unix(path), ContainsSubstring("another switchback is answering"));
    CHECK(::stat(path.c_str(), &info) == 0);  // the refused one has not removed it
  }
  CHECK(::stat(path.c_str(), &info) != 0);  // removed at the end
  {
    // A file that nobody listens on, as kill -9 leaves it.
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ::close(fd);
    web::Server server(io, ServerFixture::echo());
    CHECK(server.listen_unix(path) == "");
  }
  dir.write("made/run/admin.sock", "precious");
  web::Server server(io, ServerFixture::echo());
  CHECK_THAT(server.listen_unix(path), ContainsSubstring("is not a socket"));
  CHECK(dir.read("made/run/admin.sock") == "precious");
  CHECK_THAT(server.listen_unix("/" + std::string(200, 'x')),
             ContainsSubstring("at most 107 bytes"));
}

TEST_CASE("a taken TCP port is one clear line") {
  ServerFixture fixture;
  boost::asio::io_context io(1);
  web::Server second(io, ServerFixture::echo());
  const auto port =
      static_cast<std::uint16_t>(std::stoi(fixture.tcp().substr(fixture.tcp().rfind(':') + 1)));
  CHECK_THAT(second.listen_tcp("127.0.0.1", port), ContainsSubstring("Address already in use"));
}

TEST_CASE("stop ends open connections and the server goes down with requests under way") {
  auto fixture = std::make_unique<ServerFixture>();
  RawClient client(fixture->tcp());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(client.read_response().status == 200);
  RawClient half(fixture->tcp());
  half.send("GET / HT");
  fixture->on_io([&] { fixture->server.stop(); });
  CHECK(client.wait_for_end());
  CHECK(half.wait_for_end());
  fixture.reset();
}

}  // namespace
}  // namespace switchback
