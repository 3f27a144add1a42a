// The storm's requests of ordinary size: one after the other, each judged to the byte.
#include "tests/e2e/storm_load.hpp"
#include "tests/support/test_server.hpp"

namespace switchback::test {

namespace {

constexpr std::size_t kept_for_repeat = 64 * 1024;  // limits.replay

std::string request(const std::string& method, const std::string& target,
                    const std::string& body = "", const std::string& host = "shop.test") {
  std::string text = method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n";
  if (method != "GET") text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

bool sink_is_right(const RawResponse& answer, const std::string& body) {
  return answer.body ==
         "bytes=" + std::to_string(body.size()) + " fnv=" + std::to_string(body_hash(body));
}

// Every event in order, all from one server.
bool events_are_right(const RawResponse& answer, unsigned count) {
  std::string want;
  for (unsigned i = 0; i < count; ++i) {
    want += "data: " + std::to_string(i) + " " + answer.field("X-Served-By") + "\n\n";
  }
  return answer.body == want;
}

}  // namespace

bool Storm::once(Asked& asked, RawClient& client) {
  static const std::string large = body_of(200'000), small = body_of(700);
  const std::uint64_t turn = asked.number;
  const std::string& body = turn % 4 || asked.kind == Kind::brittle ? small : large;
  std::size_t bytes = 10 + turn % 2000;
  bool sink = false;
  std::string text;
  switch (asked.kind) {
    case Kind::upload:
    case Kind::post:
      sink = true;
      asked.repeatable = asked.kind == Kind::upload && body.size() <= kept_for_repeat;
      text = request(asked.kind == Kind::upload ? "PUT" : "POST", "/sink", body);
      break;
    case Kind::brittle:
      sink = turn % 2 == 1;
      text = sink ? request("PUT", "/sink", body, "brittle.test")
                  : request("GET", "/ok?bytes=" + std::to_string(bytes), "", "brittle.test");
      break;
    case Kind::events:
      text = request("GET", "/sse?events=8&ms=3");
      break;
    case Kind::chunked:
      text = request("GET", "/chunked?bytes=" + std::to_string(bytes));
      break;
    case Kind::download:
      bytes = 400'000;
      [[fallthrough]];
    default:
      // Behind the balancer: the address that its header named reaches the server.
      text = asked.door == Door::proxy && turn % 4 == 1
                 ? request("GET", "/echo")
                 : request("GET", "/ok?bytes=" + std::to_string(bytes));
      break;
  }
  const bool echo = text.starts_with("GET /echo");
  // Whether all of it could be sent does not matter: what can be read says how it ended.
  client.try_send(text);
  const RawResponse answer = client.read_response();
  bool good = answer.status == 200 && answer.complete;
  if (sink) {
    good = good && sink_is_right(answer, body);
  } else if (asked.kind == Kind::events) {
    good = good && events_are_right(answer, 8);
  } else if (echo) {
    good = good && answer.body.find("203.0.113.") != std::string::npos;
  } else {
    good = good && answer.body == body_of(bytes);
  }
  return judge(asked, answer, good);
}

}  // namespace switchback::test
