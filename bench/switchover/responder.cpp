#include "bench/switchover/responder.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string_view>
#include <unordered_map>

namespace switchback::bench {
namespace {

constexpr std::size_t input_limit = 16 * 1024;

std::string accept_key(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 section 1.3
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<char, 32> out{};
  ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), digest.data(), digest.size());
  return out.data();
}

// The value of a field in a head; "" where it is not.
std::string field_of(std::string_view head, std::string_view name) {
  std::size_t at = head.find("\r\n");
  while (at != std::string_view::npos && at + 2 < head.size()) {
    const auto begin = at + 2;
    at = head.find("\r\n", begin);
    const auto line = head.substr(begin, at == std::string_view::npos ? at : at - begin);
    if (line.size() <= name.size() || line[name.size()] != ':' ||
        ::strncasecmp(line.data(), name.data(), name.size()) != 0)
      continue;
    auto value = line.substr(name.size() + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    return std::string(value);
  }
  return "";
}

}  // namespace

struct Responder::Engine {
  struct Peer {
    Color color = Color::blue;
    bool tunnel = false;
    bool waiting = false;  // an answer is due; input rests meanwhile
    std::string in;
  };
  struct Due {
    Nanos at;
    int fd;
    std::uint64_t serial;
    std::string bytes;
  };

  ~Engine() {
    for (const auto& [fd, peer] : peers) ::close(fd);
    for (const int fd : {listeners[0], listeners[1], epoll}) {
      if (fd >= 0) ::close(fd);
    }
  }

  std::string listen(Color color) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    listeners[index_of(color)] = fd;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(fd, 4096) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      return std::string("a server of the benchmark cannot listen: ") + std::strerror(errno);
    }
    addresses[index_of(color)] = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    watch(fd);
    return "";
  }

  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }

  void accept_all(Color color) {
    while (true) {
      const int fd =
          ::accept4(listeners[index_of(color)], nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int one = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      auto& peer = peers[fd];
      peer = {};
      peer.color = color;
      serials[fd] = ++serial;
      watch(fd);
    }
  }

  void drop(int fd) {
    ::close(fd);
    peers.erase(fd);
    serials.erase(fd);
  }

  void receive(int fd) {
    const auto found = peers.find(fd);
    if (found == peers.end()) return;
    std::array<char, 4096> buffer;
    const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    auto& peer = found->second;
    if (got <= 0 || peer.in.size() + static_cast<std::size_t>(got) > input_limit) return drop(fd);
    peer.in.append(buffer.data(), static_cast<std::size_t>(got));
    work(fd, peer);
  }

  void work(int fd, Peer& peer) {
    if (peer.tunnel) return frames(fd, peer);
    if (peer.waiting) return;
    const auto end = peer.in.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const auto head = peer.in.substr(0, end + 2);
    peer.in.erase(0, end + 4);
    peer.waiting = true;
    const auto key = field_of(head, "sec-websocket-key");
    if (!key.empty()) {
      peer.tunnel = true;
      answer(fd, upgrade(peer.color, key));
    } else {
      answer(fd, texts[index_of(peer.color)]);
    }
  }

  static std::string upgrade(Color color, const std::string& key) {
    return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Accept: " +
           accept_key(key) + "\r\nX-Demo-Color: " + std::string(to_string(color)) + "\r\n\r\n";
  }

  void answer(int fd, std::string bytes) {
    if (delay == 0) return send(fd, bytes);
    due.push_back({monotonic_ns() + delay, fd, serials[fd], std::move(bytes)});
  }

  void send(int fd, const std::string& bytes) {
    // A few hundred bytes on a socket whose last answer was read: they fit.
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(bytes.size())) return drop(fd);
    auto& peer = peers[fd];
    peer.waiting = false;
    if (!peer.in.empty()) work(fd, peer);
  }

  // Masked client frames of up to 125 bytes: pings are answered, a Close is, the rest is ignored.
  void frames(int fd, Peer& peer) {
    while (!peer.waiting && peer.in.size() >= 6) {
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(peer.in[i]); };
      const std::size_t length = byte(1) & 0x7f;
      if (length > 125 || (byte(1) & 0x80) == 0) return drop(fd);
      if (peer.in.size() < 6 + length) return;
      std::string payload = peer.in.substr(6, length);
      for (std::size_t i = 0; i < length; ++i) payload[i] ^= peer.in[2 + i % 4];
      const unsigned opcode = byte(0) & 0x0f;
      peer.in.erase(0, 6 + length);
      if (opcode != 9 && opcode != 8) continue;
      std::string frame{static_cast<char>(opcode == 9 ? 0x8a : 0x88), static_cast<char>(length)};
      frame += payload;
      const auto sent = ::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL);
      if (opcode == 8 || sent != static_cast<ssize_t>(frame.size())) return drop(fd);
    }
  }

  void send_due(Nanos now) {
    while (!due.empty() && due.front().at <= now) {
      const Due item = std::move(due.front());
      due.pop_front();
      const auto found = serials.find(item.fd);
      if (found != serials.end() && found->second == item.serial) send(item.fd, item.bytes);
    }
  }

  void turn() {
    Nanos nap = 20'000'000;
    if (!due.empty()) nap = std::clamp<Nanos>(due.front().at - monotonic_ns(), 0, nap);
    std::array<epoll_event, 256> events;
    const timespec limit{0, static_cast<long>(nap)};
    int ready = ::epoll_pwait2(epoll, events.data(), events.size(), &limit, nullptr);
    if (ready < 0 && errno == ENOSYS) {
      ready = ::epoll_wait(epoll, events.data(), events.size(), static_cast<int>(nap / 1'000'000));
    }
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listeners[0]) {
        accept_all(Color::blue);
      } else if (fd == listeners[1]) {
        accept_all(Color::green);
      } else {
        receive(fd);
      }
    }
    send_due(monotonic_ns());
  }

  Nanos delay = 0;
  int epoll = -1;
  std::array<int, 2> listeners{-1, -1};
  std::array<std::string, 2> addresses, texts;
  std::unordered_map<int, Peer> peers;
  std::unordered_map<int, std::uint64_t> serials;  // descriptors come again, serials do not
  std::uint64_t serial = 0;
  std::deque<Due> due;  // in order, since every answer waits as long
};

Responder::Responder(Nanos delay) : engine_(std::make_unique<Engine>()) {
  engine_->delay = delay;
}

Responder::~Responder() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

std::string Responder::start() {
  engine_->epoll = ::epoll_create1(EPOLL_CLOEXEC);
  for (const Color color : {Color::blue, Color::green}) {
    if (auto error = engine_->listen(color); !error.empty()) return error;
    const std::string name(to_string(color));
    const std::string body = R"({"color":")" + name + R"(","version":"on-)" + name + "\"}\n";
    engine_->texts[index_of(color)] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\nX-Demo-Color: " + name + "\r\n\r\n" + body;
  }
  thread_ = std::thread([this] {
    while (!stopping_) engine_->turn();
  });
  return "";
}

std::string Responder::address(Color color) const {
  return engine_->addresses[index_of(color)];
}

}  // namespace switchback::bench
