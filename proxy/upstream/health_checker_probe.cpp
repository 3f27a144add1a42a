#include "proxy/upstream/health_checker_probe.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <optional>

namespace switchback::upstream {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds redial_pause{10};
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
  std::optional<asio::ssl::context> context;
  std::optional<asio::ssl::stream<Socket&>> secure;   // over the socket, when the pool has TLS
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

// A Unix socket whose backlog is full looks connected to Asio, since EAGAIN means "under way" on TCP.
bool backlog_full(Socket& socket, const ResolvedAddress& address) {
  sockaddr_storage peer;
  socklen_t size = sizeof peer;
  return address.storage.ss_family == AF_UNIX &&
         ::getpeername(socket.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size) != 0 &&
         errno == ENOTCONN;
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
    while (!ec && backlog_full(connection->socket, address)) {
      asio::steady_timer pause(connection->timer.get_executor(), redial_pause);
      co_await pause.async_wait(as_result);
      if (connection->timed_out) {
        ec = asio::error::operation_aborted;
        break;
      }
      error_code ignored;
      connection->socket.close(ignored);
      std::tie(ec) = co_await connection->socket.async_connect(endpoint, as_result);
    }
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

std::string describe_handshake(Connection& connection, const error_code& ec,
                               config::Duration timeout) {
  const std::string what = "TLS handshake: ";
  if (connection.timed_out) return what + "no answer in " + in_ms(timeout);
  const long verified = SSL_get_verify_result(connection.secure->native_handle());
  if (verified != X509_V_OK) return what + X509_verify_cert_error_string(verified);
  if (ec == asio::error::eof || ec == asio::ssl::error::stream_truncated ||
      ec == asio::error::connection_reset) {
    return what + "closed by the server";
  }
  const char* reason = ec.category() == asio::error::get_ssl_category()
                           ? ERR_reason_error_string(static_cast<unsigned long>(ec.value()))
                           : nullptr;
  return what + (reason ? reason : ec.message());
}

// What comes before HTTP. False: result.reason says why not.
asio::awaitable<bool> begin_link(std::shared_ptr<Connection> connection, Wire wire,
                                 config::Address server, config::Duration timeout,
                                 ProbeResult& result) {
  char header[proxy_protocol::max_encoded_bytes];
  if (const std::size_t size = wire.write_header(header, {})) {
    auto [ec, written] =
        co_await asio::async_write(connection->socket, asio::buffer(header, size), as_result);
    if (ec) {
      result.reason = "PROXY header: " + ec.message();
      co_return false;
    }
  }
  if (!wire.tls) co_return true;
  SSL_CTX_up_ref(wire.tls->native());   // Asio's context gives one reference back
  connection->context.emplace(wire.tls->native());
  connection->secure.emplace(connection->socket, *connection->context);
  if (!wire.tls->prepare(connection->secure->native_handle(),
                         tls::server_name(wire.tls_settings, server))) {
    result.reason = "TLS handshake: there is no name to verify; set tls.sni";
    co_return false;
  }
  auto [ec] = co_await connection->secure->async_handshake(asio::ssl::stream_base::client, as_result);
  if (!ec) co_return true;
  result.reason = describe_handshake(*connection, ec, timeout);
  co_return false;
}

std::string describe(const Connection& connection, const error_code& ec, config::Duration timeout) {
  if (connection.timed_out) return "no answer in " + in_ms(timeout);
  if (ec == http::error::end_of_stream || ec == asio::error::eof ||
      ec == http::error::partial_message || ec == asio::ssl::error::stream_truncated) {
    return "closed before an answer";
  }
  if (ec.category() == make_error_code(http::error::bad_version).category()) {
    return "not an HTTP answer (" + ec.message() + ")";
  }
  return ec.message();
}

// Reads until a final head is there; returns its status, or 0 with `ec` set.
template <class Stream>
asio::awaitable<unsigned> read_final_head(Stream& stream, error_code& ec) {
  boost::beast::flat_buffer buffer(max_answer_bytes);
  for (int interim = 0; interim <= max_interim_answers; ++interim) {
    http::response_parser<http::string_body> parser;
    parser.header_limit(max_answer_bytes);
    parser.body_limit(boost::none);  // a large body is no fault; we stop reading it
    auto [head_ec, head_bytes] =
        co_await http::async_read_header(stream, buffer, parser, as_result);
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
          co_await http::async_read_some(stream, buffer, parser, as_result);
      if (body_ec) break;
      read += bytes;
    }
    co_return status;
  }
  ec = http::error::bad_status;
  co_return 0;
}

template <class Stream>
asio::awaitable<void> ask(Stream& stream, std::shared_ptr<Connection> connection,
                          config::HealthCheck check, std::string host_field, ProbeResult& result) {
  const std::string what = "GET " + check.path + ": ";
  http::request<http::empty_body> request(http::verb::get, check.path, 11);
  request.set(http::field::host, host_field);
  request.set(http::field::user_agent, "switchback-health/0.1");
  request.set(http::field::accept, "*/*");
  request.set(http::field::connection, "close");
  auto [write_ec, written] = co_await http::async_write(stream, request, as_result);
  // A server may answer, and close, before it read the request; the answer decides.
  error_code read_ec;
  const unsigned status = co_await read_final_head(stream, read_ec);
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
                                          config::HealthCheck check, std::string host_field,
                                          Wire wire, config::Address server) {
  ProbeResult result;
  const auto executor = co_await asio::this_coro::executor;
  if (check.timeout <= config::Duration::zero()) check.timeout = config::HealthCheck{}.timeout;
  auto connection = std::make_shared<Connection>(executor);
  const Closer closer{connection};
  co_await connect(connection, std::move(candidates), check.timeout, result);
  if (!result.connected) co_return result;
  if (!co_await begin_link(connection, std::move(wire), std::move(server), check.timeout, result)) {
    co_return result;
  }
  if (check.path.empty()) {
    result.passed = true;
  } else if (connection->secure) {
    co_await ask(*connection->secure, connection, std::move(check), std::move(host_field), result);
  } else {
    co_await ask(connection->socket, connection, std::move(check), std::move(host_field), result);
  }
  co_return result;
}

}  // namespace switchback::upstream
