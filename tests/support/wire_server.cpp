#include "tests/support/wire_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace switchback::test {

std::string WireRequest::field(std::string_view name) const {
  std::size_t at = head.find("\r\n");
  while (at != std::string::npos && at + 2 < head.size()) {
    const std::size_t end = head.find("\r\n", at + 2);
    const std::string line = head.substr(at + 2, end - at - 2);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        ::strncasecmp(line.c_str(), std::string(name).c_str(), name.size()) == 0) {
      const std::size_t value = line.find_first_not_of(" \t", name.size() + 1);
      return value == std::string::npos ? "" : line.substr(value);
    }
    at = end;
  }
  return "";
}

bool WireConnection::shake_hands(SSL_CTX* context) {
  ssl_ = SSL_new(context);
  SSL_set_fd(ssl_, fd_);
  return SSL_accept(ssl_) == 1;
}

std::string WireConnection::read_raw(std::size_t bytes) {
  std::string got(bytes, '\0');
  std::size_t size = 0;
  while (size < bytes) {
    const ssize_t n = ::recv(fd_, got.data() + size, bytes - size, 0);
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
  }
  got.resize(size);
  return got;
}

std::string WireConnection::read_some() {
  char piece[16 * 1024];
  const auto n = ssl_ ? SSL_read(ssl_, piece, sizeof piece) : ::recv(fd_, piece, sizeof piece, 0);
  ERR_clear_error();
  return n > 0 ? std::string(piece, static_cast<std::size_t>(n)) : "";
}

bool WireConnection::read_request(WireRequest& request) {
  std::size_t end;
  while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
    const std::string more = read_some();
    if (more.empty()) return false;
    pending_ += more;
  }
  request = {};
  request.head = pending_.substr(0, end + 4);
  const std::size_t first = request.head.find(' ');
  request.method = request.head.substr(0, first);
  request.target = request.head.substr(first + 1, request.head.find(' ', first + 1) - first - 1);
  pending_.erase(0, end + 4);
  const std::string length = request.field("Content-Length");
  const std::size_t body = length.empty() ? 0 : std::stoul(length);
  while (pending_.size() < body) {
    const std::string more = read_some();
    if (more.empty()) return false;
    pending_ += more;
  }
  request.body = pending_.substr(0, body);
  pending_.erase(0, body);
  return true;
}

bool WireConnection::write(std::string_view bytes) {
  if (ssl_) return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool WireConnection::answer(std::string_view body, std::string_view fields, int status) {
  return write("HTTP/1.1 " + std::to_string(status) +
               " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
               std::string(fields) + "\r\n" + std::string(body));
}

bool WireConnection::wait_for_input() {
  if (!pending_.empty() || (ssl_ && SSL_pending(ssl_) > 0)) return true;
  pollfd wanted{fd_, POLLIN, 0};
  return ::poll(&wanted, 1, 20'000) == 1;
}

void WireConnection::close(bool reset, bool close_notify) {
  if (fd_ < 0) return;
  if (ssl_) {
    if (close_notify && !reset) SSL_shutdown(ssl_);
    SSL_free(ssl_);
    ERR_clear_error();
    ssl_ = nullptr;
  }
  if (reset) {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  const std::lock_guard lock(mutex_);
  ::close(fd_);
  fd_ = -1;
}

void WireConnection::shut() {
  const std::lock_guard lock(mutex_);
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

WireServer::WireServer(WireServerOptions options) : options_(std::move(options)) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  if (!options_.serve) {
    options_.serve = [](WireConnection& connection) {
      WireRequest request;
      while (connection.read_request(request) && connection.answer("ok")) {
      }
    };
  }
  if (!options_.certificate.cert.empty()) use(options_.certificate);
  const bool local = !options_.unix_path.empty();
  listener_ = ::socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un un{};
  sockaddr_in in{};
  un.sun_family = AF_UNIX;
  std::strncpy(un.sun_path, options_.unix_path.c_str(), sizeof un.sun_path - 1);
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int bound = local ? ::bind(listener_, reinterpret_cast<sockaddr*>(&un), sizeof un)
                          : ::bind(listener_, reinterpret_cast<sockaddr*>(&in), sizeof in);
  if (bound != 0 || ::listen(listener_, 512) != 0) throw std::runtime_error("wire server: bind");
  socklen_t size = sizeof in;
  if (!local) ::getsockname(listener_, reinterpret_cast<sockaddr*>(&in), &size);
  port_ = ntohs(in.sin_port);
  address_ = local ? "unix:" + options_.unix_path : "127.0.0.1:" + std::to_string(port_);
  acceptor_ = std::thread([this] { accept_loop(); });
}

WireServer::~WireServer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    std::unique_lock lock(mutex_);
    for (WireConnection* connection : open_) connection->shut();
    closed_.wait(lock, [this] { return open_.empty(); });
  }
  ::close(listener_);
}

std::shared_ptr<SSL_CTX> WireServer::make_context(const CertificateFiles& certificate) const {
  std::shared_ptr<SSL_CTX> made(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (SSL_CTX_use_certificate_chain_file(made.get(), certificate.cert.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(made.get(), certificate.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    throw std::runtime_error("wire server: " + certificate.cert);
  }
  if (options_.max_version != 0) SSL_CTX_set_max_proto_version(made.get(), options_.max_version);
  const unsigned char context[] = "wire";
  SSL_CTX_set_session_id_context(made.get(), context, 4);
  SSL_CTX_set_alpn_select_cb(
      made.get(),
      [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
         unsigned offered_size, void*) {
        static const unsigned char http[] = "\x08http/1.1";
        return SSL_select_next_proto(const_cast<unsigned char**>(out), size, http, 9, offered,
                                     offered_size) == OPENSSL_NPN_NEGOTIATED
                   ? SSL_TLSEXT_ERR_OK
                   : SSL_TLSEXT_ERR_ALERT_FATAL;
      },
      nullptr);
  if (!options_.client_ca.empty()) {
    SSL_CTX_load_verify_locations(made.get(), options_.client_ca.c_str(), nullptr);
    SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return made;
}

void WireServer::use(const CertificateFiles& certificate) {
  auto fresh = make_context(certificate);
  const std::lock_guard lock(mutex_);
  context_ = std::move(fresh);
}

void WireServer::accept_loop() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (stopping_) {
      if (fd >= 0) ::close(fd);
      return;
    }
    if (fd < 0) continue;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::lock_guard lock(mutex_);
    auto connection = std::make_unique<WireConnection>(fd, ++connections_);
    open_.insert(connection.get());
    std::thread([this, connection = std::move(connection)]() mutable {
      handle(*connection);
      connection->close();
      // Under the lock to the end: the destructor goes on as soon as the last one is out.
      const std::lock_guard done(mutex_);
      open_.erase(connection.get());
      closed_.notify_all();
    }).detach();
  }
}

void WireServer::handle(WireConnection& connection) {
  if (options_.before_tls) options_.before_tls(connection);
  std::shared_ptr<SSL_CTX> context;
  {
    const std::lock_guard lock(mutex_);
    context = context_;
  }
  if (context) {
    if (!connection.shake_hands(context.get())) {
      ERR_clear_error();
      return;
    }
    note_handshake(connection.ssl());
  }
  options_.serve(connection);
}

void WireServer::note_handshake(SSL* ssl) {
  ++handshakes_;
  if (SSL_session_reused(ssl)) ++resumed_;
  const std::lock_guard lock(mutex_);
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  sni_ = name ? name : "";
  const unsigned char* alpn = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &size);
  alpn_.assign(reinterpret_cast<const char*>(alpn), size);
  client_.clear();
  if (X509* cert = SSL_get1_peer_certificate(ssl)) {
    char text[256];
    client_ = X509_NAME_oneline(X509_get_subject_name(cert), text, sizeof text);
    X509_free(cert);
  }
}

std::string WireServer::last_sni() const {
  const std::lock_guard lock(mutex_);
  return sni_;
}
std::string WireServer::last_alpn() const {
  const std::lock_guard lock(mutex_);
  return alpn_;
}
std::string WireServer::last_client() const {
  const std::lock_guard lock(mutex_);
  return client_;
}

}  // namespace switchback::test
