#include "tests/support/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace switchback::test {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what, const std::string& got = {}) {
  throw std::runtime_error("raw client: " + what +
                           (got.empty() ? "" : "; got so far: " + got.substr(0, 2000)));
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

int connect_to(const sockaddr* address, socklen_t size, const std::string& text) {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket: " + std::generic_category().message(errno));
  if (::connect(fd, address, size) != 0) {
    const int error_number = errno;
    ::close(fd);
    fail("connect " + text + ": " + std::generic_category().message(error_number));
  }
  return fd;
}

int connect_text(std::string address) {
  if (const auto scheme = address.find("://"); scheme != std::string::npos) {
    address.erase(0, scheme + 3);
  }
  if (address.starts_with("unix:")) {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    std::strncpy(un.sun_path, address.c_str() + 5, sizeof un.sun_path - 1);
    return connect_to(reinterpret_cast<sockaddr*>(&un), sizeof un, address);
  }
  const auto colon = address.rfind(':');
  if (address.starts_with('[')) {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
    if (::inet_pton(AF_INET6, address.substr(1, colon - 2).c_str(), &in6.sin6_addr) != 1) {
      fail("not an IPv6 address: " + address);
    }
    return connect_to(reinterpret_cast<sockaddr*>(&in6), sizeof in6, address);
  }
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  if (::inet_pton(AF_INET, address.substr(0, colon).c_str(), &in.sin_addr) != 1) {
    fail("not an IPv4 address: " + address);
  }
  return connect_to(reinterpret_cast<sockaddr*>(&in), sizeof in, address);
}

// Lines "name: value" up to the end of `text`.
void parse_fields(std::string_view text, std::vector<std::pair<std::string, std::string>>& out) {
  while (!text.empty()) {
    const auto end = text.find("\r\n");
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    auto value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t'))
      value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    out.emplace_back(line.substr(0, colon), value);
  }
}

}  // namespace

std::string RawResponse::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (same_name(key, name)) return value;
  }
  return {};
}
bool RawResponse::has(std::string_view name) const {
  return count(name) != 0;
}
std::size_t RawResponse::count(std::string_view name) const {
  std::size_t n = 0;
  for (const auto& [key, value] : fields) n += same_name(key, name);
  return n;
}

RawClient::RawClient(std::uint16_t port, std::chrono::milliseconds deadline)
    : RawClient("127.0.0.1:" + std::to_string(port), deadline) {}
RawClient::RawClient(const std::string& address, std::chrono::milliseconds deadline)
    : fd_(connect_text(address)), deadline_(deadline) {}

RawClient RawClient::adopt(int fd, std::chrono::milliseconds deadline) {
  RawClient client;
  client.fd_ = fd;
  client.deadline_ = deadline;
  return client;
}

RawClient::RawClient(RawClient&& other) noexcept {
  *this = std::move(other);
}
RawClient& RawClient::operator=(RawClient&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(deadline_, other.deadline_);
  std::swap(buffer_, other.buffer_);
  std::swap(reset_seen_, other.reset_seen_);
  std::swap(ssl_, other.ssl_);
  return *this;
}
RawClient::~RawClient() {
  close();
}

void RawClient::wait(short events, const char* what) {
  const auto end = Clock::now() + deadline_;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    const int patience_ms = static_cast<int>(std::max<std::int64_t>(0, left.count()));
    pollfd p{fd_, events, 0};
    if (::poll(&p, 1, patience_ms) > 0) return;
    if (patience_ms == 0) fail(std::string("deadline passed, ") + what, buffer_);
  }
}

bool RawClient::try_send(std::string_view bytes) {
  if (ssl_) return try_send_secure(bytes);
  while (!bytes.empty()) {
    wait(POLLOUT, "sending");
    const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EAGAIN && errno != EINTR) {
      return false;
    }
  }
  return true;
}

void RawClient::send(std::string_view bytes) {
  if (!try_send(bytes)) fail("send: " + std::generic_category().message(errno));
}

std::size_t RawClient::send_until_blocked(std::string_view piece, std::chrono::milliseconds quiet) {
  std::size_t sent = 0;
  for (;;) {
    pollfd p{fd_, POLLOUT, 0};
    if (::poll(&p, 1, static_cast<int>(quiet.count())) == 0) return sent;
    const auto n = ::send(fd_, piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) sent += static_cast<std::size_t>(n);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return sent;
  }
}

bool RawClient::fill() {
  if (ssl_) return fill_secure();
  for (;;) {
    wait(POLLIN, "reading");
    char piece[64 * 1024];
    const auto n = ::recv(fd_, piece, sizeof piece, MSG_DONTWAIT);
    if (n > 0) {
      buffer_.append(piece, static_cast<std::size_t>(n));
      return true;
    }
    if (n == 0) return false;
    if (errno == ECONNRESET || errno == EPIPE) {
      reset_seen_ = true;
      return false;
    }
    if (errno != EAGAIN && errno != EINTR) {
      fail("recv: " + std::generic_category().message(errno), buffer_);
    }
  }
}

std::string RawClient::read_some() {
  if (buffer_.empty()) fill();
  return std::exchange(buffer_, {});
}

std::string RawClient::read_exact(std::size_t bytes) {
  while (buffer_.size() < bytes) {
    if (!fill()) fail("ended before " + std::to_string(bytes) + " bytes", buffer_);
  }
  std::string out = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return out;
}

std::string RawClient::read_until(std::string_view mark) {
  std::size_t at;
  std::size_t searched = 0;
  while ((at = buffer_.find(mark, searched)) == std::string::npos) {
    searched = buffer_.size() >= mark.size() ? buffer_.size() - mark.size() + 1 : 0;
    if (!fill()) fail("ended before the wanted mark", buffer_);
  }
  return read_exact(at + mark.size());
}

std::string RawClient::read_to_end() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

bool RawClient::wait_for_end() {
  return buffer_.empty() && !fill();
}

RawResponse RawClient::read_response(bool head_only, bool interim) {
  for (;;) {
    RawResponse response;
    response.head = read_head();
    if (!response.head.starts_with("HTTP/1.")) fail("not an HTTP/1 response", response.head);
    response.status = std::stoi(response.head.substr(9, 3));
    const auto first_line = response.head.find("\r\n") + 2;
    parse_fields(std::string_view(response.head).substr(first_line), response.fields);
    const bool is_interim = response.status < 200 && response.status != 101;
    if (is_interim && !interim) continue;
    if (head_only || response.status < 200 || response.status == 204 || response.status == 304) {
      response.complete = true;
    } else {
      read_body(response);
    }
    return response;
  }
}

void RawClient::read_body(RawResponse& response) {
  if (same_name(response.field("Transfer-Encoding"), "chunked")) {
    response.complete = read_chunks(response);
  } else if (response.has("Content-Length")) {
    const auto length = std::stoull(response.field("Content-Length"));
    while (buffer_.size() < length && fill()) {
    }
    response.complete = buffer_.size() >= length;
    response.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
  } else {
    response.body = read_to_end();
    response.complete = !reset_seen_;
  }
}

bool RawClient::read_chunks(RawResponse& response) {
  const auto have_line = [this] {
    while (buffer_.find("\r\n") == std::string::npos) {
      if (!fill()) return false;
    }
    return true;
  };
  for (;;) {
    if (!have_line()) return false;
    const auto size = std::stoull(read_until("\r\n"), nullptr, 16);
    if (size == 0) break;
    while (buffer_.size() < size + 2 && fill()) {
    }
    response.body += buffer_.substr(0, size);
    if (buffer_.size() < size + 2) return false;
    if (buffer_.compare(size, 2, "\r\n") != 0) fail("chunk without CRLF behind it", buffer_);
    buffer_.erase(0, size + 2);
  }
  std::string trailers;
  for (;;) {
    if (!have_line()) return false;
    const auto line = read_until("\r\n");
    if (line == "\r\n") break;
    trailers += line;
  }
  parse_fields(trailers, response.trailers);
  return true;
}

void RawClient::half_close() {
  ::shutdown(fd_, SHUT_WR);
}
void RawClient::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}
void RawClient::close() {
  ssl_.reset();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::uint16_t RawClient::local_port() const {
  sockaddr_in in{};
  socklen_t size = sizeof in;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&in), &size);
  return ntohs(in.sin_port);
}

RawResponse fetch(const std::string& address, const std::string& target,
                  const std::string& extra_fields) {
  RawClient client(address);
  client.send("GET " + target + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + extra_fields +
              "\r\n");
  return client.read_response();
}

}  // namespace switchback::test
