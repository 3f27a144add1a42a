// A server that costs next to nothing, to stand behind the proxies that are compared: one thread,
// one epoll, HTTP/1.1 with kept-alive connections and pipelining, answers made beforehand.
//
//   bench_backend PORT        (0: any; the port is printed)
//
//   GET /0 /1k /64k /1m       bodies of so many bytes, with Content-Length
//   GET /1g                   1 GiB, with Content-Length
//   GET /chunked64k           64 KiB in four chunks
//   POST or PUT anywhere      swallows the body (Content-Length or chunked), answers with none
//   GET /requests             how many requests came before, as a decimal number
// Not for strangers: it believes what it reads. Limits: a head of 64 KiB.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strings.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace {

constexpr std::size_t head_limit = 64 * 1024;

std::string with_length(std::size_t bytes) {
  return "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/octet-stream\r\n"
         "Cache-Control: no-store\r\nContent-Length: " +
         std::to_string(bytes) + "\r\n\r\n" + std::string(bytes, 'x');
}

std::string chunked() {
  std::string text =
      "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/octet-stream\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 4; ++i) text += "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
  return text + "0\r\n\r\n";
}

const std::string answer_0 = with_length(0);
const std::string answer_1k = with_length(1024);
const std::string answer_64k = with_length(64 * 1024);
const std::string answer_1m = with_length(1024 * 1024);
constexpr std::size_t mebibyte = 1024 * 1024;
constexpr std::size_t mebibytes_of_1g = 1024;
const std::string_view body_1m = std::string_view(answer_1m).substr(answer_1m.size() - mebibyte);
const std::string answer_chunked = chunked();
const std::string answer_404 = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

const std::string& answer_for(std::string_view path) {
  if (path == "/1k") return answer_1k;
  if (path == "/64k") return answer_64k;
  if (path == "/1m") return answer_1m;
  if (path == "/chunked64k") return answer_chunked;
  if (path == "/0" || path == "/" || path == "/healthz") return answer_0;
  return answer_404;
}

// A field's value, empty when it is not there. `name` with colon, in lower case.
std::string_view field(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    if (head.size() - at - 2 < name.size()) break;
    if (::strncasecmp(head.data() + at + 2, name.data(), name.size()) != 0) continue;
    const std::size_t begin = head.find_first_not_of(' ', at + 2 + name.size());
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  return {};
}

// Swallows a chunked body, byte by byte where it must.
class ChunkSkipper {
 public:
  // Takes bytes off the front of `data`; true when the body has ended.
  bool skip(std::string_view& data) {
    while (!data.empty()) {
      if (left_ > 0) {
        const std::size_t n = std::min(left_, data.size());
        left_ -= n;
        data.remove_prefix(n);
        continue;
      }
      const char c = data.front();
      data.remove_prefix(1);
      if (c != '\n') {
        if (c != '\r') line_ += c;
        continue;
      }
      const std::string line = std::exchange(line_, {});
      if (in_trailers_ && line.empty()) return true;
      if (in_trailers_ || line.empty()) continue;  // a trailer, or the end of a chunk's data
      left_ = std::strtoul(line.c_str(), nullptr, 16);
      in_trailers_ = left_ == 0;
    }
    return false;
  }

 private:
  std::size_t left_ = 0;
  std::string line_;
  bool in_trailers_ = false;
};

struct Connection {
  int fd = -1;
  std::string in;
  std::string_view out;       // what is left of the answer
  std::string own_answer;     // one that is not made beforehand
  std::size_t mebibytes = 0;  // that follow `out`
  std::size_t body_left = 0;
  std::unique_ptr<ChunkSkipper> chunks;
  bool in_body = false;
  bool close_after = false;
};

std::uint64_t requests = 0;
int epoll = -1;

// False: the connection is done.
bool flush(Connection& c) {
  while (!c.out.empty() || c.mebibytes > 0) {
    if (c.out.empty()) {
      --c.mebibytes;
      c.out = body_1m;
    }
    const ssize_t n = ::send(c.fd, c.out.data(), c.out.size(), MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN;
    c.out.remove_prefix(static_cast<std::size_t>(n));
  }
  return !c.close_after || c.in_body;
}

bool body_ended(Connection& c, std::string_view& data) {
  if (c.chunks) return c.chunks->skip(data);
  const std::size_t n = std::min(c.body_left, data.size());
  data.remove_prefix(n);
  c.body_left -= n;
  return c.body_left == 0;
}

// Takes a head off `data`, if a whole one is there, and chooses the answer.
bool take_head(Connection& c, std::string_view& data) {
  const std::size_t end = data.find("\r\n\r\n");
  if (end == data.npos) return false;
  const std::string_view head = data.substr(0, end + 2);
  data.remove_prefix(end + 4);
  const std::size_t space = head.find(' ');
  const std::string_view method = head.substr(0, space);
  const std::string_view path = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
  const std::string_view connection = field(head, "connection:");
  c.close_after = connection.size() == 5 && ::strncasecmp(connection.data(), "close", 5) == 0;
  c.own_answer.clear();
  if (path == "/requests") {
    const std::string number = std::to_string(requests);
    c.own_answer =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(number.size()) + "\r\n\r\n" + number;
  } else {
    ++requests;
  }
  if (path == "/1g") {
    c.own_answer =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(mebibytes_of_1g * mebibyte) +
        "\r\n\r\n";
    c.mebibytes = mebibytes_of_1g;
  }
  const bool sink = method == "POST" || method == "PUT";
  const std::string& answer = !c.own_answer.empty() ? c.own_answer
                              : sink                ? answer_0
                                                    : answer_for(path);
  if (c.close_after && &answer != &c.own_answer) c.own_answer = answer;
  if (c.close_after) c.own_answer.insert(c.own_answer.find("\r\n") + 2, "Connection: close\r\n");
  c.out = c.own_answer.empty() ? answer : c.own_answer;
  if (method == "HEAD") {
    c.out = c.out.substr(0, c.out.find("\r\n\r\n") + 4);
    c.mebibytes = 0;
  }
  c.chunks.reset();
  if (!field(head, "transfer-encoding:").empty()) c.chunks = std::make_unique<ChunkSkipper>();
  c.body_left = std::strtoul(std::string(field(head, "content-length:")).c_str(), nullptr, 10);
  c.in_body = c.chunks != nullptr || c.body_left > 0;
  return true;
}

// Answers as many requests as are there. False: the connection is done.
bool serve(Connection& c) {
  std::string_view data = c.in;
  while (c.out.empty() || c.in_body) {
    if (c.in_body) {
      if (!body_ended(c, data)) break;
      c.in_body = false;
    } else if (!take_head(c, data)) {
      break;
    }
    if (c.in_body) continue;
    if (!flush(c)) return false;
  }
  c.in.erase(0, c.in.size() - data.size());
  return c.in.size() <= head_limit;
}

bool on_readable(Connection& c, bool to_the_end) {
  static char buffer[256 * 1024];
  for (;;) {
    const ssize_t n = ::recv(c.fd, buffer, sizeof buffer, 0);
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    c.in.append(buffer, static_cast<std::size_t>(n));
    if (!serve(c)) return false;
    if (static_cast<std::size_t>(n) < sizeof buffer && !to_the_end) return true;
  }
}

bool on_event(Connection& c, std::uint32_t events) {
  if (events & (EPOLLERR | EPOLLHUP)) return false;
  if (events & EPOLLOUT && !c.out.empty() && !c.in_body) {
    if (!flush(c)) return false;
    if (c.out.empty() && !serve(c)) return false;
  }
  // After a short read the next event tells of more, save that nothing comes after the end.
  return !(events & EPOLLIN) || on_readable(c, (events & EPOLLRDHUP) != 0);
}

int listen_on(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, 1024) != 0) {
    std::perror("bench_backend: cannot listen");
    std::exit(2);
  }
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("%u\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

void accept_all(int listener) {
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto* connection = new Connection;
    connection->fd = fd;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = connection;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_backend PORT   (0: any free port, which is printed)\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const int listener = listen_on(static_cast<std::uint16_t>(std::atoi(argv[1])));
  epoll_event event{};
  event.events = EPOLLIN;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  epoll_event events[256];
  for (;;) {
    const int n = ::epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; ++i) {
      auto* connection = static_cast<Connection*>(events[i].data.ptr);
      if (connection == nullptr) {
        accept_all(listener);
      } else if (!on_event(*connection, events[i].events)) {
        ::close(connection->fd);
        delete connection;
      }
    }
  }
}
