// Answers that break rules: forgiven and counted, or refused with their cause; and targets with
// bytes above ASCII.
#include <mutex>

#include "tests/integration/abuse.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using namespace switchback::test;

namespace {

TestServerOptions saying(const std::string& bytes) {
  return raw([bytes](RawClient& server) {
    server.read_head();
    server.send(bytes);
    server.half_close();
    server.read_to_end();
  });
}

std::uint64_t forgiven(Plane& plane, http::Lapse lapse) {
  std::uint64_t sum = 0;
  for (const auto* worker : plane->stats().workers)
    sum += worker->lapses[static_cast<std::size_t>(lapse)].read();
  return sum;
}

std::string last_failure(Plane& plane) {
  return plane.view().pools[0].servers.front().last_failure;
}

}  // namespace

TEST_CASE("an answer is forgiven and counted, or refused where the service is strict", "[plane]") {
  const bool strict = GENERATE(false, true);
  TestServer server(saying("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"));
  config::Service service = once(server.address());
  if (strict) service.answers = config::Answers::strict;
  Plane plane(service);
  RawClient client = plane.client();
  client.send(get("/"));
  const RawResponse answer = client.read_response();
  CHECK(answer.status == (strict ? 502 : 200));
  CHECK((forgiven(plane, http::Lapse::line_feed) > 0) == !strict);
  if (strict)
    CHECK(last_failure(plane) == "bad_response: a line ends with LF alone (line 1, byte 16)");
  if (!strict) CHECK(answer.body == "ok");
}

TEST_CASE("bytes above ASCII in a target reach the server percent-encoded, or are refused",
          "[plane]") {
  const bool refuse = GENERATE(false, true);
  std::mutex mutex;
  std::string seen;
  TestServer server(raw([&](RawClient& peer) {
    const std::string head = peer.read_head();
    {
      const std::lock_guard lock(mutex);
      seen = head.substr(0, head.find('\r'));
    }
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    peer.read_to_end();
  }));
  config::Service service = once(server.address());
  if (refuse) service.utf8_targets = config::Utf8Targets::refuse;
  Plane plane(service);
  RawClient client = plane.client();
  // Byte by byte, and with a request behind it.
  for (const char c : std::string("GET /caf\xc3\xa9?q=\xe2\x9c\x93 HTTP/1.1\r\nHost: a\r\n\r\n"))
    client.send(std::string(1, c));
  CHECK(client.read_response().status == (refuse ? 400 : 200));
  const std::lock_guard lock(mutex);
  CHECK(seen == (refuse ? "" : "GET /caf%C3%A9?q=%E2%9C%93 HTTP/1.1"));
}
