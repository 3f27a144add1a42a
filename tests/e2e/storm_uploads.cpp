// The storm's uploads of some MiB, with Content-Length and chunked in turn; the server counts and
// hashes what came.
#include <cstdio>

#include "tests/e2e/storm_load.hpp"
#include "tests/support/test_server.hpp"

namespace switchback::test {

namespace {

struct Upload {
  std::string body, chunked, want;
};

const Upload& upload() {
  static const Upload made = [] {
    Upload out;
    out.body = body_of(3'000'000);
    constexpr std::size_t piece = 37'000;  // of no buffer's size
    for (std::size_t at = 0; at < out.body.size(); at += piece) {
      const std::string part = out.body.substr(at, piece);
      char size[16];
      std::snprintf(size, sizeof size, "%zx\r\n", part.size());
      out.chunked += size + part + "\r\n";
    }
    out.chunked += "0\r\n\r\n";
    out.want =
        "bytes=" + std::to_string(out.body.size()) + " fnv=" + std::to_string(body_hash(out.body));
    return out;
  }();
  return made;
}

}  // namespace

bool Storm::upload_big(Asked& asked, RawClient& client) {
  const Upload& one = upload();
  asked.repeatable = false;
  const bool chunked = asked.number % 2 == 1;
  const std::string head = "PUT /sink HTTP/1.1\r\nHost: shop.test\r\n" +
                           (chunked ? std::string("Transfer-Encoding: chunked")
                                    : "Content-Length: " + std::to_string(one.body.size())) +
                           "\r\n\r\n";
  // Whether all of it could be sent does not matter: what can be read says how it ended.
  if (client.try_send(head)) client.try_send(chunked ? one.chunked : one.body);
  const RawResponse answer = client.read_response();
  return judge(asked, answer, answer.status == 200 && answer.complete && answer.body == one.want);
}

}  // namespace switchback::test
