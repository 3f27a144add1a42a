// The floor: what it costs to carry the bytes and nothing else. One thread, one epoll, one
// connection to the server for each of the client's, no look at what is carried. No proxy that
// reads HTTP can cost less by much; how far above it one stands is what its own work costs.
//
//   bench_floor SERVER_PORT     (prints the port it listens on)
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

constexpr std::size_t buffer_bytes = 128 * 1024;

struct Pair;

struct End {
  Pair* pair = nullptr;
  int fd = -1;
  bool readable = false;
  bool ended = false;  // nothing comes after what is there, so no event tells of the end
  std::string left;    // read from the other end, and not yet taken by this one
  std::size_t left_from = 0;
};

struct Pair {
  End client, server;
  bool dead = false;
};

int epoll = -1;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// How much `to` takes at once; -1: broken.
long give(End& to, const char* data, std::size_t size) {
  std::size_t given = 0;
  while (given < size) {
    const ssize_t n = ::send(to.fd, data + given, size - given, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != ENOTCONN) return -1;
    if (n < 0) break;
    given += static_cast<std::size_t>(n);
  }
  return static_cast<long>(given);
}

// What `to` does not take at once is kept. False: broken.
bool pass(End& to, const char* data, std::size_t size) {
  const long given = give(to, data, size);
  if (given < 0) return false;
  to.left.assign(data + given, size - static_cast<std::size_t>(given));
  to.left_from = 0;
  return true;
}

bool give_rest(End& end) {
  const long given = give(end, end.left.data() + end.left_from, end.left.size() - end.left_from);
  if (given < 0) return false;
  end.left_from += static_cast<std::size_t>(given);
  if (end.left_from == end.left.size()) end.left.clear();
  return true;
}

// Carries what is there from one end to the other. False: the pair is done.
bool carry(End& from, End& to) {
  static char buffer[buffer_bytes];
  while (from.readable && to.left.empty()) {
    const ssize_t n = ::recv(from.fd, buffer, sizeof buffer, 0);
    if (n == 0) return false;
    if (n < 0) {
      from.readable = false;
      return errno == EAGAIN;
    }
    if (static_cast<std::size_t>(n) < sizeof buffer && !from.ended) from.readable = false;
    if (!pass(to, buffer, static_cast<std::size_t>(n))) return false;
  }
  return true;
}

bool on_event(End& end, std::uint32_t events) {
  End& other = &end == &end.pair->client ? end.pair->server : end.pair->client;
  if (events & (EPOLLERR | EPOLLHUP)) return false;
  if (events & EPOLLOUT && !end.left.empty()) {
    if (!give_rest(end) || !carry(other, end)) return false;
  }
  if (events & EPOLLRDHUP) end.ended = true;
  if (events & (EPOLLIN | EPOLLRDHUP)) end.readable = true;
  return carry(end, other);
}

void watch(End& end) {
  const int on = 1;
  ::setsockopt(end.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &end;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, end.fd, &event);
}

void accept_all(int listener, const sockaddr_in& server) {
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    auto* pair = new Pair;
    pair->client.pair = pair->server.pair = pair;
    pair->client.fd = fd;
    pair->server.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ::connect(pair->server.fd, reinterpret_cast<const sockaddr*>(&server), sizeof server);
    watch(pair->client);
    watch(pair->server);
  }
}

int listen_anywhere() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, 4096) != 0) {
    std::perror("bench_floor: cannot listen");
    std::exit(2);
  }
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("%u\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

void allow_many_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_floor SERVER_PORT\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  allow_many_files();
  const sockaddr_in server = loopback(static_cast<std::uint16_t>(std::atoi(argv[1])));
  epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const int listener = listen_anywhere();
  epoll_event event{};
  event.events = EPOLLIN;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  epoll_event events[256];
  for (;;) {
    const int n = ::epoll_wait(epoll, events, 256, -1);
    Pair* dead[256];
    int dead_count = 0;
    for (int i = 0; i < n; ++i) {
      auto* end = static_cast<End*>(events[i].data.ptr);
      if (end == nullptr) {
        accept_all(listener, server);
      } else if (!end->pair->dead && !on_event(*end, events[i].events)) {
        end->pair->dead = true;  // the other end may have an event in this batch as well
        dead[dead_count++] = end->pair;
      }
    }
    for (int i = 0; i < dead_count; ++i) {
      ::close(dead[i]->client.fd);
      ::close(dead[i]->server.fd);
      delete dead[i];
    }
  }
}
