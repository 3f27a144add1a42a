#include "tests/support/test_server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <stdexcept>

#include "tests/support/test_server_session.hpp"
#include "tests/support/until.hpp"

namespace switchback::test {
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
  if (port == 0) port = options.port;
  const asio::ip::tcp::endpoint where(asio::ip::make_address(options.ip), port);
  tcp.emplace(io, where);  // with SO_REUSEADDR
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
      self->done = true;  // before the descriptor is closed, and with it given to somebody else
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

std::uint16_t TestServer::port() const {
  return impl_->port;
}
const std::string& TestServer::name() const {
  return impl_->options.name;
}
std::string TestServer::address() const {
  if (!impl_->options.unix_path.empty()) return "unix:" + impl_->options.unix_path;
  return impl_->options.ip + ":" + std::to_string(impl_->port);
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
void TestServer::set_healthy(bool healthy) {
  impl_->healthy.store(healthy);
}
void TestServer::release_held() {
  impl_->run_on_thread([this] {
    for (auto* timer : impl_->holds) timer->cancel();
  });
}
std::size_t TestServer::held() const {
  return impl_->held.load();
}
std::uint64_t TestServer::requests() const {
  return impl_->requests.load();
}
std::uint64_t TestServer::health_requests() const {
  return impl_->health_requests.load();
}
std::uint64_t TestServer::connections() const {
  return impl_->connections.load();
}
std::size_t TestServer::open_connections() const {
  return impl_->open.load();
}
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
RefusingPort::~RefusingPort() {
  ::close(fd_);
}

}  // namespace switchback::test
