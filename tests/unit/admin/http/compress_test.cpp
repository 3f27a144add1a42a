#include "admin/http/compress.hpp"

#include <zlib.h>

#include "tests/support/catch.hpp"
#include "tests/unit/admin/http/server_fixture.hpp"

namespace switchback {
namespace {

using test::RawClient;
using test::ServerFixture;

std::string unzipped(const std::string& bytes) {
  z_stream z{};
  REQUIRE(::inflateInit2(&z, 15 + 16) == Z_OK);
  std::string out(8 * 1024 * 1024, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  CHECK(::inflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  ::inflateEnd(&z);
  return out;
}

std::string lines(std::size_t bytes) {
  std::string out;
  for (std::size_t i = 0; out.size() < bytes; ++i)
    out += "switchback_requests_total{service=\"s" + std::to_string(i) + "\"} 0\n";
  out.resize(bytes);
  return out;
}

struct Case {
  const char* fields;
  bool taken;
};

}  // namespace

TEST_CASE("which Accept-Encoding takes gzip") {
  for (const Case& one : {Case{"", false},
                          {"gzip", true},
                          {"GZIP", true},
                          {"x-gzip", true},
                          {"*", true},
                          {"deflate", false},
                          {"deflate, gzip;q=1.0, *;q=0.5", true},
                          {"gzip;q=0", false},
                          {"gzip; q=0.000", false},
                          {"gzip;q=0.001", true},
                          {"gzip ;\tq=0.5", true},
                          {"*;q=0", false},
                          {"*;q=0, gzip", true},
                          {"gzip;q=0, *", false},
                          {"identity", false},
                          {"identity;q=0.5, gzip;q=0.4", false},
                          {"identity;q=0.4, gzip;q=0.5", true},
                          {"identity;q=0, gzip;q=0.1", true},
                          {"br, zstd", false},
                          {"gzipped", false},
                          {", ,gzip", true},
                          {"gzip;q=x", false},
                          {"gzip;level=9", true}}) {
    INFO(one.fields);
    CHECK(web::accepts_gzip({{"accept-encoding", one.fields}}) == one.taken);
  }
  CHECK_FALSE(web::accepts_gzip({}));
  CHECK(web::accepts_gzip({{"Accept-Encoding", "br"}, {"Accept-Encoding", "gzip"}}));
}

TEST_CASE("gzip in slices gives back what went in") {
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, web::Gzip::slice_bytes - 1, web::Gzip::slice_bytes,
        web::Gzip::slice_bytes + 1, std::size_t{3'000'000}}) {
    const std::string body = lines(bytes);
    web::Gzip gzip(body);
    std::size_t steps = 1;
    while (gzip.step()) ++steps;
    REQUIRE(gzip.sound());
    CHECK(steps ==
          std::max<std::size_t>(1, (bytes + web::Gzip::slice_bytes - 1) / web::Gzip::slice_bytes));
    CHECK(unzipped(gzip.take()) == body);
  }
}

namespace {

// Answers /N with N bytes; /sse is a stream; POST is a change.
web::Handler bodies() {
  return [](std::shared_ptr<const web::Request> request) -> boost::asio::awaitable<web::Reply> {
    if (request->path == "/sse") {
      web::StreamReply stream;
      stream.head.content_type = "text/event-stream";
      stream.run = [](web::StreamWriter& writer) -> boost::asio::awaitable<void> {
        const bool written = co_await writer.write(lines(10'000));
        static_cast<void>(written);
      };
      co_return stream;
    }
    web::Response response;
    response.body = lines(std::stoul(request->path.substr(1)));
    if (request->path == "/20001") response.status = 404;
    co_return response;
  };
}

test::RawResponse ask(const ServerFixture& f, const std::string& line, const std::string& fields,
                      bool head_only = false) {
  RawClient client(f.tcp());
  client.send(line + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n");
  return client.read_response(head_only);
}

const std::string take = "Accept-Encoding: gzip\r\n";

}  // namespace

TEST_CASE("answers are compressed for those who take it, and say so to caches") {
  ServerFixture f({}, bodies());
  const auto zipped = ask(f, "GET /300000", take);
  CHECK(zipped.status == 200);
  CHECK(zipped.field("Content-Encoding") == "gzip");
  CHECK(zipped.field("Vary") == "Accept-Encoding");
  CHECK(zipped.field("Content-Length") == std::to_string(zipped.body.size()));
  CHECK(zipped.body.size() < 30'000);
  CHECK(unzipped(zipped.body) == lines(300'000));

  const auto plain = ask(f, "GET /300000", "");
  CHECK(plain.field("Content-Encoding") == "");
  CHECK(plain.field("Vary") == "Accept-Encoding");
  CHECK(plain.body == lines(300'000));
  CHECK(ask(f, "GET /300000", "Accept-Encoding: gzip;q=0\r\n").body == lines(300'000));

  const auto head = ask(f, "HEAD /300000", take, true);
  CHECK(head.field("Content-Encoding") == "gzip");
  CHECK(head.field("Content-Length") == zipped.field("Content-Length"));
}

TEST_CASE("tiny answers, refusals, changes and streams are sent as they are") {
  ServerFixture f({}, bodies());
  for (const auto& [line, bytes] : std::vector<std::pair<std::string, std::size_t>>{
           {"GET /1000", 1000}, {"GET /20001", 20001}, {"POST /20000", 20000}}) {
    INFO(line);
    const auto answer = ask(f, line, take + (line[0] == 'P' ? "Content-Length: 0\r\n" : ""));
    CHECK(answer.field("Content-Encoding") == "");
    CHECK(answer.field("Vary") == "");
    CHECK(answer.body == lines(bytes));
  }
  const auto stream = ask(f, "GET /sse", take);
  CHECK(stream.field("Content-Encoding") == "");
  CHECK(stream.body == lines(10'000));
}

TEST_CASE("compressed answers on a kept connection, several at once") {
  ServerFixture f({}, bodies());
  std::vector<RawClient> clients;
  for (int i = 0; i < 12; ++i) clients.emplace_back(f.tcp());
  for (auto& client : clients)
    for (int i = 0; i < 3; ++i) client.send("GET /500000 HTTP/1.1\r\nHost: x\r\n" + take + "\r\n");
  for (auto& client : clients) {
    for (int i = 0; i < 3; ++i) {
      const auto answer = client.read_response();
      // Over the limit of those at once they come as they are.
      const bool zipped = answer.field("Content-Encoding") == "gzip";
      CHECK((zipped ? unzipped(answer.body) : answer.body) == lines(500'000));
    }
  }
}

}  // namespace switchback
