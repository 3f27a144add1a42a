// What is read from outside: answers, colors, targets, a driver's first line.
#include "bench/switchover/answer.hpp"
#include "bench/switchover/color_reader.hpp"
#include "bench/switchover/driver.hpp"
#include "bench/switchover/target.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::bench;

namespace {

using State = AnswerReader::State;

struct Reading {
  AnswerReader reader{{"X-Color", 10}};
  Reading() { reader.begin(); }
};

}  // namespace

TEST_CASE("answers are read byte by byte as well as at once") {
  const std::string text =
      "HTTP/1.1 103 Early Hints\r\nX-Color: none\r\n\r\n"
      "HTTP/1.1 200 OK\r\nx-color: green\r\nTransfer-Encoding: chunked\r\n\r\n"
      "6\r\nabcdef\r\n8\r\nghijklmn\r\n0\r\nX-Trailer: 1\r\n\r\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, text.size()}) {
    Reading one;
    State state = State::needs_more;
    for (std::size_t at = 0; at < text.size(); at += step) {
      REQUIRE(state == State::needs_more);
      state = one.reader.feed(std::string_view(text).substr(at, step));
    }
    CHECK(state == State::done);
    CHECK(one.reader.status() == 200);
    CHECK(one.reader.header_value() == "green");
    CHECK(one.reader.body() == "abcdefghij");
    CHECK(one.reader.keep_alive());
  }
}

TEST_CASE("an answer without a length ends with its connection, and no other may") {
  Reading unframed;
  CHECK(unframed.reader.feed("HTTP/1.1 200 OK\r\n\r\nabc") == State::needs_more);
  CHECK(unframed.reader.at_end() == State::done);
  CHECK_FALSE(unframed.reader.keep_alive());
  Reading cut;
  CHECK(cut.reader.feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc") == State::needs_more);
  CHECK(cut.reader.started());
  CHECK(cut.reader.at_end() == State::faulty);
  Reading silent;
  CHECK_FALSE(silent.reader.started());
  CHECK(silent.reader.at_end() == State::faulty);
  Reading noise;
  CHECK(noise.reader.feed("220 smtp ready\r\n\r\n") == State::faulty);
}

TEST_CASE("after 101 the rest belongs to the tunnel") {
  Reading one;
  CHECK(one.reader.feed("HTTP/1.1 101 Switching Protocols\r\nX-Color: blue\r\nUpgrade: "
                        "websocket\r\nConnection: Upgrade\r\n\r\n\x8a\x01x") == State::done);
  CHECK(one.reader.status() == 101);
  CHECK(one.reader.header_value() == "blue");
  CHECK(one.reader.take_rest() == "\x8a\x01x");
}

TEST_CASE("a color is known by its name, its release, or what it was heard to say") {
  ColorReader reader({"X-Version", ""});
  CHECK(reader.color_of("Green", "") == Color::green);
  CHECK_FALSE(reader.color_of("v1.2", ""));
  CHECK_FALSE(reader.color_of("", ""));
  reader.set_release(Color::blue, "v1.2");
  reader.set_release(Color::green, "");
  CHECK(reader.color_of("v1.2", "") == Color::blue);
  reader.learn(Color::green, "host-7");
  CHECK(reader.color_of("host-7", "") == Color::green);
  reader.learn(Color::blue, "host-7");  // both say it: it tells nothing
  CHECK_FALSE(reader.color_of("host-7", ""));
}

TEST_CASE("a color is read from a body by the expression's first group") {
  const ColorReader grouped({"", "\"color\":\"(\\w+)\""});
  CHECK(grouped.by_body());
  CHECK(grouped.color_of("", "{\"color\":\"blue\"}") == Color::blue);
  CHECK_FALSE(grouped.color_of("blue", "{}"));
  const ColorReader whole({"", "blue|green"});
  CHECK(whole.color_of("", "I am green.") == Color::green);
  CHECK_THROWS_AS(ColorReader({"", "("}), std::regex_error);
}

TEST_CASE("targets are URLs of http and https") {
  std::string error;
  const auto plain = parse_target("http://127.0.0.1:8080/a?b=c#d", error);
  REQUIRE(plain);
  CHECK(plain->port == 8080);
  CHECK(plain->path == "/a?b=c");
  CHECK(plain->authority == "127.0.0.1:8080");
  const auto secure = parse_target("https://[::1]", error);
  REQUIRE(secure);
  CHECK(secure->tls);
  CHECK(secure->host == "::1");
  CHECK(secure->port == 443);
  CHECK(secure->path == "/");
  for (const char* wrong : {"127.0.0.1:80", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:0/",
                            "http://127.0.0.1:port/", "http://[::1/", "http://127.0.0.1/a b",
                            "http://127.0.0.1/\r\nX: y"}) {
    CHECK_FALSE(parse_target(wrong, error));
    CHECK(error != "");
  }
}

TEST_CASE("a request has one Host, the caller's where there is one") {
  std::string error;
  const auto target = parse_target("http://127.0.0.1:8080/x", error);
  const auto text = request_text(*target, {{"host", "shop.test"}, {"X-A", "1"}}, true);
  CHECK(text ==
        "GET /x HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: switchback-bench\r\nX-A: 1\r\n"
        "Connection: close\r\n\r\n");
}

TEST_CASE("a driver says where its proxy is, and whether it is a switchback") {
  const auto plain = parse_ready("ready http://127.0.0.1:1/");
  REQUIRE(plain);
  CHECK(plain->admin == "");
  const auto ours = parse_ready("ready http://a/ https://b/ admin=run/admin.sock service=shop");
  REQUIRE(ours);
  CHECK(ours->targets == std::vector<std::string>{"http://a/", "https://b/"});
  CHECK(ours->admin == "run/admin.sock");
  CHECK(ours->service == "shop");
  CHECK_FALSE(parse_ready("ready"));
  CHECK_FALSE(parse_ready("listening http://a/"));
  CHECK_FALSE(parse_ready(""));
}
