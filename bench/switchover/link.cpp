#include "bench/switchover/link.hpp"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace switchback::bench {
namespace {

std::string openssl_error() {
  const auto code = ::ERR_get_error();
  const char* text = code ? ::ERR_reason_error_string(code) : nullptr;
  ::ERR_clear_error();
  return text ? text : "no TLS session";
}

}  // namespace

TlsContext::TlsContext(bool verify) : context_(::SSL_CTX_new(::TLS_client_method())) {
  if (!context_) throw std::runtime_error("no TLS: " + openssl_error());
  verify_ = verify;
  ::SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A peer that closes without saying so is judged by the HTTP message it cut or did not cut.
  ::SSL_CTX_set_options(context_, SSL_OP_IGNORE_UNEXPECTED_EOF);
  constexpr unsigned char protocols[] = "\x08http/1.1";
  ::SSL_CTX_set_alpn_protos(context_, protocols, sizeof protocols - 1);
  if (!verify) return;
  ::SSL_CTX_set_default_verify_paths(context_);
  ::SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
}

TlsContext::~TlsContext() {
  ::SSL_CTX_free(context_);
}

Link::Step Link::fail(std::string what) {
  error_ = std::move(what);
  close();
  return Step::failed;
}

Link::Step Link::open(const Target& target, const TlsContext& tls) {
  close();
  error_.clear();
  fd_ = ::socket(target.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return fail(std::string("socket: ") + std::strerror(errno));
  const int one = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (target.tls) {
    ssl_ = ::SSL_new(tls.get());
    if (!ssl_) return fail(openssl_error());
    ::SSL_set_fd(ssl_, fd_);
    ::SSL_set_connect_state(ssl_);
    ::SSL_set_tlsext_host_name(ssl_, target.host.c_str());
    if (tls.verify()) ::SSL_set1_host(ssl_, target.host.c_str());
  }
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&target.address), target.address_length) ==
      0) {
    connected_ = true;
    return ready();
  }
  return errno == EINPROGRESS ? Step::want_write
                              : fail(std::string("connect: ") + std::strerror(errno));
}

Link::Step Link::ready() {
  if (!connected_) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(std::string("connect: ") + std::strerror(error));
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &length) != 0)
      return Step::want_write;
    connected_ = true;
  }
  if (!ssl_) return Step::done;
  ::ERR_clear_error();
  const int result = ::SSL_do_handshake(ssl_);
  if (result == 1) return Step::done;
  const auto moved = tls_result(result);
  return moved.step == Step::end ? fail("closed within the TLS handshake") : moved.step;
}

Link::Moved Link::tls_result(int result) {
  switch (::SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return {Step::want_read};
    case SSL_ERROR_WANT_WRITE:
      return {Step::want_write};
    case SSL_ERROR_ZERO_RETURN:
      return {Step::end};
    case SSL_ERROR_SYSCALL:
      return errno == 0 ? Moved{Step::end} : Moved{fail(std::strerror(errno))};
    default:
      return {fail(openssl_error())};
  }
}

Link::Moved Link::read(char* to, std::size_t size) {
  errno = 0;
  if (ssl_) {
    ::ERR_clear_error();
    const int got = ::SSL_read(ssl_, to, static_cast<int>(size));
    return got > 0 ? Moved{Step::done, static_cast<std::size_t>(got)} : tls_result(got);
  }
  const auto got = ::recv(fd_, to, size, 0);
  if (got > 0) return {Step::done, static_cast<std::size_t>(got)};
  if (got == 0) return {Step::end};
  return errno == EAGAIN || errno == EINTR ? Moved{Step::want_read}
                                           : Moved{fail(std::strerror(errno))};
}

Link::Moved Link::write(std::string_view data) {
  errno = 0;
  if (ssl_) {
    ::ERR_clear_error();
    const int sent = ::SSL_write(ssl_, data.data(), static_cast<int>(data.size()));
    return sent > 0 ? Moved{Step::done, static_cast<std::size_t>(sent)} : tls_result(sent);
  }
  const auto sent = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
  if (sent >= 0) return {Step::done, static_cast<std::size_t>(sent)};
  return errno == EAGAIN || errno == EINTR ? Moved{Step::want_write}
                                           : Moved{fail(std::strerror(errno))};
}

void Link::close() {
  if (ssl_) ::SSL_free(ssl_);
  if (fd_ >= 0) ::close(fd_);
  ssl_ = nullptr;
  fd_ = -1;
  connected_ = false;
}

}  // namespace switchback::bench
