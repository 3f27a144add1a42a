// What reading and rewriting one HTTP/1 head costs: http1_head [rounds]
//
// Prints nanoseconds a head, the best of several batches, since anything slower was disturbed. For
// instructions: valgrind --tool=callgrind --toggle-collect='measured*' http1_head 1000
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proxy/base/clock.hpp"
#include "proxy/http/request_id.hpp"
#include "proxy/http1/decoder.hpp"
#include "proxy/http1/encoder.hpp"

using namespace switchback;

namespace {

constexpr std::string_view request_text =
    "GET /articles/2024/11/a-page?ref=front HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://www.example.com/\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "If-None-Match: \"5e1b0c2a-3d7\"\r\n"
    "\r\n";

constexpr std::string_view response_text =
    "HTTP/1.1 200 OK\r\n"
    "Server: nginx/1.22.1\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Length: 1024\r\n"
    "Last-Modified: Sat, 05 Nov 1994 10:00:00 GMT\r\n"
    "Connection: keep-alive\r\n"
    "ETag: \"5e1b0c2a-400\"\r\n"
    "Cache-Control: max-age=60\r\n"
    "Accept-Ranges: bytes\r\n"
    "\r\n";

struct Bench {
  http::FieldTable table;
  http::RequestHead request;
  http::ResponseHead response;
  http1::HeadLimits limits;
  http::RequestIdGenerator ids;
  char request_id[http::RequestIdGenerator::size];
  char out[8192];
  std::size_t sum = 0;  // kept, so that nothing is optimised away

  [[gnu::noinline]] void measured_request_decode() {
    std::size_t scanned = 0;
    sum += http1::decode_request_head(request_text.data(), request_text.size(), limits, scanned,
                                      table, request)
               .consumed;
  }
  [[gnu::noinline]] void measured_request_encode() {
    http::RequestAdditions additions;
    additions.client_ip = "203.0.113.7";
    additions.scheme = "http";
    additions.request_id = {request_id, sizeof request_id};
    sum += http1::write_request_head(out, sizeof out, request, additions);
  }
  std::string response_bytes{response_text};
  [[gnu::noinline]] void measured_response_decode() {
    std::size_t scanned = 0;
    sum += http1::decode_response_head(response_bytes.data(), response_bytes.size(), limits,
                                       scanned, http::Method::get, table, response)
               .consumed;
  }
  [[gnu::noinline]] void measured_response_encode() {
    http1::ResponseFraming framing;
    framing.body = http::BodyKind::length;
    framing.content_length = 1024;
    sum += http1::write_response_head(out, sizeof out, response, framing);
  }
  [[gnu::noinline]] void measured_request_id() {
    sum += static_cast<unsigned char>(ids.next(request_id, 1'700'000'000'000'000).back());
  }
};

void run(Bench& bench, const char* name, void (Bench::*step)(), unsigned rounds) {
  double best = 1e300;
  for (int batch = 0; batch < 15; ++batch) {
    const Nanos start = monotonic_ns();
    for (unsigned i = 0; i < rounds; ++i) (bench.*step)();
    best = std::min(best, static_cast<double>(monotonic_ns() - start) / rounds);
  }
  std::printf("%-16s %7.1f ns\n", name, best);
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned rounds = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 200'000;
  static Bench bench;
  run(bench, "request id", &Bench::measured_request_id, rounds);
  run(bench, "request decode", &Bench::measured_request_decode, rounds);
  run(bench, "request encode", &Bench::measured_request_encode, rounds);
  run(bench, "response decode", &Bench::measured_response_decode, rounds);
  run(bench, "response encode", &Bench::measured_response_encode, rounds);
  return bench.sum == 0 ? 1 : 0;
}
