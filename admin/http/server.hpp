// A small HTTP/1.1 server for the admin plane: coroutines on one io_context, over a unix socket and
// TCP. Everything a stranger can make it hold has a limit and a counter.
//
// Threads: all methods and all handler calls on the io_context's thread; start before it runs is
// fine. Errors: listen_* return "" or one clear line; later nothing is thrown, a faulty connection
// is answered (400, 408, 413, 431, 501, 505) and closed. Framing is stricter than Beast's parser:
// RFC 9112 §6.3 faults, missing or doubled Host and doubled decisive fields are refused.
// Ownership: connections share the server's state and outlive a destroyed Server harmlessly.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/http/message.hpp"

namespace switchback::web {

struct ServerTls;

struct ServerOptions {
  std::size_t connection_limit = 256;    // per listener
  std::size_t connections_per_uid = 64;  // unix socket; not for root and the server's own uid
  std::size_t reserved = 32;             // over the limit, for root and the server's own uid only
  std::size_t head_limit = 64 * 1024;
  std::size_t body_limit = 256 * 1024;
  std::chrono::milliseconds head_timeout{10'000};  // from the first byte, or from accept
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds write_timeout{30'000};  // without progress
  std::chrono::milliseconds idle_timeout{60'000};   // between two requests
};

struct ServerCounters {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  // over a connection limit
  std::uint64_t evicted = 0;  // idle connections closed to make room
  std::uint64_t malformed = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t tls_failed = 0;  // handshakes that came to nothing
  std::uint64_t requests = 0;
  std::uint64_t open = 0;  // now
};

class Server {
 public:
  Server(asio::io_context& io, Handler handler, ServerOptions options = {});
  ~Server();  // stops
  Server(const Server&) = delete;

  // Mode 0666 (who may do what is decided per request); a missing folder is made 0755; a stale
  // socket file is replaced, one that answers is an error.
  std::string listen_unix(const std::string& path);
  // `port` 0: any free one.
  std::string listen_tcp(const std::string& host, std::uint16_t port);
  // HTTPS on TCP, for connections accepted from now on; null: cleartext. Connections that were
  // opened under another context end with their next answer.
  void set_tls(std::shared_ptr<ServerTls> tls);
  std::shared_ptr<ServerTls> tls() const;
  // Called for every request over TCP before its handler: who it is from, behind a proxy. Empty:
  // whom the connection is from.
  void set_client_rule(std::function<void(Request&)> rule);
  // Closes listeners and connections; answers being written are cut. Removes the socket file.
  void stop();

  std::vector<std::string> addresses() const;  // "unix:/run/…", "http://127.0.0.1:9900"
  const ServerCounters& counters() const;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace switchback::web
