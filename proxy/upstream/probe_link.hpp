// A connection of our own to a server, for whoever asks on a thread of its own (health checks,
// verification): connect, say the PROXY header, shake hands by TLS, both as the pool wants it.
//
// Threads: the one of the executor it is made with.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/upstream/health_checker_probe.hpp"

namespace switchback::upstream {

// A socket with one deadline. When it passes, the socket is closed, and whatever waits on it ends.
struct ProbeLink : std::enable_shared_from_this<ProbeLink> {
  using Socket = boost::asio::generic::stream_protocol::socket;
  using Clock = std::chrono::steady_clock;

  explicit ProbeLink(const boost::asio::any_io_executor& executor)
      : socket(executor), timer(executor) {}
  void set_deadline(Clock::time_point when);
  void close();

  Socket socket;
  boost::asio::steady_timer timer;
  std::optional<boost::asio::ssl::context> context;
  std::optional<boost::asio::ssl::stream<Socket&>> secure;  // over the socket, with TLS
  bool timed_out = false;
};

// Tries the candidates in order until one accepts; all share `timeout`, which goes on as the link's
// deadline. Fills in result.connected, .address, .inconclusive and .reason.
boost::asio::awaitable<void> connect_link(std::shared_ptr<ProbeLink> link,
                                          std::vector<ResolvedAddress> candidates,
                                          config::Duration timeout, ProbeResult& result);

// What comes before HTTP. False: result.reason says why not.
boost::asio::awaitable<bool> begin_link(std::shared_ptr<ProbeLink> link, Wire wire,
                                        config::Address server, config::Duration timeout,
                                        ProbeResult& result);

// What went wrong between request and answer, for people.
std::string describe_failure(const ProbeLink& link, const boost::system::error_code& ec,
                             config::Duration timeout);

}  // namespace switchback::upstream
