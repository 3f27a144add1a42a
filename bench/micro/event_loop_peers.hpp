// Both neighbours of the forwarder under test in one thread: 64 clients in a closed loop, and the
// backend that answers. Windows are counted in requests, so that nothing here waits for a clock.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/listener.hpp"
#include "proxy/net/socket.hpp"
#include "proxy/net/stream.hpp"

namespace switchback::bench {

struct Plan {
  std::size_t connections = 64;
  std::size_t request_bytes = 128;
  std::size_t response_bytes = 1024;
  std::uint64_t warm_up = 5'000;    // requests
  std::uint64_t measured = 40'000;  // requests
  int rounds = 9;
};

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "event_loop: %s\n", what);
  std::exit(1);
}

inline void must(bool ok, const char* what) {
  if (!ok) fail(what);
}

inline void pin_to_core(unsigned core) {  // without effect where there is one core only
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

inline Nanos clock_ns(clockid_t clock) {
  timespec ts;
  ::clock_gettime(clock, &ts);
  return static_cast<Nanos>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

inline net::OpenedListener listen_anywhere() {
  config::Address address;
  address.host = "127.0.0.1";
  address.text = "127.0.0.1:0";
  net::OpenedListener listener;
  must(net::open_listener(address, 1, listener).empty(), "cannot listen on loopback");
  return listener;
}

// Connected, blocking until it is: dialling is not what is measured.
inline int dial(const net::OpenedListener& to) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ::getsockname(to.fds[0], generic, &length);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(fd >= 0 && ::connect(fd, generic, length) == 0, "cannot connect on loopback");
  net::set_nodelay(fd);
  return fd;
}

inline void write_all(net::Stream& stream, const char* data, std::size_t bytes) {
  const iovec piece{const_cast<char*>(data), bytes};
  const net::Transfer put = stream.write({&piece, 1});
  must(put.bytes == bytes, "a message does not fit into the socket buffer: use a smaller one");
}

class Peers;

// A client or a backend connection: waits for `expected` bytes, then tells its owner.
struct PeerConnection final : net::EventHandler {
  PeerConnection(Peers& peers_in, int fd, std::size_t expected_in, bool client_in);
  void on_event(std::uint32_t events) override;
  Peers& peers;
  net::Stream stream;
  std::size_t expected;
  std::size_t got = 0;
  bool client;
};

class Peers {
 public:
  explicit Peers(const Plan& plan)
      : plan_(plan),
        backend_(listen_anywhere()),
        message_(64 * 1024, 'x'),
        acceptor_(reactor_, backend_.fds[0], false, [this](int fd, const sockaddr_storage&) {
          connections_.push_back(
              std::make_unique<PeerConnection>(*this, fd, plan_.request_bytes, false));
        }) {}
  ~Peers() { close_listener(backend_); }

  const net::OpenedListener& backend() const { return backend_; }

  // CPU microseconds that the thread behind `proxy_clock` used per measured request.
  double run(const net::OpenedListener& proxy, clockid_t proxy_clock) {
    proxy_clock_ = proxy_clock;
    for (std::size_t i = 0; i < plan_.connections; ++i) {
      connections_.push_back(
          std::make_unique<PeerConnection>(*this, dial(proxy), plan_.response_bytes, true));
      write_all(connections_.back()->stream, message_.data(), plan_.request_bytes);
    }
    reactor_.run();
    return static_cast<double>(end_ns_ - begin_ns_) / 1000.0 / static_cast<double>(plan_.measured);
  }

  void message_complete(PeerConnection& connection) {
    if (!connection.client) {
      write_all(connection.stream, message_.data(), plan_.response_bytes);
      return;
    }
    ++answered_;
    if (answered_ == plan_.warm_up) begin_ns_ = clock_ns(proxy_clock_);
    if (answered_ == plan_.warm_up + plan_.measured) {
      end_ns_ = clock_ns(proxy_clock_);
      reactor_.stop();
    }
    write_all(connection.stream, message_.data(), plan_.request_bytes);
  }

 private:
  friend struct PeerConnection;
  const Plan& plan_;
  net::Reactor reactor_;
  net::OpenedListener backend_;
  std::string message_;
  std::vector<std::unique_ptr<PeerConnection>> connections_;
  net::Acceptor acceptor_;
  clockid_t proxy_clock_{};
  std::uint64_t answered_ = 0;
  Nanos begin_ns_ = 0, end_ns_ = 0;
};

inline PeerConnection::PeerConnection(Peers& peers_in, int fd, std::size_t expected_in,
                                      bool client_in)
    : peers(peers_in), expected(expected_in), client(client_in) {
  must(stream.open(peers.reactor_, fd, *this), "cannot watch a socket");
}

inline void PeerConnection::on_event(std::uint32_t events) {
  stream.note(events);
  char buffer[16 * 1024];
  while (stream.readable()) {
    const net::Transfer part = stream.read(buffer, sizeof buffer);
    if (part.status != net::IoStatus::ok) return;
    got += part.bytes;
    if (got < expected) continue;
    got -= expected;
    peers.message_complete(*this);
  }
}

}  // namespace switchback::bench
