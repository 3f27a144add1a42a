// HTTP messages as the admin plane sees them: small, owned strings; nothing here is on the data
// plane's path.
//
// The namespace is `web`, not `http`: that name belongs to the data plane's proxy/http.
// A handler is a coroutine on the control thread's io_context. It answers with a Response, or with
// a StreamReply whose `run` writes for as long as it likes (server-sent events). Source of terms:
// RFC 9110.
#pragma once

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace switchback::web {

namespace asio = boost::asio;

// Case-insensitive ASCII comparison of field names.
bool same_field_name(std::string_view a, std::string_view b);

using Fields = std::vector<std::pair<std::string, std::string>>;
// First field of that name; "" when there is none.
std::string_view find_field(const Fields& fields, std::string_view name);

// Who is at the other end, as the kernel says it.
struct Peer {
  enum class Kind : std::uint8_t { unix_socket, tcp };
  Kind kind = Kind::unix_socket;
  // unix_socket (SO_PEERCRED, SO_PEERGROUPS): as they were when the peer connected.
  bool credentials = false;  // false: the kernel did not say; nobody is assumed
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups;
  // tcp
  std::string address;  // "127.0.0.1:50312"
  std::string ip;       // "127.0.0.1"
  std::string via;      // ip of the proxy that said so; empty: the connection did
  bool loopback = false;
  bool tls = false;
  // The client certificate, when one was shown. `fault` empty: it leads to admin.client_ca and is
  // in force; `names` are its subject alternative names (DNS, e-mail, URI) and its common name.
  struct Certificate {
    std::vector<std::string> names;
    std::string fault;            // "certificate has expired"
    std::int64_t expires_us = 0;  // wall clock
  };
  std::optional<Certificate> certificate;
};

struct Request {
  std::string method;  // "GET", as sent
  std::string target;  // as sent
  std::string path;    // percent-decoded; always begins with '/'
  Fields query;        // decoded, in order
  Fields fields;
  std::string body;
  Peer peer;

  std::string_view field(std::string_view name) const { return find_field(fields, name); }
  std::optional<std::string_view> query_value(std::string_view name) const;
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  Fields fields;       // besides Content-Type, Content-Length, Date and Connection
  bool close = false;  // close the connection after this answer
};

// The open end of a streamed answer. Lives as long as the `run` it was given to.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  // Writes one piece; false: the peer is gone (or took nothing for the write timeout), stop.
  virtual asio::awaitable<bool> write(std::string piece) = 0;
  // The peer went away or the server stops. `on_gone` is called once when that happens, so that a
  // coroutine waiting for something else can be woken.
  virtual bool gone() const = 0;
  virtual void on_gone(std::function<void()> callback) = 0;
};

struct StreamReply {
  Response head;  // body is not sent
  std::function<asio::awaitable<void>(StreamWriter&)> run;
};

using Reply = std::variant<Response, StreamReply>;
using Handler = std::function<asio::awaitable<Reply>(std::shared_ptr<const Request>)>;

// Splits a request target into its decoded path and query. False: not an origin-form target, bad
// percent-encoding, or a NUL in it.
bool parse_target(std::string_view target, std::string& path, Fields& query);
// Percent-encodes one path segment or query value.
std::string percent_encode(std::string_view text);

}  // namespace switchback::web
