// Inside of TestServer: one connection, and the state they share. Everything runs on the server's
// thread except what Impl guards with its mutex.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "tests/support/test_server.hpp"

namespace switchback::test {

namespace asio = boost::asio;
using Socket = asio::generic::stream_protocol::socket;
using Fields = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method, target, path, head;
  int minor_version = 1;
  std::map<std::string, std::string> query;
  Fields fields, trailers;
  std::optional<std::uint64_t> content_length;
  bool chunked = false, keep_alive = true, expects_continue = false, body_read = false;

  std::uint64_t number(const std::string& key, std::uint64_t otherwise) const;
  bool flag(const std::string& key) const { return number(key, 0) != 0; }
};

void parse_head(Request& request);  // from request.head; targets and fields that make sense only

class Session;

struct TestServer::Impl {
  explicit Impl(TestServerOptions o);
  ~Impl();
  void listen();
  template <class Acceptor>
  asio::awaitable<void> accept_loop(Acceptor& acceptor);
  void admit(Socket socket);
  void run_on_thread(std::function<void()> work);  // and waits for it
  void serve_raw(Socket socket);
  void drop_all(bool with_reset);

  const TestServerOptions options;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::optional<asio::ip::tcp::acceptor> tcp;
  std::optional<asio::local::stream_protocol::acceptor> local;
  std::set<Session*> sessions;
  std::set<asio::steady_timer*> holds;
  std::uint16_t port = 0;
  unsigned listening = 0;  // counts accept loops, so that an old one knows that it is old
  std::thread thread;

  std::atomic<bool> healthy{true};
  std::atomic<std::uint64_t> requests{0}, health_requests{0}, connections{0};
  std::atomic<std::size_t> open{0}, held{0};
  mutable std::mutex mutex;  // of what follows
  std::deque<SeenRequest> seen;
  struct RawThread {
    std::thread thread;
    int fd = -1;  // ours to shut down while the function runs
    bool done = false;
  };
  std::list<RawThread> raw;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(TestServer::Impl& server, Socket socket, std::uint64_t number);
  ~Session();
  asio::awaitable<void> run();
  void drop(bool with_reset);

 private:
  using Piece = std::function<asio::awaitable<bool>(std::string_view)>;

  // Each answers one request; false: the connection ends.
  asio::awaitable<bool> dispatch(Request& request);
  asio::awaitable<bool> ok(Request& request);
  asio::awaitable<bool> echo(Request& request);
  asio::awaitable<bool> mirror(Request& request);
  asio::awaitable<bool> sink(Request& request);
  asio::awaitable<bool> chunked(Request& request);
  asio::awaitable<bool> close_delimited(Request& request);
  asio::awaitable<bool> slow_body(Request& request);
  asio::awaitable<bool> hang(Request& request);
  asio::awaitable<bool> hold(Request& request);
  asio::awaitable<bool> reset(Request& request);
  asio::awaitable<bool> truncate(Request& request);
  asio::awaitable<bool> drop_it(Request& request);
  asio::awaitable<bool> garbage(Request& request);
  asio::awaitable<bool> early(Request& request);
  asio::awaitable<bool> sse(Request& request);
  asio::awaitable<bool> upgrade(Request& request);
  asio::awaitable<bool> websocket(Request& request);
  asio::awaitable<bool> interim(Request& request);
  asio::awaitable<bool> trailers(Request& request);
  asio::awaitable<bool> big_head(Request& request);
  asio::awaitable<bool> status(Request& request);
  asio::awaitable<bool> healthz(Request& request);

  asio::awaitable<bool> read_head(Request& request);
  asio::awaitable<bool> read_body(Request& request, std::string& into);
  asio::awaitable<bool> read_body(Request& request, Piece take);
  asio::awaitable<bool> read_chunks(Request& request, Piece take);
  asio::awaitable<bool> read_line(std::string& line);
  asio::awaitable<bool> fill();
  asio::awaitable<bool> send(std::string bytes);
  asio::awaitable<bool> send_chunk(std::string_view bytes);
  // A whole answer; "" as type: none.
  asio::awaitable<bool> answer(Request& request, unsigned code, std::string type, std::string body,
                               std::string more_fields = {});
  asio::awaitable<void> pause(std::uint64_t ms);
  asio::awaitable<void> read_until_end();
  std::string head_of(Request& request, unsigned code, const std::string& fields);
  void note(const Request& request);
  void reset_now();

  TestServer::Impl& server_;
  Socket socket_;
  asio::steady_timer timer_;
  std::uint64_t number_;
  std::string buffer_;
  unsigned answered_ = 0;
};

}  // namespace switchback::test
