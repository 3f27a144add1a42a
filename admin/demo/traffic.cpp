#include "admin/demo/traffic.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <vector>

namespace switchback::demo {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using std::chrono::steady_clock;

namespace {

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr auto answer_deadline = std::chrono::seconds(10);

http::request<http::empty_body> make_request(const std::string& host, const char* target) {
  http::request<http::empty_body> request{http::verb::get, target, 11};
  request.set(http::field::host, host);
  request.set(http::field::user_agent, "switchback-demo");
  return request;
}

}  // namespace

struct Traffic::State {
  State(asio::io_context& context, TrafficOptions given)
      : io(context),
        options(std::move(given)),
        endpoint(asio::ip::make_address(options.host), options.port) {}

  struct Connection {
    explicit Connection(asio::io_context& io) : stream(io), pace(io) {}
    beast::tcp_stream stream;
    asio::steady_timer pace;
    beast::flat_buffer buffer;
    bool open = false;
  };

  void answered(const http::fields& fields, double ms) {
    const auto color = fields["X-Demo-Color"];
    ++(color == "green" ? now.green : now.blue);
    ++now.total;
    now.last_color.assign(color.data(), color.size());
    const auto release = fields["X-Demo-Version"];
    now.last_release.assign(release.data(), release.size());
    times_ms.push_back(ms);
  }

  void failed(std::string why) {
    if (stopping) return;
    ++now.failed;
    ++now.total;
    ++now.total_failed;
    now.last_failure = std::move(why);
  }

  asio::awaitable<bool> connect(Connection& connection) {
    if (connection.open) co_return true;
    connection.stream.expires_after(answer_deadline);
    auto [error] = co_await connection.stream.async_connect(endpoint, use_tuple);
    if (error) failed("connect: " + error.message());
    connection.open = !error;
    connection.buffer.clear();
    co_return connection.open;
  }

  void close(Connection& connection) {
    beast::error_code ignored;
    connection.stream.socket().close(ignored);
    connection.open = false;
  }

  // One request on a kept connection. The proxy never closes it at a flip, so a failure here is a
  // failure the demo's reader should see.
  asio::awaitable<void> ask(Connection& connection) {
    if (!co_await connect(connection)) co_return;
    const auto begun = steady_clock::now();
    connection.stream.expires_after(answer_deadline);
    auto request = make_request(options.host, "/version");
    auto [write_error, written] = co_await http::async_write(connection.stream, request, use_tuple);
    http::response<http::string_body> response;
    beast::error_code error = write_error;
    if (!error) {
      auto [read_error, read] =
          co_await http::async_read(connection.stream, connection.buffer, response, use_tuple);
      error = read_error;
    }
    if (error || response.result() != http::status::ok) {
      failed(error ? error.message() : "HTTP " + std::to_string(response.result_int()));
    } else {
      const std::chrono::duration<double, std::milli> took = steady_clock::now() - begun;
      answered(response.base(), took.count());
    }
    if (error || !response.keep_alive()) close(connection);
  }

  // The loops hold the state themselves: they may end after the Traffic they belong to.
  static asio::awaitable<void> keep_asking(std::shared_ptr<State> self,
                                           std::shared_ptr<Connection> connection, unsigned index) {
    const auto& options = self->options;
    const auto period = std::chrono::nanoseconds(std::chrono::seconds(1)) * options.connections /
                        std::max(1u, options.requests_per_second);
    auto next = steady_clock::now() + period * index / options.connections;
    while (!self->stopping) {
      connection->pace.expires_at(next);
      co_await connection->pace.async_wait(use_tuple);
      if (self->stopping) break;
      co_await self->ask(*connection);
      // Behind by more than a period: the requests not sent are not made up for in a burst.
      next = std::max(next + period, steady_clock::now() - period);
    }
    self->close(*connection);
  }

  // One stream, to its end. Cut before its end (no last chunk) it counts as failed.
  asio::awaitable<void> read_stream(Connection& connection) {
    if (!co_await connect(connection)) co_return;
    connection.stream.expires_after(answer_deadline);
    auto request = make_request(options.host, "/events?seconds=2");
    auto [write_error, written] = co_await http::async_write(connection.stream, request, use_tuple);
    if (write_error) co_return failed("stream: " + write_error.message());
    http::response_parser<http::string_body> parser;
    auto [head_error, head] =
        co_await http::async_read_header(connection.stream, connection.buffer, parser, use_tuple);
    if (head_error) co_return failed("stream: " + head_error.message());
    ++streams_open;
    auto [error, read] =
        co_await http::async_read(connection.stream, connection.buffer, parser, use_tuple);
    --streams_open;
    if (error) failed("stream: " + error.message());
  }

  static asio::awaitable<void> keep_streaming(std::shared_ptr<State> self,
                                              std::shared_ptr<Connection> connection) {
    while (!self->stopping) {
      co_await self->read_stream(*connection);
      self->close(*connection);
      if (self->stopping) break;
      connection->pace.expires_after(std::chrono::milliseconds(200));
      co_await connection->pace.async_wait(use_tuple);
    }
  }

  asio::io_context& io;
  TrafficOptions options;
  tcp::endpoint endpoint;
  std::vector<std::shared_ptr<Connection>> connections;
  std::vector<double> times_ms;
  TrafficSample now;
  unsigned streams_open = 0;
  bool stopping = false;
};

Traffic::Traffic(asio::io_context& io, TrafficOptions options)
    : state_(std::make_shared<State>(io, std::move(options))) {}

Traffic::~Traffic() {
  stop();
}

void Traffic::start() {
  auto& state = *state_;
  for (unsigned i = 0; i < state.options.connections + state.options.streams; ++i) {
    auto connection = std::make_shared<State::Connection>(state.io);
    state.connections.push_back(connection);
    if (i < state.options.connections) {
      asio::co_spawn(state.io, State::keep_asking(state_, connection, i), asio::detached);
    } else {
      asio::co_spawn(state.io, State::keep_streaming(state_, connection), asio::detached);
    }
  }
}

void Traffic::stop() {
  state_->stopping = true;
  for (const auto& connection : state_->connections) {
    connection->pace.cancel();
    beast::error_code ignored;
    connection->stream.socket().close(ignored);
  }
}

TrafficSample Traffic::take() {
  auto& state = *state_;
  TrafficSample out = state.now;
  out.streams_open = state.streams_open;
  if (!state.times_ms.empty()) {
    std::sort(state.times_ms.begin(), state.times_ms.end());
    out.p50_ms = state.times_ms[state.times_ms.size() / 2];
    out.max_ms = state.times_ms.back();
  }
  state.times_ms.clear();
  state.now.blue = state.now.green = state.now.failed = 0;
  return out;
}

}  // namespace switchback::demo
