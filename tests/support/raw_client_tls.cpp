// The raw client's TLS: the same deadlines, the same words about how a connection ended.
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>

#include <stdexcept>

#include "tests/support/raw_client.hpp"

namespace switchback::test {

// Waits for what a call that gave `result` asks for; false: it was an end.
bool RawClient::wait_for_secure(int result, const char* what) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      wait(POLLIN, what);
      return true;
    case SSL_ERROR_WANT_WRITE:
      wait(POLLOUT, what);
      return true;
    case SSL_ERROR_ZERO_RETURN:
      return false;
    default:
      reset_seen_ = true;
      return false;
  }
}

void RawClient::secure(ssl_st* ssl) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  // Dropped like a socket, and its session stays good.
  ssl_.reset(ssl, [](ssl_st* gone) {
    SSL_set_shutdown(gone, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(gone);
  });
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
  SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_fd(ssl, fd_);
  for (;;) {
    ERR_clear_error();
    const int result = SSL_connect(ssl);
    if (result == 1) return;
    if (wait_for_secure(result, "shaking hands")) continue;
    const char* reason = ERR_reason_error_string(ERR_peek_error());
    throw std::runtime_error(std::string("raw client: handshake: ") + (reason ? reason : "ended"));
  }
}

bool RawClient::try_send_secure(std::string_view bytes) {
  while (!bytes.empty()) {
    ERR_clear_error();
    std::size_t sent = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
    if (result == 1) {
      bytes.remove_prefix(sent);
    } else if (!wait_for_secure(result, "sending")) {
      return false;
    }
  }
  return true;
}

bool RawClient::fill_secure() {
  char piece[16 * 1024];
  for (;;) {
    ERR_clear_error();
    std::size_t got = 0;
    const int result = SSL_read_ex(ssl_.get(), piece, sizeof piece, &got);
    if (result == 1) {
      buffer_.append(piece, got);
      return true;
    }
    if (!wait_for_secure(result, "reading")) return false;
  }
}

}  // namespace switchback::test
