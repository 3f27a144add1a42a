#include "admin/http/client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <optional>

#include "admin/http/answer_head.hpp"
#include "admin/http/event_parser.hpp"
#include "admin/http/wire.hpp"

namespace switchback::web {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

bool parse_port(std::string_view text, std::uint16_t& port) {
  unsigned value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value == 0 || value > 65535)
    return false;
  port = static_cast<std::uint16_t>(value);
  return true;
}

bool split_host_port(std::string_view text, ClientTarget& target) {
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find("]:");
    if (end == std::string_view::npos) return false;
    target.host = std::string(text.substr(1, end - 1));
    return !target.host.empty() && parse_port(text.substr(end + 2), target.port);
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  target.host = std::string(text.substr(0, colon));
  return parse_port(text.substr(colon + 1), target.port);
}

}  // namespace

std::optional<ClientTarget> parse_client_target(std::string_view text, std::string& error) {
  ClientTarget target;
  target.text = std::string(text);
  if (text.starts_with("unix:")) text.remove_prefix(5);
  // A relative path too: nothing with a colon is one, and a host without a port is none.
  const bool file_name = text.find('/') != std::string_view::npos || text.ends_with(".sock");
  if (text.starts_with("/") || text.starts_with("./") || text.starts_with("../") ||
      (file_name && text.find(':') == std::string_view::npos)) {
    target.path = std::string(text);
    return target;
  }
  if (text.starts_with("https://")) {
    target.tls = true;
    text.remove_prefix(8);
  }
  if (!target.tls && text.starts_with("http://")) text.remove_prefix(7);
  if (text.ends_with("/")) text.remove_suffix(1);
  if (split_host_port(text, target)) return target;
  error = "'" + target.text +
          "' is no admin address; write a socket path such as "
          "/run/switchback/admin.sock, or http://127.0.0.1:9900";
  return std::nullopt;
}

struct Client::Impl {
  using Parser = bhttp::response_parser<bhttp::string_body>;

  Impl(ClientTarget t, std::shared_ptr<asio::ssl::context> context)
      : target(std::move(t)), tls(std::move(context)) {}

  ClientTarget target;
  const std::shared_ptr<asio::ssl::context> tls;
  std::string tls_fault;  // what a handshake failed for
  asio::io_context io{1};
  std::atomic<bool> cancelled{false};
  std::optional<Wire> stream;
  beast::flat_buffer buffer;

  // Runs one asynchronous operation to its end; the stream's own timer makes sure that it has one.
  template <class Start>
  error_code wait(Clock::time_point deadline, Start start) {
    error_code result = asio::error::would_block;
    io.restart();
    // cancel() sets the flag before it stops the context: one of the two is seen here. What is
    // under way then is never gone on with.
    if (cancelled) return asio::error::operation_aborted;
    stream->expires_at(deadline);
    start([&result](error_code error, auto&&...) { result = error; });
    io.run();
    return cancelled ? error_code(asio::error::operation_aborted) : result;
  }

  error_code connect(Clock::time_point deadline);
  error_code begin_tls(Clock::time_point deadline);
  bool kept_connection_is_good();
  error_code read_head(Parser& parser, Clock::time_point deadline);
  error_code read_answer(const ClientRequest& request, std::optional<Parser>& parser,
                         Clock::time_point deadline);
  error_code send(const ClientRequest& request, Clock::time_point deadline);
  ClientAnswer failed(Failure failure, std::string_view doing, const error_code& error);
  ClientAnswer finish(Parser& parser);
  // Bytes that have left the socket, but not the TLS layer.
  bool has_decrypted() {
    return stream->tls() != nullptr && SSL_has_pending(stream->tls()->native_handle()) == 1;
  }
  void drop() {
    stream.reset();
    buffer.clear();
  }
};

error_code Client::Impl::connect(Clock::time_point deadline) {
  drop();
  stream.emplace(io);
  if (target.is_unix()) {
    if (target.path.size() >= 108) return asio::error::make_error_code(asio::error::name_too_long);
    const asio::local::stream_protocol::endpoint endpoint(target.path);
    return wait(deadline,
                [&](auto done) { stream->plain().async_connect(endpoint, std::move(done)); });
  }
  error_code error;
  std::vector<asio::ip::tcp::endpoint> endpoints;
  const auto literal = asio::ip::make_address(target.host, error);
  if (!target.addresses.empty()) {
    for (const auto& address : target.addresses) endpoints.emplace_back(address, target.port);
  } else if (!error) {
    endpoints.emplace_back(literal, target.port);
  } else {
    asio::ip::tcp::resolver resolver(io);
    for (const auto& entry : resolver.resolve(target.host, std::to_string(target.port), error)) {
      endpoints.push_back(entry.endpoint());
    }
    if (error) return error;
  }
  error = asio::error::host_not_found;
  for (const auto& endpoint : endpoints) {
    stream.emplace(io);
    error = wait(deadline,
                 [&](auto done) { stream->plain().async_connect(endpoint, std::move(done)); });
    if (!error) break;
  }
  if (!error && target.tls) error = begin_tls(deadline);
  return error;
}

error_code Client::Impl::begin_tls(Clock::time_point deadline) {
  if (!tls) return asio::error::make_error_code(asio::error::no_protocol_option);
  SSL* ssl = stream->secure(*tls).native_handle();
  error_code literal;
  asio::ip::make_address(target.host, literal);
  if (!literal) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), target.host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, target.host.c_str());
    SSL_set1_host(ssl, target.host.c_str());
  }
  const auto error = wait(deadline, [&](auto done) {
    stream->tls()->async_handshake(asio::ssl::stream_base::client, std::move(done));
  });
  const long verdict = SSL_get_verify_result(ssl);
  tls_fault = verdict == X509_V_OK
                  ? std::string()
                  : std::string("the server's certificate: ") +
                        X509_verify_cert_error_string(verdict) + " (" + target.authority_hint + ")";
  return error;
}

bool Client::Impl::kept_connection_is_good() {
  if (!stream || !stream->socket().is_open() || buffer.size() > 0) return false;
  pollfd readable{stream->socket().native_handle(), POLLIN, 0};
  return ::poll(&readable, 1, 0) == 0;  // anything to read now is an end, or an answer to nothing
}

error_code Client::Impl::send(const ClientRequest& request, Clock::time_point deadline) {
  bhttp::request<bhttp::string_body> message;
  message.method_string(request.method);
  message.target(request.target);
  message.version(11);
  const bool v6 = target.host.find(':') != std::string::npos;
  std::string host = v6 ? "[" + target.host + "]" : target.host;
  // The usual port is left out, as everybody does: some gateways know their names without it only.
  if (target.port != (target.tls ? 443 : 80)) host += ":" + std::to_string(target.port);
  message.set(bhttp::field::host, target.is_unix() ? "localhost" : host);
  message.set(bhttp::field::user_agent, "switchback/" SWITCHBACK_VERSION);
  for (const auto& [name, value] : request.fields) message.insert(name, value);
  if (!request.body.empty() || request.method == "POST") {
    message.set(bhttp::field::content_length, std::to_string(request.body.size()));
  }
  message.body() = request.body;
  return wait(deadline, [&](auto done) { bhttp::async_write(*stream, message, std::move(done)); });
}

// Whatever the head looks like, what follows it stays in the buffer.
error_code Client::Impl::read_head(Parser& parser, Clock::time_point deadline) {
  const auto text = [this] {
    return std::string_view(static_cast<const char*>(buffer.data().data()), buffer.size());
  };
  std::size_t size = 0;
  while ((size = head_size(text())) == 0) {
    if (buffer.size() >= most_head_bytes) return bhttp::error::header_limit;
    std::size_t got = 0;
    const auto error = wait(deadline, [&](auto done) {
      stream->async_read_some(buffer.prepare(4096),
                              [&got, done](error_code ec, std::size_t n) mutable {
                                got = n;
                                done(ec);
                              });
    });
    buffer.commit(got);
    if (error) return error;
  }
  const std::string head = strict_head(text().substr(0, size));
  buffer.consume(size);
  parser.header_limit(most_head_bytes * 2);
  parser.eager(false);
  error_code error;
  parser.put(asio::buffer(head), error);
  return error == bhttp::error::need_more ? error_code() : error;
}

// Interim answers (1xx) come first and say nothing.
error_code Client::Impl::read_answer(const ClientRequest& request, std::optional<Parser>& parser,
                                     Clock::time_point deadline) {
  for (unsigned interim = 0; interim <= most_interim_answers; ++interim) {
    parser.emplace();
    parser->body_limit(request.answer_limit);
    if (request.method == "HEAD") parser->skip(true);
    if (const auto error = read_head(*parser, deadline)) return error;
    const unsigned status = parser->get().result_int();
    if (status < 200 && status != 101) continue;
    if (parser->is_done()) return {};
    return wait(deadline,
                [&](auto done) { bhttp::async_read(*stream, buffer, *parser, std::move(done)); });
  }
  return bhttp::error::bad_status;
}

ClientAnswer Client::Impl::failed(Failure failure, std::string_view doing,
                                  const error_code& error) {
  drop();
  ClientAnswer answer;
  answer.failure = failure;
  const bool late = error == beast::error::timeout || error == asio::error::would_block;
  const auto why = !tls_fault.empty() ? tls_fault
                   : late             ? std::string("no answer in time")
                                      : error.message();
  answer.error = target.text + ": " + std::string(doing) + ": " + why;
  return answer;
}

ClientAnswer Client::Impl::finish(Parser& parser) {
  ClientAnswer answer;
  answer.status = parser.get().result_int();
  for (const auto& field : parser.get()) {
    answer.fields.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  if (!parser.get().keep_alive()) drop();
  answer.body = std::move(parser.get().body());
  return answer;
}

Client::Client(ClientTarget target, std::shared_ptr<asio::ssl::context> tls)
    : impl_(std::make_unique<Impl>(std::move(target), std::move(tls))) {}
Client::~Client() = default;
void Client::cancel() {
  impl_->cancelled = true;
  impl_->io.stop();
}

const ClientTarget& Client::target() const {
  return impl_->target;
}

ClientAnswer Client::call(const ClientRequest& request, std::chrono::milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  for (bool may_repeat = true;; may_repeat = false) {
    const bool kept = may_repeat && impl_->kept_connection_is_good();
    if (!kept) {
      if (const auto error = impl_->connect(until)) {
        return impl_->failed(Failure::never_reached, "cannot connect", error);
      }
    }
    // A refusal (503 over the connection limit) may be there although not all could be written.
    const auto send_error = impl_->send(request, until);
    if (send_error == beast::error::timeout) {
      return impl_->failed(Failure::never_reached, "cannot send", send_error);
    }
    std::optional<Impl::Parser> parser;
    error_code error = send_error;
    if (impl_->stream->socket().is_open()) error = impl_->read_answer(request, parser, until);
    if (!error) return impl_->finish(*parser);
    const bool untouched = (!parser || !parser->got_some()) && impl_->buffer.size() == 0;
    if (kept && untouched && (request.method == "GET" || send_error)) {
      impl_->drop();
      continue;
    }
    if (send_error) return impl_->failed(Failure::never_reached, "cannot send", send_error);
    return impl_->failed(Failure::answer_lost, "the request was sent, the answer was lost", error);
  }
}

ClientAnswer Client::events(const ClientRequest& request,
                            std::chrono::milliseconds connect_deadline,
                            std::chrono::milliseconds silence,
                            const std::function<bool(const ServerSentEvent&)>& on_event,
                            const std::function<bool()>& on_tick) {
  const auto until = Clock::now() + connect_deadline;
  auto& impl = *impl_;
  if (const auto error = impl.connect(until)) {
    return impl.failed(Failure::never_reached, "cannot connect", error);
  }
  if (const auto error = impl.send(request, until)) {
    return impl.failed(Failure::never_reached, "cannot send", error);
  }
  Impl::Parser parser;
  parser.body_limit(boost::none);
  auto error = impl.wait(until, [&](auto done) {
    bhttp::async_read_header(*impl.stream, impl.buffer, parser, std::move(done));
  });
  if (!error && parser.get().result_int() != 200) {
    error = impl.wait(until, [&](auto done) {
      bhttp::async_read(*impl.stream, impl.buffer, parser, std::move(done));
    });
    if (!error) return impl.finish(parser);
  }
  if (error) return impl.failed(Failure::answer_lost, "no event stream", error);

  EventParser events;
  auto last_byte = Clock::now();
  while (!parser.is_done()) {
    // Waiting for readability in short turns: a read that timed out would have closed the stream.
    pollfd readable{impl.stream->socket().native_handle(), POLLIN, 0};
    if (impl.buffer.size() == 0 && !impl.has_decrypted() && ::poll(&readable, 1, 250) == 0) {
      if (on_tick && !on_tick()) return impl.drop(), ClientAnswer{.status = 200};
      if (Clock::now() - last_byte > silence) {
        return impl.failed(Failure::answer_lost, "the event stream", beast::error::timeout);
      }
      continue;
    }
    error = impl.wait(Clock::now() + silence, [&](auto done) {
      bhttp::async_read_some(*impl.stream, impl.buffer, parser, std::move(done));
    });
    if (error) return impl.failed(Failure::answer_lost, "the event stream broke", error);
    last_byte = Clock::now();
    const std::string piece = std::exchange(parser.get().body(), {});
    if (!events.feed(piece, on_event)) return impl.drop(), ClientAnswer{.status = 200};
    if (on_tick && !on_tick()) return impl.drop(), ClientAnswer{.status = 200};
  }
  impl.drop();
  ClientAnswer answer;
  answer.status = 200;
  return answer;
}

}  // namespace switchback::web
