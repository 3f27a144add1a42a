#include "tests/support/test_server.hpp"

#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <stdexcept>

#include "tests/support/test_server_session.hpp"
#include "tests/support/until.hpp"

namespace switchback::test {
namespace {

constexpr std::size_t kept_requests = 1000;
constexpr std::size_t max_head_bytes = 4 << 20;

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

void parse_target(Request& request) {
  const auto mark = request.target.find('?');
  request.path = request.target.substr(0, mark);
  if (mark == std::string::npos) return;
  std::string rest = request.target.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const std::string pair = rest.substr(0, end);
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
    const auto equals = pair.find('=');
    request.query[pair.substr(0, equals)] = equals == std::string::npos ? "1" : pair.substr(equals + 1);
  }
}

void parse_head(Request& request) {
  std::string_view rest = request.head;
  const auto line_of = [&rest] {
    const auto end = rest.find("\r\n");
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    return line;
  };
  const auto first = line_of();
  const auto space = first.find(' ');
  const auto last = first.rfind(' ');
  request.method = first.substr(0, space);
  request.target = first.substr(space + 1, last - space - 1);
  request.minor_version = first.ends_with("1.0") ? 0 : 1;
  request.keep_alive = request.minor_version == 1;
  for (auto line = line_of(); !line.empty(); line = line_of()) {
    const auto colon = line.find(':');
    auto value = line.substr(std::min(line.size(), colon + 1));
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    const auto name = line.substr(0, colon);
    request.fields.emplace_back(name, value);
    if (same_name(name, "Content-Length")) request.content_length = std::stoull(std::string(value));
    if (same_name(name, "Transfer-Encoding")) request.chunked = same_name(value, "chunked");
    if (same_name(name, "Expect")) request.expects_continue = true;
    if (same_name(name, "Connection") && same_name(value, "close")) request.keep_alive = false;
    if (same_name(name, "Connection") && same_name(value, "keep-alive")) request.keep_alive = true;
  }
  parse_target(request);
}

}  // namespace

std::string body_of(std::size_t bytes) {
  std::string body(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    body[i] = i % 64 == 63 ? '\n' : static_cast<char>('a' + (i + i / 64) % 26);
  }
  return body;
}

std::uint64_t body_hash(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

std::string SeenRequest::field(std::string_view name) const {
  Request request;
  request.head = head;
  parse_head(request);
  for (const auto& [key, value] : request.fields) {
    if (same_name(key, name)) return value;
  }
  return {};
}

std::uint64_t Request::number(const std::string& key, std::uint64_t otherwise) const {
  const auto at = query.find(key);
  return at == query.end() ? otherwise : std::stoull(at->second);
}

// ---- server

TestServer::Impl::Impl(TestServerOptions o) : options(std::move(o)) {
  listen();
  thread = std::thread([this] { io.run(); });
}

TestServer::Impl::~Impl() {
  // Every coroutine ends by itself once its socket is closed; so the thread does, too.
  run_on_thread([this] {
    drop_all(true);
    work.reset();
  });
  thread.join();
  std::list<RawThread> rest;
  {
    std::lock_guard lock(mutex);
    rest.swap(raw);
    for (auto& one : rest) {
      if (!one.done) ::shutdown(one.fd, SHUT_RDWR);
    }
  }
  for (auto& one : rest) one.thread.join();
}

void TestServer::Impl::listen() {
  if (!options.unix_path.empty()) {
    ::unlink(options.unix_path.c_str());
    local.emplace(io, asio::local::stream_protocol::endpoint(options.unix_path));
    asio::co_spawn(io, accept_loop(*local), asio::detached);
    return;
  }
  const asio::ip::tcp::endpoint where(asio::ip::address_v4::loopback(), port);
  tcp.emplace(io, where);   // with SO_REUSEADDR
  port = tcp->local_endpoint().port();
  asio::co_spawn(io, accept_loop(*tcp), asio::detached);
}

template <class Acceptor>
asio::awaitable<void> TestServer::Impl::accept_loop(Acceptor& acceptor) {
  const unsigned mine = ++listening;
  asio::steady_timer pause(io);
  while (listening == mine && acceptor.is_open()) {
    auto [ec, socket] = co_await acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
    if (ec == asio::error::operation_aborted) co_return;
    if (ec) {
      // Out of descriptors, as some tests want it: try again a little later.
      pause.expires_after(std::chrono::milliseconds(5));
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      continue;
    }
    if constexpr (std::is_same_v<Acceptor, asio::ip::tcp::acceptor>) {
      boost::system::error_code ignored;
      socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    }
    admit(Socket(std::move(socket)));
  }
}

void TestServer::Impl::admit(Socket socket) {
  const auto number = connections.fetch_add(1) + 1;
  if (options.raw) return serve_raw(std::move(socket));
  auto session = std::make_shared<Session>(*this, std::move(socket), number);
  asio::co_spawn(
      io, [](std::shared_ptr<Session> s) -> asio::awaitable<void> { co_await s->run(); }(session),
      asio::detached);
}

void TestServer::Impl::serve_raw(Socket socket) {
  const int fd = socket.release();
  std::lock_guard lock(mutex);
  raw.emplace_back();
  RawThread* self = &raw.back();
  self->fd = fd;
  open.fetch_add(1);
  self->thread = std::thread([this, self, fd] {
    {
      RawClient client = RawClient::adopt(fd);
      try {
        options.raw(client);
      } catch (const std::exception&) {
        // The peer went away in the middle of the script: that is the peer's test to judge.
      }
      std::lock_guard done(mutex);
      self->done = true;   // before the descriptor is closed, and with it given to somebody else
      client.close();
    }
    open.fetch_sub(1);
  });
}

void TestServer::Impl::drop_all(bool with_reset) {
  if (with_reset) {
    boost::system::error_code ignored;
    if (tcp) tcp->close(ignored);
    if (local) local->close(ignored);
  }
  for (auto* session : sessions) session->drop(with_reset);
  for (auto* timer : holds) timer->cancel();
  std::lock_guard lock(mutex);
  for (auto& one : raw) {
    if (!one.done) ::shutdown(one.fd, SHUT_RDWR);
  }
}

void TestServer::Impl::run_on_thread(std::function<void()> job) {
  std::promise<void> done;
  asio::post(io, [&] {
    job();
    done.set_value();
  });
  done.get_future().wait();
}

TestServer::TestServer(TestServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
TestServer::~TestServer() = default;

std::uint16_t TestServer::port() const { return impl_->port; }
const std::string& TestServer::name() const { return impl_->options.name; }
std::string TestServer::address() const {
  if (!impl_->options.unix_path.empty()) return "unix:" + impl_->options.unix_path;
  return "127.0.0.1:" + std::to_string(impl_->port);
}
void TestServer::stop() {
  impl_->run_on_thread([this] { impl_->drop_all(true); });
}
void TestServer::start() {
  impl_->run_on_thread([this] { impl_->listen(); });
}
void TestServer::close_connections() {
  impl_->run_on_thread([this] { impl_->drop_all(false); });
}
void TestServer::set_healthy(bool healthy) { impl_->healthy.store(healthy); }
void TestServer::release_held() {
  impl_->run_on_thread([this] {
    for (auto* timer : impl_->holds) timer->cancel();
  });
}
std::size_t TestServer::held() const { return impl_->held.load(); }
std::uint64_t TestServer::requests() const { return impl_->requests.load(); }
std::uint64_t TestServer::health_requests() const { return impl_->health_requests.load(); }
std::uint64_t TestServer::connections() const { return impl_->connections.load(); }
std::size_t TestServer::open_connections() const { return impl_->open.load(); }
std::vector<SeenRequest> TestServer::seen() const {
  std::lock_guard lock(impl_->mutex);
  return {impl_->seen.begin(), impl_->seen.end()};
}
bool TestServer::wait_for_requests(std::uint64_t at_least) const {
  return until([&] { return requests() >= at_least; });
}
bool TestServer::wait_for_held(std::size_t at_least) const {
  return until([&] { return held() >= at_least; });
}

RefusingPort::RefusingPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof in;
  if (fd_ < 0 || ::bind(fd_, reinterpret_cast<sockaddr*>(&in), size) != 0 ||
      ::getsockname(fd_, reinterpret_cast<sockaddr*>(&in), &size) != 0) {
    throw std::runtime_error("no port to bind");
  }
  port_ = ntohs(in.sin_port);
}
RefusingPort::~RefusingPort() { ::close(fd_); }

// ---- one connection: reading and writing

Session::Session(TestServer::Impl& server, Socket socket, std::uint64_t number)
    : server_(server), socket_(std::move(socket)), timer_(server.io), number_(number) {
  server_.sessions.insert(this);
  server_.open.fetch_add(1);
}

Session::~Session() {
  server_.sessions.erase(this);
  server_.open.fetch_sub(1);
}

void Session::reset_now() {
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

void Session::drop(bool with_reset) {
  boost::system::error_code ignored;
  if (with_reset) {
    reset_now();
  } else {
    socket_.shutdown(Socket::shutdown_both, ignored);
  }
  timer_.cancel();
}

asio::awaitable<void> Session::run() {
  for (;;) {
    Request request;
    if (!co_await read_head(request)) break;
    note(request);
    ++answered_;
    const unsigned limit = server_.options.close_after;
    const bool last = limit != 0 && answered_ >= limit;
    if (last && server_.options.announce_close) request.keep_alive = false;
    if (!co_await dispatch(request) || !request.keep_alive || last) break;
    if (!request.body_read) {
      if (request.expects_continue) break;   // whether a body follows is the client's guess
      std::string ignored;
      if (!co_await read_body(request, ignored)) break;
    }
  }
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Session::note(const Request& request) {
  if (request.path == "/healthz") {
    server_.health_requests.fetch_add(1);
    return;
  }
  {
    std::lock_guard lock(server_.mutex);
    server_.seen.push_back({number_, request.method, request.target, request.head});
    if (server_.seen.size() > kept_requests) server_.seen.pop_front();
  }
  server_.requests.fetch_add(1);
}

asio::awaitable<bool> Session::fill() {
  const auto before = buffer_.size();
  buffer_.resize(before + 64 * 1024);
  auto [ec, n] = co_await socket_.async_read_some(
      asio::buffer(buffer_.data() + before, buffer_.size() - before),
      asio::as_tuple(asio::use_awaitable));
  buffer_.resize(before + n);
  co_return !ec;
}

asio::awaitable<bool> Session::read_head(Request& request) {
  std::size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (buffer_.size() > max_head_bytes) co_return false;
    if (!co_await fill()) co_return false;
  }
  request.head = buffer_.substr(0, end + 4);
  buffer_.erase(0, end + 4);
  parse_head(request);
  co_return true;
}

asio::awaitable<bool> Session::read_line(std::string& line) {
  std::size_t end;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!co_await fill()) co_return false;
  }
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  co_return true;
}

asio::awaitable<bool> Session::read_body(Request& request, std::string& into) {
  Piece keep = [&into](std::string_view piece) -> asio::awaitable<bool> {
    into += piece;
    co_return true;
  };
  co_return co_await read_body(request, keep);
}

asio::awaitable<bool> Session::read_body(Request& request, Piece take) {
  request.body_read = true;
  if (request.expects_continue && (request.chunked || request.content_length)) {
    if (!co_await send("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
  }
  if (request.chunked) co_return co_await read_chunks(request, take);
  std::uint64_t left = request.content_length.value_or(0);
  while (left > 0) {
    if (buffer_.empty() && !co_await fill()) co_return false;
    const std::string piece = buffer_.substr(0, std::min<std::uint64_t>(left, buffer_.size()));
    buffer_.erase(0, piece.size());
    left -= piece.size();
    if (!co_await take(piece)) co_return false;
  }
  co_return true;
}

asio::awaitable<bool> Session::read_chunks(Request& request, Piece take) {
  std::string line;
  for (;;) {
    if (!co_await read_line(line)) co_return false;
    const std::uint64_t size = std::stoull(line, nullptr, 16);
    if (size == 0) break;
    while (buffer_.size() < size + 2) {
      if (!co_await fill()) co_return false;
    }
    const std::string piece = buffer_.substr(0, size);
    buffer_.erase(0, size + 2);
    if (!co_await take(piece)) co_return false;
  }
  for (;;) {
    if (!co_await read_line(line)) co_return false;
    if (line.empty()) co_return true;
    const auto colon = line.find(": ");
    request.trailers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
}

asio::awaitable<bool> Session::send(std::string bytes) {
  auto [ec, n] = co_await asio::async_write(socket_, asio::buffer(bytes),
                                            asio::as_tuple(asio::use_awaitable));
  co_return !ec;
}

asio::awaitable<bool> Session::send_chunk(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  std::string chunk = size;
  chunk += bytes;
  chunk += "\r\n";
  co_return co_await send(std::move(chunk));
}

asio::awaitable<void> Session::pause(std::uint64_t ms) {
  timer_.expires_after(std::chrono::milliseconds(ms));
  co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> Session::read_until_end() {
  // The result needs a name: with `while (co_await fill())` g++ 12 lays out the frame wrongly.
  bool more = true;
  while (more) {
    buffer_.clear();
    more = co_await fill();
  }
}

}  // namespace switchback::test
