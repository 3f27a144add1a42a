// Checks and probes read answers as traffic does: every response vector comes to the verdict that
// the decoders' own test demands of traffic's path.
#include "proxy/upstream/answer_reader.hpp"

#include <algorithm>
#include <cstring>

#include "tests/conformance/vectors.hpp"
#include "tests/support/catch.hpp"

using namespace switchback;
using conformance::Case;

namespace {

upstream::AnswerReader read(std::string_view bytes, http::Method method, http1::Sender sender) {
  upstream::Wire wire;
  wire.answers = sender;
  upstream::AnswerReader reader(method, wire, 64 * 1024, true);
  bool more = true;
  while (more && !bytes.empty()) {
    const std::size_t size = std::min(reader.room_size(), bytes.size());
    std::memcpy(reader.room(), bytes.data(), size);
    bytes.remove_prefix(size);
    more = reader.received(size);
  }
  if (more) reader.ended();
  return reader;
}

// What is open when the connection ends is cut, but for a body that ends so.
bool refused_by_traffic(const Case& vector, bool strict) {
  const std::string expect = vector.get("expect");
  const std::string verdict = strict ? vector.get("strict", expect) : expect;
  if (verdict == "more") return vector.get("framing") != "until_close";
  if (verdict != "ok") return true;
  const int status = std::stoi(vector.get("status", "200"));
  return status < 200;  // a switch nobody asked for, or nothing final behind it
}

}  // namespace

TEST_CASE("every response vector is judged alike by traffic, checks and probes") {
  const std::vector<Case> vectors = conformance::load("response");
  REQUIRE(vectors.size() >= 100);
  for (const Case& vector : vectors) {
    for (const bool strict : {false, true}) {
      INFO(vector.file << ": " << vector.name << (strict ? ", strict" : ""));
      const auto reader = read(vector.raw, http::method_of(vector.get("request", "GET")),
                               strict ? http1::Sender::server : http1::Sender::forgiven_server);
      INFO("fault: " << reader.fault());
      const bool refused = !reader.fault().empty() || reader.status() == 0;
      CHECK(refused == refused_by_traffic(vector, strict));
      if (!refused && vector.has("status"))
        CHECK(std::to_string(reader.status()) == vector.get("status"));
    }
  }
}

TEST_CASE("the cause is told with its place") {
  const auto fault = [](std::string_view bytes) {
    return read(bytes, http::Method::get, http1::Sender::forgiven_server).fault();
  };
  CHECK(fault("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok") ==
        "two different Content-Lengths (line 3, byte 37)");
  CHECK(fault("SSH-2.0-OpenSSH_9.2\r\n") ==
        "no HTTP answer: it does not begin with HTTP/1.x and a status (line 1, byte 1)");
  CHECK(fault("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n") ==
        "a chunk's size is not a hexadecimal number (byte 1 of the body)");
  CHECK(fault("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok") ==
        "the connection ended in the middle of the body");
}

TEST_CASE("sixteen interim answers are passed over, one more is a flood") {
  std::string bytes;
  for (unsigned i = 0; i < http1::max_interim_answers; ++i) bytes += "HTTP/1.1 103 x\r\n\r\n";
  CHECK(http1::max_interim_answers == 16);  // docs/limits.md
  const std::string final = "HTTP/1.1 204 No Content\r\n\r\n";
  const auto good = read(bytes + final, http::Method::get, http1::Sender::server);
  CHECK(good.status() == 204);
  CHECK(good.reusable());
  const auto flood =
      read(bytes + "HTTP/1.1 103 x\r\n\r\n" + final, http::Method::get, http1::Sender::server);
  CHECK(flood.fault() == "too many interim answers (1xx)");
}
