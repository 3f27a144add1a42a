// One connection of the admin server: reads requests, calls the handler, writes answers.
//
// Private to admin/http. Lives in its own coroutine; the server keeps only a plain pointer, taken
// out again by the destructor.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <list>
#include <memory>

#include "admin/http/server.hpp"
#include "admin/http/tls.hpp"
#include "admin/http/wire.hpp"

namespace switchback::web {

class Session;

// What the connections of one listener share: who is there, and how many.
struct ListenerState {
  std::list<Session*> sessions;  // oldest first
};

struct Server::State : std::enable_shared_from_this<Server::State> {
  State(asio::io_context& context, Handler h, ServerOptions o)
      : io(context), handler(std::move(h)), options(o) {}
  asio::io_context& io;
  Handler handler;
  ServerOptions options;
  ServerCounters counters;
  bool stopped = false;
  std::vector<std::shared_ptr<ListenerState>> listeners;
  std::vector<std::function<void()>> close_listeners;
  std::vector<std::string> addresses;
  std::vector<std::string> socket_files;
  std::shared_ptr<ServerTls> tls;  // of TCP; null: cleartext
  std::function<void(Request&)> client_rule;
  unsigned compressing = 0;  // answers; each has a quarter of a megabyte of memory
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  Session(std::shared_ptr<Server::State> server, std::shared_ptr<ListenerState> listener,
          Socket socket, Peer peer);
  ~Session();

  // Serves until the connection ends. Never throws.
  asio::awaitable<void> run();
  // Answers 503 and closes; for a connection over the limit.
  asio::awaitable<void> refuse();
  void close();
  bool idle() const { return idle_; }  // no request is being read or answered
  const Peer& peer() const { return peer_; }

 private:
  friend class SessionWriter;
  asio::awaitable<void> serve();
  asio::awaitable<bool> begin_tls();
  asio::awaitable<bool> wait_for_bytes(bool first);
  asio::awaitable<bool> read_request(Parser& parser);
  void arm(std::chrono::milliseconds limit);
  void disarm() { ++armed_; }
  asio::awaitable<bool> answer_one(Parser& parser);
  asio::awaitable<void> fail(unsigned status, std::string detail);
  asio::awaitable<bool> send(Response response, bool head_only, bool keep_alive, unsigned version);
  asio::awaitable<void> compress(const Request& request, Response& response);
  asio::awaitable<void> stream(StreamReply& reply, bool head_only, unsigned version);
  asio::awaitable<void> watch(std::shared_ptr<class SessionWriter> writer);
  asio::awaitable<void> linger();

  std::shared_ptr<Server::State> server_;
  std::shared_ptr<ListenerState> listener_;
  std::list<Session*>::iterator place_;
  Wire stream_;
  boost::beast::flat_buffer buffer_;
  Peer peer_;
  const std::shared_ptr<ServerTls> tls_;  // of this connection
  asio::steady_timer deadline_;           // of a request being read
  std::uint64_t armed_ = 0;               // tells a deadline's late call from a current one
  bool late_ = false;
  bool idle_ = true;
};

}  // namespace switchback::web
