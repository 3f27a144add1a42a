#include "proxy/upstream/health_checker_probe.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <memory>

#include "proxy/upstream/answer_reader.hpp"
#include "proxy/upstream/probe_link.hpp"

namespace switchback::upstream {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
constexpr std::size_t max_answer_bytes = 64 * 1024;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// Ends the connection however the coroutine ends.
struct Closer {
  std::shared_ptr<ProbeLink> connection;
  ~Closer() {
    connection->timer.cancel();
    connection->close();
  }
};

// Reads until nothing more is wanted, or the connection ends; `ec` then says how.
template <class Stream>
asio::awaitable<void> read_answer(Stream& stream, AnswerReader& answer, error_code& ec) {
  for (bool more = true; more;) {
    auto [read_ec, bytes] =
        co_await stream.async_read_some(asio::buffer(answer.room(), answer.room_size()), as_result);
    if (bytes > 0) more = answer.received(bytes);
    if (!more || !read_ec) continue;
    ec = read_ec;
    co_return;
  }
}

// What servers answer that do not know the name they are asked by.
std::string host_hint(unsigned status, const std::string& host_field) {
  if (status != 400 && status != 403 && status != 421) return {};
  return "; asked with Host " + host_field + ": if the server serves other names only, set " +
         "health_check.host to one of them";
}

template <class Stream>
asio::awaitable<void> ask(Stream& stream, std::shared_ptr<ProbeLink> connection,
                          config::HealthCheck check, std::string host_field, const Wire& wire,
                          ProbeResult& result) {
  const std::string what = "GET " + check.path + ": ";
  http::request<http::empty_body> request(http::verb::get, check.path, 11);
  request.set(http::field::host, host_field);
  request.set(http::field::user_agent, "switchback-health/0.1");
  request.set(http::field::accept, "*/*");
  request.set(http::field::connection, "close");
  auto [write_ec, written] = co_await http::async_write(stream, request, as_result);
  // A server may answer, and close, before it read the request; the answer decides.
  error_code read_ec;
  AnswerReader answer(switchback::http::Method::get, wire, max_answer_bytes, false);
  co_await read_answer(stream, answer, read_ec);
  // A body that takes longer than the check has is no fault; one that is cut is.
  if (read_ec && !connection->timed_out) answer.ended();
  const unsigned status = answer.status();
  if (!answer.fault().empty()) {
    result.reason = what + "traffic would be refused: " + answer.fault();
    co_return;
  }
  if (status == 0) {
    result.reason =
        what + describe_failure(*connection, write_ec ? write_ec : read_ec, check.timeout);
    co_return;
  }
  result.passed = status >= check.status_min && status <= check.status_max;
  if (!result.passed) {
    result.reason = what + "status " + std::to_string(status) + ", wanted " +
                    std::to_string(check.status_min) + "-" + std::to_string(check.status_max) +
                    host_hint(status, host_field);
  }
}

}  // namespace

asio::awaitable<ProbeResult> probe_server(std::vector<ResolvedAddress> candidates,
                                          config::HealthCheck check, std::string host_field,
                                          Wire wire, config::Address server) {
  ProbeResult result;
  const auto executor = co_await asio::this_coro::executor;
  if (check.timeout <= config::Duration::zero()) check.timeout = config::HealthCheck{}.timeout;
  auto connection = std::make_shared<ProbeLink>(executor);
  const Closer closer{connection};
  co_await connect_link(connection, std::move(candidates), check.timeout, result);
  if (!result.connected) co_return result;
  if (!co_await begin_link(connection, wire, std::move(server), check.timeout, result)) {
    co_return result;
  }
  if (check.path.empty()) {
    result.passed = true;
  } else if (connection->secure) {
    co_await ask(*connection->secure, connection, std::move(check), std::move(host_field), wire,
                 result);
  } else {
    co_await ask(connection->socket, connection, std::move(check), std::move(host_field), wire,
                 result);
  }
  co_return result;
}

}  // namespace switchback::upstream
