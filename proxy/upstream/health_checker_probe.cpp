#include "proxy/upstream/health_checker_probe.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <memory>

namespace switchback::upstream {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;
using Clock = std::chrono::steady_clock;

constexpr std::size_t max_answer_bytes = 64 * 1024;
constexpr int max_interim_answers = 8;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// A socket with one deadline. When it passes, the socket is closed, and whatever waits on it ends.
struct Connection : std::enable_shared_from_this<Connection> {
  explicit Connection(const asio::any_io_executor& executor) : socket(executor), timer(executor) {}
  void set_deadline(Clock::time_point when) {
    timed_out = false;
    timer.expires_at(when);
    timer.async_wait([self = shared_from_this(), when](error_code ec) {
      if (ec || self->timer.expiry() != when) return;  // replaced or done with
      self->timed_out = true;
      self->close();
    });
  }
  void close() {
    error_code ignored;
    socket.close(ignored);
  }
  Socket socket;
  asio::steady_timer timer;
  bool timed_out = false;
};

// Ends the connection however the coroutine ends.
struct Closer {
  std::shared_ptr<Connection> connection;
  ~Closer() {
    connection->timer.cancel();
    connection->close();
  }
};

bool is_our_fault(const error_code& ec) {
  return ec == asio::error::no_descriptors || ec == asio::error::no_memory ||
         ec == asio::error::no_buffer_space ||
         ec == boost::system::errc::too_many_files_open_in_system ||
         ec == boost::system::errc::address_not_available;
}

std::string in_ms(config::Duration d) {
  return std::to_string(d.count()) + "ms";
}

asio::awaitable<void> connect(std::shared_ptr<Connection> connection,
                              std::vector<ResolvedAddress> candidates, config::Duration timeout,
                              ProbeResult& result) {
  const auto end = Clock::now() + timeout;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto now = Clock::now();
    const auto share = (end - now) / static_cast<int>(candidates.size() - i);
    const auto& address = candidates[i];
    const asio::generic::stream_protocol::endpoint endpoint(&address.storage, address.size);
    connection->close();
    connection->set_deadline(now + share);
    auto [ec] = co_await connection->socket.async_connect(endpoint, as_result);
    if (!ec) {
      // The deadline of the whole check from here on.
      connection->set_deadline(end);
      result.connected = true;
      result.address = i;
      result.reason.clear();
      co_return;
    }
    result.inconclusive = !connection->timed_out && is_our_fault(ec);
    result.reason =
        "connect: " + (connection->timed_out ? "no answer in " + in_ms(timeout) : ec.message());
  }
}

std::string describe(const Connection& connection, const error_code& ec, config::Duration timeout) {
  if (connection.timed_out) return "no answer in " + in_ms(timeout);
  if (ec == http::error::end_of_stream || ec == asio::error::eof ||
      ec == http::error::partial_message) {
    return "closed before an answer";
  }
  if (ec.category() == make_error_code(http::error::bad_version).category()) {
    return "not an HTTP answer (" + ec.message() + ")";
  }
  return ec.message();
}

// Reads until a final head is there; returns its status, or 0 with `ec` set.
asio::awaitable<unsigned> read_final_head(Connection& connection, error_code& ec) {
  boost::beast::flat_buffer buffer(max_answer_bytes);
  for (int interim = 0; interim <= max_interim_answers; ++interim) {
    http::response_parser<http::string_body> parser;
    parser.header_limit(max_answer_bytes);
    parser.body_limit(boost::none);  // a large body is no fault; we stop reading it
    auto [head_ec, head_bytes] =
        co_await http::async_read_header(connection.socket, buffer, parser, as_result);
    if (head_ec) {
      ec = head_ec;
      co_return 0;
    }
    const unsigned status = parser.get().result_int();
    if (status >= 100 && status < 200 && status != 101) continue;
    // The body decides nothing: whatever ends its reading is good enough.
    std::size_t read = 0;
    while (status != 101 && !parser.is_done() && read < max_answer_bytes) {
      auto [body_ec, bytes] =
          co_await http::async_read_some(connection.socket, buffer, parser, as_result);
      if (body_ec) break;
      read += bytes;
    }
    co_return status;
  }
  ec = http::error::bad_status;
  co_return 0;
}

asio::awaitable<void> ask(std::shared_ptr<Connection> connection, config::HealthCheck check,
                          std::string host_field, ProbeResult& result) {
  const std::string what = "GET " + check.path + ": ";
  http::request<http::empty_body> request(http::verb::get, check.path, 11);
  request.set(http::field::host, host_field);
  request.set(http::field::user_agent, "switchback-health/0.1");
  request.set(http::field::accept, "*/*");
  request.set(http::field::connection, "close");
  auto [write_ec, written] = co_await http::async_write(connection->socket, request, as_result);
  // A server may answer, and close, before it read the request; the answer decides.
  error_code read_ec;
  const unsigned status = co_await read_final_head(*connection, read_ec);
  if (status == 0) {
    result.reason = what + describe(*connection, write_ec ? write_ec : read_ec, check.timeout);
    co_return;
  }
  result.passed = status >= check.status_min && status <= check.status_max;
  if (!result.passed) {
    result.reason = what + "status " + std::to_string(status) + ", wanted " +
                    std::to_string(check.status_min) + "-" + std::to_string(check.status_max);
  }
}

}  // namespace

asio::awaitable<ProbeResult> probe_server(std::vector<ResolvedAddress> candidates,
                                          config::HealthCheck check, std::string host_field) {
  ProbeResult result;
  const auto executor = co_await asio::this_coro::executor;
  if (check.timeout <= config::Duration::zero()) check.timeout = config::HealthCheck{}.timeout;
  auto connection = std::make_shared<Connection>(executor);
  const Closer closer{connection};
  co_await connect(connection, std::move(candidates), check.timeout, result);
  if (!result.connected) co_return result;
  if (check.path.empty()) {
    result.passed = true;
  } else {
    co_await ask(connection, std::move(check), std::move(host_field), result);
  }
  co_return result;
}

}  // namespace switchback::upstream
