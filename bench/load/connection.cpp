#include "connection.hpp"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace load {
namespace {

constexpr std::size_t head_limit = 16 * 1024;

SSL_SESSION* last_session = nullptr;

int keep_session(SSL*, SSL_SESSION* session) {
  if (last_session != nullptr) SSL_SESSION_free(last_session);
  last_session = session;
  return 1;  // ours now
}

}  // namespace

SSL_CTX* make_client_context() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  // Servers that end without close_notify are common enough; lengths tell whether an answer is
  // whole.
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  return context;
}

bool have_session() {
  return last_session != nullptr;
}

bool Connection::open() {
  shut();
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return false;
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* address = reinterpret_cast<const sockaddr*>(&target_.address);
  if (::connect(fd_, address, sizeof target_.address) != 0 && errno != EINPROGRESS) {
    shut();
    return false;
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u32 = number_;
  ::epoll_ctl(target_.epoll, EPOLL_CTL_ADD, fd_, &event);
  return true;
}

void Connection::shut() {
  // Freed without a shutdown, a connection takes its session with it, and nothing could be resumed.
  if (tls_) SSL_set_shutdown(tls_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  tls_.reset();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  state_ = State::connecting;
  asked_ = ending_ = head_done_ = false;
  sent_ = body_left_ = 0;
  head_.clear();
}

std::string Connection::tls_name() const {
  if (!tls_) return {};
  return std::string(SSL_get_version(tls_.get())) + " " + SSL_get_cipher_name(tls_.get());
}

Outcome Connection::establish() {
  if (state_ == State::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return Outcome::failed;
    sockaddr_in peer{};
    size = sizeof peer;
    if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return Outcome::pending;
    state_ = State::standing;
    if (target_.tls != nullptr) {
      state_ = State::handshaking;
      tls_.reset(SSL_new(target_.tls));
      SSL_set_fd(tls_.get(), fd_);
      if (target_.resume && last_session != nullptr) {
        // A copy: OpenSSL writes into the session of a handshake under way, and others share it.
        SSL_SESSION* copy = SSL_SESSION_dup(last_session);
        SSL_set_session(tls_.get(), copy);
        SSL_SESSION_free(copy);
      }
    }
  }
  if (state_ == State::handshaking) {
    ERR_clear_error();
    const int done = SSL_connect(tls_.get());
    if (done != 1) {
      const int why = SSL_get_error(tls_.get(), done);
      const bool waits = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
      return waits ? Outcome::pending : Outcome::failed;
    }
    state_ = State::standing;
  }
  return Outcome::ready;
}

bool Connection::send_rest() {
  const std::string& text = target_.request;
  while (sent_ < text.size()) {
    const char* from = text.data() + sent_;
    const std::size_t size = text.size() - sent_;
    if (tls_) {
      ERR_clear_error();
      const int n =
          SSL_write(tls_.get(), from, static_cast<int>(std::min(size, std::size_t{1} << 20)));
      if (n > 0) {
        sent_ += static_cast<std::size_t>(n);
        continue;
      }
      const int why = SSL_get_error(tls_.get(), n);
      return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ;
    }
    const ssize_t n = ::send(fd_, from, size, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN;
    sent_ += static_cast<std::size_t>(n);
  }
  return true;
}

long Connection::read_some(char* buffer, std::size_t size) {
  if (tls_) {
    ERR_clear_error();
    const int n = SSL_read(tls_.get(), buffer, static_cast<int>(size));
    if (n > 0) return n;
    const int why = SSL_get_error(tls_.get(), n);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return 0;
    return why == SSL_ERROR_ZERO_RETURN ? -1 : -2;
  }
  const ssize_t n = ::recv(fd_, buffer, size, 0);
  if (n > 0) return n;
  if (n == 0) return -1;
  return errno == EAGAIN ? 0 : -2;
}

bool Connection::read_head(std::string_view head) {
  if (head.size() < 12 || head.substr(0, 7) != "HTTP/1.") return false;
  status_ = std::atoi(std::string(head.substr(9, 3)).c_str());
  constexpr std::string_view name = "\r\ncontent-length:";
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    if (head.size() - at < name.size()) break;
    if (::strncasecmp(head.data() + at, name.data(), name.size()) != 0) continue;
    // The head ends with CRLF, which stops the number.
    body_left_ = std::strtoul(head.data() + at + name.size(), nullptr, 10);
    return true;
  }
  return false;
}

bool Connection::consume(std::string_view data) {
  if (!head_done_) {
    const bool in_pieces = !head_.empty();
    if (in_pieces) head_ += data;
    const std::string_view text = in_pieces ? std::string_view(head_) : data;
    const std::size_t end = text.find("\r\n\r\n");
    if (end == text.npos) {
      if (!in_pieces) head_ = data;
      return head_.size() <= head_limit;
    }
    if (!read_head(text.substr(0, end + 4))) return false;
    head_done_ = true;
    data.remove_prefix(data.size() - (text.size() - end - 4));
  }
  if (data.size() > body_left_) return false;
  body_left_ -= data.size();
  return true;
}

Outcome Connection::receive() {
  static char buffer[256 * 1024];
  for (;;) {
    const long n = read_some(buffer, sizeof buffer);
    if (n == 0) return Outcome::pending;
    if (n < 0) {
      const bool owed = asked_ && !ending_;
      if (ending_) return Outcome::closed;
      return n == -1 && !owed ? Outcome::closed : Outcome::failed;
    }
    if (!asked_ || ending_) return Outcome::failed;  // an answer to nothing
    if (!consume({buffer, static_cast<std::size_t>(n)})) return Outcome::failed;
    if (head_done_ && body_left_ == 0) {
      head_done_ = false;
      head_.clear();
      sent_ = 0;
      asked_ = false;
      return Outcome::answered;
    }
  }
}

Outcome Connection::advance() {
  if (fd_ < 0) return Outcome::failed;
  if (state_ != State::standing) {
    const Outcome stands = establish();
    if (stands != Outcome::ready) return stands;
    if (!asked_) return Outcome::ready;
  }
  if (asked_ && !ending_ && !send_rest()) return Outcome::failed;
  return receive();
}

}  // namespace load
