// The same forwarder three times: a request of known size goes to a pooled upstream connection, its
// response comes back, nothing is parsed. What differs is the loop and the way of writing for it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>

#include "bench/micro/event_loop_peers.hpp"
#include "proxy/net/executor.hpp"

namespace switchback::bench {

namespace asio = boost::asio;

class Forwarder {
 public:
  virtual ~Forwarder() = default;
  virtual void run() = 0;   // the proxy thread
  virtual void stop() = 0;  // any thread
};

// (a) Callbacks on the reactor: the two sides of an exchange are event handlers.
class CallbackForwarder final : public Forwarder {
 public:
  CallbackForwarder(const Plan& plan, net::OpenedListener& front, const net::OpenedListener& back)
      : plan_(plan),
        acceptor_(reactor_, front.fds[0], false, [this](int fd, const sockaddr_storage&) {
          clients_.push_back(std::make_unique<Side>(*this, fd, true));
        }) {
    for (std::size_t i = 0; i < plan.connections; ++i) {
      upstreams_.push_back(std::make_unique<Side>(*this, dial(back), false));
      idle_.push_back(upstreams_.back().get());
    }
  }
  void run() override { reactor_.run(); }
  void stop() override { reactor_.stop(); }

 private:
  struct Side final : net::EventHandler {
    Side(CallbackForwarder& f, int fd, bool is_client) : forwarder(f), client(is_client) {
      must(stream.open(f.reactor_, fd, *this), "cannot watch a socket");
    }
    void on_event(std::uint32_t events) override {
      stream.note(events);
      if (stream.readable()) forwarder.relay(*this);
    }
    CallbackForwarder& forwarder;
    net::Stream stream;
    Side* other = nullptr;  // while an exchange runs
    std::size_t got = 0;
    bool client;
  };

  void relay(Side& from) {
    net::BufferRef buffer = reactor_.buffers().take(net::BufferSize::small);
    while (from.stream.readable()) {
      const net::Transfer part = from.stream.read(buffer.data(), buffer.capacity());
      if (part.status != net::IoStatus::ok) return;
      if (from.client && from.other == nullptr) {
        must(!idle_.empty(), "out of upstream connections");
        from.other = idle_.back();
        from.other->other = &from;
        idle_.pop_back();
      }
      must(from.other != nullptr, "a response that nobody asked for");
      write_all(from.other->stream, buffer.data(), part.bytes);
      from.got += part.bytes;
      if (from.got < (from.client ? plan_.request_bytes : plan_.response_bytes)) continue;
      from.got = 0;
      if (from.client) continue;
      idle_.push_back(&from);
      from.other->other = nullptr;
      from.other = nullptr;
    }
  }

  const Plan& plan_;
  net::Reactor reactor_;
  std::vector<std::unique_ptr<Side>> clients_, upstreams_;
  std::vector<Side*> idle_;
  net::Acceptor acceptor_;
};

// The least an Asio-like socket needs: read at once where there is something to read, else complete
// from the event. The handler lies in the socket, so that waiting allocates nothing.
class ReactorSocket final : public net::EventHandler {
 public:
  using executor_type = net::Reactor::executor_type;
  ReactorSocket(net::Reactor& reactor, int fd) : reactor_(reactor) {
    must(stream_.open(reactor, fd, *this), "cannot watch a socket");
  }
  ~ReactorSocket() {
    if (waiting_ != nullptr) waiting_(*this, false);
  }
  executor_type get_executor() const { return reactor_.get_executor(); }
  net::Stream& stream() { return stream_; }

  template <class Token>
  auto async_wait_readable(Token&& token) {
    return asio::async_initiate<Token, void()>(
        [this](auto&& handler) {
          using Handler = std::decay_t<decltype(handler)>;
          static_assert(sizeof(Handler) <= sizeof storage_);
          new (&storage_) Handler(std::move(handler));
          waiting_ = [](ReactorSocket& self, bool call) {
            auto* place = reinterpret_cast<Handler*>(&self.storage_);
            Handler waiting(std::move(*place));
            place->~Handler();
            self.waiting_ = nullptr;
            if (call) std::move(waiting)();
          };
        },
        token);
  }

 private:
  void on_event(std::uint32_t events) override {
    stream_.note(events);
    if (stream_.readable() && waiting_ != nullptr) waiting_(*this, true);
  }
  net::Reactor& reactor_;
  net::Stream stream_;
  void (*waiting_)(ReactorSocket&, bool call) = nullptr;
  alignas(16) unsigned char storage_[64];
};

// (b) asio::awaitable coroutines on the reactor.
class ReactorCoroutineForwarder final : public Forwarder {
 public:
  using Executor = net::Reactor::executor_type;
  using Task = asio::awaitable<void, Executor>;

  ReactorCoroutineForwarder(const Plan& plan, net::OpenedListener& front,
                            const net::OpenedListener& back)
      : plan_(plan),
        acceptor_(reactor_, front.fds[0], false, [this](int fd, const sockaddr_storage&) {
          clients_.push_back(std::make_unique<ReactorSocket>(reactor_, fd));
          asio::co_spawn(reactor_.get_executor(), serve(*clients_.back()), asio::detached);
        }) {
    for (std::size_t i = 0; i < plan.connections; ++i) {
      upstreams_.push_back(std::make_unique<ReactorSocket>(reactor_, dial(back)));
      idle_.push_back(upstreams_.back().get());
    }
  }
  void run() override { reactor_.run(); }
  void stop() override { reactor_.stop(); }

 private:
  Task serve(ReactorSocket& client) {
    constexpr asio::use_awaitable_t<Executor> token;
    for (;;) {
      ReactorSocket* upstream = nullptr;
      for (std::size_t got = 0; got < plan_.request_bytes;) {
        if (!client.stream().readable()) co_await client.async_wait_readable(token);
        net::BufferRef buffer = reactor_.buffers().take(net::BufferSize::small);
        const auto part = client.stream().read(buffer.data(), buffer.capacity());
        if (part.status == net::IoStatus::would_block) continue;
        if (part.status != net::IoStatus::ok) co_return;
        if (upstream == nullptr) {
          must(!idle_.empty(), "out of upstream connections");
          upstream = idle_.back();
          idle_.pop_back();
        }
        write_all(upstream->stream(), buffer.data(), part.bytes);
        got += part.bytes;
      }
      for (std::size_t got = 0; got < plan_.response_bytes;) {
        if (!upstream->stream().readable()) co_await upstream->async_wait_readable(token);
        net::BufferRef buffer = reactor_.buffers().take(net::BufferSize::small);
        const auto part = upstream->stream().read(buffer.data(), buffer.capacity());
        if (part.status == net::IoStatus::would_block) continue;
        if (part.status != net::IoStatus::ok) co_return;
        write_all(client.stream(), buffer.data(), part.bytes);
        got += part.bytes;
      }
      idle_.push_back(upstream);
    }
  }

  const Plan& plan_;
  net::Reactor reactor_;
  std::vector<std::unique_ptr<ReactorSocket>> clients_, upstreams_;
  std::vector<ReactorSocket*> idle_;
  net::Acceptor acceptor_;
};

// (c) asio::awaitable coroutines on a stock io_context.
class StockCoroutineForwarder final : public Forwarder {
 public:
  using Executor = asio::io_context::executor_type;
  using Task = asio::awaitable<void, Executor>;
  using Token = asio::use_awaitable_t<Executor>;
  using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
  using ListenSocket = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;

  StockCoroutineForwarder(const Plan& plan, net::OpenedListener& front,
                          const net::OpenedListener& back)
      : plan_(plan), listener_(context_.get_executor(), asio::ip::tcp::v4(), ::dup(front.fds[0])) {
    for (std::size_t i = 0; i < plan.connections; ++i) {
      upstreams_.emplace_back(context_.get_executor(), asio::ip::tcp::v4(), dial(back));
      upstreams_.back().non_blocking(true);
    }
    for (Socket& upstream : upstreams_) idle_.push_back(&upstream);
    asio::co_spawn(context_.get_executor(), accept_all(), asio::detached);
  }
  void run() override { context_.run(); }
  void stop() override { context_.stop(); }

 private:
  Task accept_all() {
    for (;;) {
      Socket client = co_await listener_.async_accept(Token{});
      client.set_option(asio::ip::tcp::no_delay(true));
      asio::co_spawn(context_.get_executor(), serve(std::move(client)), asio::detached);
    }
  }

  Task serve(Socket client) {
    boost::system::error_code error;
    auto token = asio::redirect_error(Token{}, error);
    std::vector<char> buffer(net::small_buffer_bytes);
    for (;;) {
      Socket* upstream = nullptr;
      for (std::size_t got = 0; got < plan_.request_bytes;) {
        const std::size_t n = co_await client.async_read_some(asio::buffer(buffer), token);
        if (error) co_return;
        if (upstream == nullptr) {
          must(!idle_.empty(), "out of upstream connections");
          upstream = idle_.back();
          idle_.pop_back();
        }
        must(write_now(*upstream, buffer.data(), n, error), "a message does not fit");
        got += n;
      }
      for (std::size_t got = 0; got < plan_.response_bytes;) {
        const std::size_t n = co_await upstream->async_read_some(asio::buffer(buffer), token);
        if (error) co_return;
        must(write_now(client, buffer.data(), n, error), "a message does not fit");
        got += n;
      }
      idle_.push_back(upstream);
    }
  }

  // Written at once, without a suspension, in all three forms.
  static bool write_now(Socket& to, const char* data, std::size_t bytes,
                        boost::system::error_code& error) {
    return to.write_some(asio::buffer(data, bytes), error) == bytes;
  }

  const Plan& plan_;
  asio::io_context context_{1};
  ListenSocket listener_;
  std::vector<Socket> upstreams_;
  std::vector<Socket*> idle_;
};

}  // namespace switchback::bench
