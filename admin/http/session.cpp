#include "admin/http/session.hpp"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <ctime>

#include "admin/http/compress.hpp"
#include "admin/http/framing.hpp"

namespace switchback::web {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr auto tuple = asio::as_tuple(asio::use_awaitable);

constexpr unsigned most_compressing = 4;  // at once; further answers are sent as they are

// One of those, to its end, however it comes.
class Counted {
 public:
  explicit Counted(unsigned& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;

 private:
  unsigned& count_;
};

std::string http_date() {
  char text[64];
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}

// A handler may echo what it was sent; a line break in a field value would split the answer.
std::string clean_value(std::string_view value) {
  std::string out(value);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t') c = ' ';
  }
  return out;
}

Response problem(unsigned status, std::string_view detail) {
  const std::string title(bhttp::obsolete_reason(static_cast<bhttp::status>(status)));
  boost::json::object body{{"type", "urn:switchback:malformed-request"},
                           {"title", title},
                           {"status", status},
                           {"detail", detail},
                           {"code", "malformed_request"},
                           {"moved", false},
                           {"next", ""},
                           {"exit_code", 2}};
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = boost::json::serialize(body) + "\n";
  response.close = true;
  return response;
}

}  // namespace

Session::Session(std::shared_ptr<Server::State> server, std::shared_ptr<ListenerState> listener,
                 Socket socket, Peer peer)
    : server_(std::move(server)),
      listener_(std::move(listener)),
      stream_(std::move(socket)),
      buffer_(server_->options.head_limit + 16 * 1024),
      peer_(std::move(peer)),
      tls_(peer_.kind == Peer::Kind::tcp ? server_->tls : nullptr),
      deadline_(server_->io) {
  place_ = listener_->sessions.insert(listener_->sessions.end(), this);
  ++server_->counters.open;
}

Session::~Session() {
  listener_->sessions.erase(place_);
  --server_->counters.open;
}

void Session::close() {
  idle_ = false;  // so that room is made once by it
  error_code ignored;
  stream_.socket().close(ignored);
}

asio::awaitable<void> Session::run() {
  try {
    co_await serve();
  } catch (const std::exception&) {
    // Only memory running out and the like end here; the connection is closed, nothing else
    // suffers.
  }
  close();
}

asio::awaitable<void> Session::refuse() {
  const auto self = shared_from_this();
  idle_ = false;
  try {
    Response response =
        problem(503, "The admin server holds as many connections as it may; try again.");
    response.fields.emplace_back("Retry-After", "1");
    co_await send(std::move(response), false, false, 11);
    co_await linger();
  } catch (const std::exception&) {
    // As in run().
  }
  close();
}

asio::awaitable<void> Session::serve() {
  if (tls_ && !co_await begin_tls()) co_return;
  bool first = true;
  while (!server_->stopped) {
    if (!co_await wait_for_bytes(first)) co_return;
    first = false;
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(server_->options.head_limit));
    parser.body_limit(server_->options.body_limit);
    if (!co_await read_request(parser)) co_return;
    if (!co_await answer_one(parser)) co_return;
  }
}

// Who speaks HTTP here is told so in HTTP; who says nothing of use in time is let go.
asio::awaitable<bool> Session::begin_tls() {
  idle_ = false;
  stream_.expires_after(server_->options.head_timeout);
  char first = 0;
  const auto [looked, size] = co_await stream_.socket().async_receive(
      asio::buffer(&first, 1), asio::socket_base::message_peek, tuple);
  if (looked || size == 0) co_return false;
  constexpr char handshake_record = 22;  // RFC 8446 §5.1
  if (first != handshake_record) {
    co_await fail(400, "This address speaks HTTPS: write https:// instead of http://.");
    co_return false;
  }
  auto& layer = stream_.secure(tls_->context);
  const auto [error] = co_await layer.async_handshake(asio::ssl::stream_base::server, tuple);
  if (error == beast::error::timeout) ++server_->counters.timed_out;
  if (error) {
    ++server_->counters.tls_failed;
    co_return false;
  }
  peer_.tls = true;
  peer_.certificate = peer_certificate(layer.native_handle());
  co_return true;
}

asio::awaitable<bool> Session::wait_for_bytes(bool first) {
  if (buffer_.size() > 0) co_return true;
  idle_ = true;
  const auto& o = server_->options;
  stream_.expires_after(first ? o.head_timeout : o.idle_timeout);
  const auto [error, size] = co_await stream_.async_read_some(buffer_.prepare(4096), tuple);
  if (error == beast::error::timeout) ++server_->counters.timed_out;
  if (error) co_return false;
  buffer_.commit(size);
  idle_ = false;
  co_return true;
}

// The stream's own timer closes the socket; this one leaves it open, so that 408 can be said.
void Session::arm(std::chrono::milliseconds limit) {
  const auto turn = ++armed_;
  late_ = false;
  deadline_.expires_after(limit);
  deadline_.async_wait([weak = weak_from_this(), turn](error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->armed_ != turn) return;
    self->late_ = true;
    self->stream_.cancel();
  });
}

asio::awaitable<bool> Session::read_request(Parser& parser) {
  idle_ = false;
  stream_.expires_never();
  arm(server_->options.head_timeout);
  auto [error, size] = co_await bhttp::async_read_header(stream_, buffer_, parser, tuple);
  static_cast<void>(size);
  if (!error) {
    if (const auto fault = framing_fault(parser.get(), server_->options.body_limit); fault.status) {
      disarm();
      co_await fail(fault.status, fault.detail);
      co_return false;
    }
    if (!parser.is_done()) {
      if (same_field_name(parser.get()[bhttp::field::expect], "100-continue")) {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await asio::async_write(stream_, asio::buffer(go_on), tuple);
      }
      arm(server_->options.body_timeout);
      std::tie(error, size) = co_await bhttp::async_read(stream_, buffer_, parser, tuple);
    }
  }
  disarm();
  if (!error) co_return true;
  if (error == bhttp::error::end_of_stream) co_return false;
  const auto fault = fault_of(late_ ? beast::error::timeout : error);
  if (fault.status == 408) ++server_->counters.timed_out;
  if (fault.status != 0) co_await fail(fault.status, fault.detail);
  co_return false;
}

asio::awaitable<bool> Session::answer_one(Parser& parser) {
  auto request = std::make_shared<Request>();
  const auto& head = parser.get();
  request->method = std::string(head.method_string());
  request->target = std::string(head.target());
  for (const auto& field : head) {
    request->fields.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  if (!parse_target(request->target, request->path, request->query)) {
    co_await fail(400, "The request target is not a path such as /v1/services.");
    co_return false;
  }
  request->peer = peer_;
  // Files that have changed since: who was trusted then shows itself again on a new connection.
  const bool stale = peer_.tls && tls_ != server_->tls;
  if (stale) request->peer.certificate.reset();
  const bool head_only = request->method == "HEAD";
  const bool keep_alive = head.keep_alive();
  const unsigned version = head.version();
  request->body = std::move(parser.get().body());
  if (server_->client_rule && peer_.kind == Peer::Kind::tcp) server_->client_rule(*request);
  ++server_->counters.requests;

  stream_.expires_never();
  Reply reply;
  std::string thrown;
  try {
    reply = co_await server_->handler(request);
  } catch (const std::exception& error) {
    thrown = error.what();
  }
  if (!thrown.empty()) reply = problem(500, "The admin server failed: " + thrown);
  if (auto* streamed = std::get_if<StreamReply>(&reply)) {
    co_await stream(*streamed, head_only, version);
    co_return false;
  }
  auto& response = std::get<Response>(reply);
  if (worth_gzip(request->method, response)) co_await compress(*request, response);
  const bool again = keep_alive && !response.close && !stale && !server_->stopped;
  const bool sent = co_await send(std::move(response), head_only, again, version);
  if (sent && !again) co_await linger();
  co_return sent&& again;
}

// In slices, with everybody else's turns in between: this thread is the one that flips.
asio::awaitable<void> Session::compress(const Request& request, Response& response) {
  response.fields.emplace_back("Vary", "Accept-Encoding");
  if (server_->compressing >= most_compressing || !accepts_gzip(request.fields)) co_return;
  const Counted counted(server_->compressing);
  Gzip gzip(std::move(response.body));
  while (gzip.step()) co_await asio::post(server_->io, asio::use_awaitable);
  response.body = gzip.sound() ? gzip.take() : gzip.original();
  if (gzip.sound()) response.fields.emplace_back("Content-Encoding", "gzip");
}

asio::awaitable<void> Session::fail(unsigned status, std::string detail) {
  ++server_->counters.malformed;
  co_await send(problem(status, detail), false, false, 11);
  co_await linger();
}

asio::awaitable<bool> Session::send(Response response, bool head_only, bool keep_alive,
                                    unsigned version) {
  bhttp::response<bhttp::string_body> message;
  message.version(version);
  message.result(response.status);
  message.set(bhttp::field::date, http_date());
  if (!response.content_type.empty())
    message.set(bhttp::field::content_type, response.content_type);
  for (const auto& [name, value] : response.fields) message.insert(name, clean_value(value));
  message.set(bhttp::field::content_length, std::to_string(response.body.size()));
  message.keep_alive(keep_alive);
  if (!head_only) message.body() = std::move(response.body);
  stream_.expires_after(server_->options.write_timeout);
  const auto [error, size] = co_await bhttp::async_write(stream_, message, tuple);
  static_cast<void>(size);
  co_return !error;
}

// Closing with unread bytes in the socket would reset the connection and could take the answer with
// it; so what the peer still sends is read away for a moment (RFC 9112 §9.6).
asio::awaitable<void> Session::linger() {
  error_code ignored;
  stream_.expires_after(std::chrono::seconds(1));
  if (auto* layer = stream_.tls()) {  // says close_notify, and waits for the peer's
    co_await layer->async_shutdown(tuple);
    co_return;
  }
  stream_.socket().shutdown(Socket::shutdown_send, ignored);
  std::size_t left = 256 * 1024;
  char scratch[4096];
  while (left > 0) {
    const auto [error, size] = co_await stream_.async_read_some(asio::buffer(scratch), tuple);
    if (error) break;
    left -= std::min(left, size);
  }
}

// ---- streamed answers ----

class SessionWriter : public StreamWriter {
 public:
  SessionWriter(std::shared_ptr<Session> session, bool chunked)
      : session_(std::move(session)), chunked_(chunked) {}

  asio::awaitable<bool> write(std::string piece) override {
    if (gone_) co_return false;
    if (piece.empty()) co_return true;
    if (chunked_) {
      char size[24];
      std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
      piece.insert(0, size);
      piece += "\r\n";
    }
    co_return co_await write_raw(std::move(piece));
  }
  asio::awaitable<bool> write_raw(std::string bytes) {
    session_->stream_.expires_after(session_->server_->options.write_timeout);
    const auto [error, size] =
        co_await asio::async_write(session_->stream_, asio::buffer(bytes), tuple);
    static_cast<void>(size);
    // The timer must not run on while the handler waits for something to say.
    session_->stream_.expires_never();
    if (error) now_gone();
    co_return !error;
  }
  bool gone() const override { return gone_; }
  void on_gone(std::function<void()> callback) override { on_gone_ = std::move(callback); }
  void now_gone() {
    gone_ = true;
    if (const auto callback = std::exchange(on_gone_, {})) callback();
  }

 private:
  std::shared_ptr<Session> session_;
  std::function<void()> on_gone_;
  bool chunked_;
  bool gone_ = false;
};

asio::awaitable<void> Session::stream(StreamReply& reply, bool head_only, unsigned version) {
  const bool chunked = version >= 11;
  std::string head =
      "HTTP/1.1 " + std::to_string(reply.head.status) + " OK\r\nDate: " + http_date() +
      "\r\nContent-Type: " + clean_value(reply.head.content_type) + "\r\nConnection: close\r\n";
  for (const auto& [name, value] : reply.head.fields)
    head += name + ": " + clean_value(value) + "\r\n";
  head += chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n";
  const auto writer = std::make_shared<SessionWriter>(shared_from_this(), chunked);
  if (!co_await writer->write_raw(std::move(head)) || head_only) co_return;
  asio::co_spawn(server_->io, watch(writer), asio::detached);
  try {
    co_await reply.run(*writer);
  } catch (const std::exception&) {
    // The stream ends here for the peer; its callback must not outlive it either.
  }
  writer->on_gone({});
  if (!writer->gone() && chunked) co_await writer->write_raw("0\r\n\r\n");
  close();
}

// A stream may have nothing to say for long; so the read side is watched for the peer's end. The
// writer keeps this session.
asio::awaitable<void> Session::watch(std::shared_ptr<SessionWriter> writer) {
  const auto [error] = co_await stream_.socket().async_wait(Socket::wait_read, tuple);
  if (!error) {
    char byte;
    const auto size = ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    // Bytes instead of an end: a pipelined request, which a stream's connection never comes to.
    // Under TLS they are the end's own: the alert that comes before it.
    if (size > 0 && !peer_.tls) co_return;
  }
  writer->now_gone();
}

}  // namespace switchback::web
