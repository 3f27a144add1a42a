// A fake upstream: an HTTP/1.1 server on a thread of its own whose behaviour is named by the path.
//
//   /ok?bytes=N&ms=M      200 with Content-Length (default "ok"), after M ms; unknown paths too
//   /echo                 200, JSON {method,target,version,fields:[[name,value]],body,trailers}
//   /echo?raw=1           200, text/plain: the head as received and the body
//   /mirror               200 chunked: the body sent back while it comes in
//   /sink                 200, "bytes=N fnv=H": counts the body (H as of body_hash)
//   /chunked?bytes=N&chunk=C    200 chunked, pieces of C (default 1000)
//   /close-delimited?bytes=N    200 without length, ended by close
//   /slow-head?ms=M       200 after M ms
//   /slow-body?bytes=N&ms=M     10 pieces, M ms between
//   /hang                 reads the request, never answers
//   /hold                 200 after release_held(); waits for it
//   /reset                RST after the head was read (?bytes=N: after a head and N bytes more)
//   /truncate?bytes=N     Content-Length 1000000, N bytes (default 100), then FIN
//                         (?rst=1: RST; ?chunked=1: chunked without a last chunk)
//   /drop                 FIN without an answer
//   /garbage              200 bytes that are no HTTP
//   /early                413 before the body is read, then close (?rst=1: at once, so that the
//                         client may see a reset; ?keep=1: claims keep-alive and reads on)
//   /sse?events=N&ms=M    text/event-stream, chunked: "data: I NAME\n\n", I from 0 (N=0: endless)
//   /upgrade              101, then every byte comes back until FIN (first "hello NAME\n")
//   /ws                   a WebSocket: for each text "N", N from 0, come "K N" and "K+1", K from 0;
//                         a number that is not the next gets Close 1008; a Close is answered
//   /1xx                  103 with Link, then 200
//   /trailers             chunked, X-Checksum behind it
//   /big-head?bytes=N     200 with N bytes of fields
//   /status/NNN           that status (body "NNN" if it has one)
//   /healthz              200, or 503 after set_healthy(false)
// Every answer has "X-Served-By: <name>" and "X-Connection: <number>". Bodies are body_of(N).
//
// Threads: all methods from any thread. `Expect: 100-continue` is answered when the body is read.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/raw_client.hpp"

namespace switchback::test {

std::string body_of(std::size_t bytes);           // the same bytes for the same length
std::uint64_t body_hash(std::string_view bytes);  // FNV-1a, 64 bits

struct SeenRequest {
  std::uint64_t connection = 0;  // number of the connection, from 1
  std::string method, target, head;
  std::string field(std::string_view name) const;
};

struct TestServerOptions {
  std::string name = "blue";
  unsigned close_after = 0;      // requests answered on one connection before it is closed; 0: any
  bool announce_close = true;    // with Connection: close on the last; false: a stale connection
  std::string unix_path;         // listen there instead of 127.0.0.1
  std::string ip = "127.0.0.1";  // another address of the loopback network
  std::uint16_t port = 0;        // 0: any free one
  // Raw mode: each connection goes to this function, on a thread of its own.
  std::function<void(RawClient&)> raw;
};

class TestServer {
 public:
  explicit TestServer(TestServerOptions options = {});
  explicit TestServer(const std::string& name) : TestServer(TestServerOptions{.name = name}) {}
  ~TestServer();
  TestServer(const TestServer&) = delete;

  std::uint16_t port() const;
  std::string address() const;  // "127.0.0.1:41873" or "unix:/path"
  const std::string& name() const;

  // A server that dies and comes back: stop() closes the listener and resets every connection;
  // start() listens on the same port again. Constructed: started.
  void stop();
  void start();
  void close_connections();  // FIN on every connection; the listener stays
  void set_healthy(bool healthy);
  void release_held();  // every /hold that waits now
  std::size_t held() const;

  std::uint64_t requests() const;         // heads read, without /healthz
  std::uint64_t health_requests() const;  // of /healthz
  std::uint64_t connections() const;      // accepted so far
  std::size_t open_connections() const;
  std::vector<SeenRequest> seen() const;  // the last 1,000, without /healthz
  // False when the deadline passed first.
  bool wait_for_requests(std::uint64_t at_least) const;
  bool wait_for_held(std::size_t at_least) const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

// A port of 127.0.0.1 that refuses connections: bound, never listened on, while this lives.
class RefusingPort {
 public:
  RefusingPort();
  ~RefusingPort();
  RefusingPort(const RefusingPort&) = delete;
  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int fd_;
  std::uint16_t port_;
};

}  // namespace switchback::test
