#include "proxy/upstream/probe_link.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>

namespace switchback::upstream {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Socket = ProbeLink::Socket;
using Clock = ProbeLink::Clock;

constexpr std::chrono::milliseconds redial_pause{10};
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

bool is_our_fault(const error_code& ec) {
  return ec == asio::error::no_descriptors || ec == asio::error::no_memory ||
         ec == asio::error::no_buffer_space ||
         ec == boost::system::errc::too_many_files_open_in_system ||
         ec == boost::system::errc::address_not_available;
}

std::string in_ms(config::Duration d) {
  return std::to_string(d.count()) + "ms";
}

// A Unix socket whose backlog is full looks connected to Asio, since EAGAIN means "under way" on
// TCP.
bool backlog_full(Socket& socket, const ResolvedAddress& address) {
  sockaddr_storage peer;
  socklen_t size = sizeof peer;
  return address.storage.ss_family == AF_UNIX &&
         ::getpeername(socket.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size) != 0 &&
         errno == ENOTCONN;
}

std::string describe_handshake(ProbeLink& connection, const error_code& ec,
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

}  // namespace

void ProbeLink::set_deadline(Clock::time_point when) {
  timed_out = false;
  timer.expires_at(when);
  timer.async_wait([self = shared_from_this(), when](error_code ec) {
    if (ec || self->timer.expiry() != when) return;  // replaced or done with
    self->timed_out = true;
    self->close();
  });
}

void ProbeLink::close() {
  error_code ignored;
  socket.close(ignored);
}

asio::awaitable<void> connect_link(std::shared_ptr<ProbeLink> connection,
                                   std::vector<ResolvedAddress> candidates,
                                   config::Duration timeout, ProbeResult& result) {
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

// What comes before HTTP. False: result.reason says why not.
asio::awaitable<bool> begin_link(std::shared_ptr<ProbeLink> connection, Wire wire,
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
  SSL_CTX_up_ref(wire.tls->native());  // Asio's context gives one reference back
  connection->context.emplace(wire.tls->native());
  connection->secure.emplace(connection->socket, *connection->context);
  if (!wire.tls->prepare(connection->secure->native_handle(),
                         tls::server_name(wire.tls_settings, server))) {
    result.reason = "TLS handshake: there is no name to verify; set tls.sni";
    co_return false;
  }
  auto [ec] =
      co_await connection->secure->async_handshake(asio::ssl::stream_base::client, as_result);
  if (!ec) co_return true;
  result.reason = describe_handshake(*connection, ec, timeout);
  co_return false;
}

std::string describe_failure(const ProbeLink& connection, const error_code& ec,
                             config::Duration timeout) {
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

}  // namespace switchback::upstream
