// A small blocking HTTP/1.1 client for the CLI: one call at a time over a unix socket or TCP, with
// a deadline, and an answer to the question a script asks: did the request get there?
//
// Threads: one thread per Client, but for cancel(). Errors are values: see Failure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/http/message.hpp"
#include "admin/http/tls.hpp"

namespace switchback::web {

struct ClientTarget {
  std::string text;  // as given, for messages
  std::string path;  // unix socket; empty: TCP
  std::string host;  // without brackets
  std::uint16_t port = 0;
  bool tls = false;
  // Where `host` was found already; empty: it is looked up, which may take as long as the system's
  // resolver likes.
  std::vector<asio::ip::address> addresses;
  std::string authority_hint = "--ca-file names the authority";  // of a certificate that fails
  bool is_unix() const { return !path.empty(); }
};
// "/run/x.sock", "unix:/run/x.sock", relative ones ("admin.sock", "run/x"),
// "http[s]://host:port[/]", "host:port", "[v6]:port". On failure nullopt, and `error` says what is
// wrong.
std::optional<ClientTarget> parse_client_target(std::string_view text, std::string& error);

enum class Failure : std::uint8_t {
  none,           // an answer came, whatever its status
  never_reached,  // nothing can have been done: no connection, or not the whole request was sent
                  // (exit 3)
  answer_lost,    // the request was sent, the answer did not come (whole): it may have been done
                  // (exit 5)
};

struct ClientRequest {
  std::string method = "GET";
  std::string target = "/";
  Fields fields;  // Host, Content-Length and User-Agent are set by the client
  std::string body;
  std::size_t answer_limit = 64 * 1024 * 1024;  // of the answer's body
};

struct ClientAnswer {
  Failure failure = Failure::none;
  std::string error;  // one line, when failure is not none
  unsigned status = 0;
  Fields fields;
  std::string body;
  std::string_view field(std::string_view name) const { return find_field(fields, name); }
};

struct ServerSentEvent {
  std::string id, event, data;
};

class Client {
 public:
  // `tls`: for targets with https; the server's certificate is verified for the target's host.
  explicit Client(ClientTarget target, std::shared_ptr<asio::ssl::context> tls = nullptr);
  ~Client();
  Client(const Client&) = delete;

  // Keeps the connection for the next call. A kept connection that turns out closed is replaced
  // before anything is sent, and a GET on it is sent again once.
  ClientAnswer call(const ClientRequest& request, std::chrono::milliseconds deadline);

  // Reads a text/event-stream until `on_event` returns false or the server ends it. `silence`:
  // longest wait for any byte (the server sends a comment every 10 s). An answer other than 200
  // comes back whole with its body. `on_tick`, if set, is called at least every 250 ms and stops
  // the stream by returning false.
  ClientAnswer events(const ClientRequest& request, std::chrono::milliseconds connect_deadline,
                      std::chrono::milliseconds silence,
                      const std::function<bool(const ServerSentEvent&)>& on_event,
                      const std::function<bool()>& on_tick = {});

  const ClientTarget& target() const;

  // From any thread: the call under way ends at once, and every later one. Only looking a name up
  // cannot be cut short; see ClientTarget::addresses.
  void cancel();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace switchback::web
