// A blocking TLS client that says what the server showed and how the connection ended.
//
// Every wait has the deadline of SO_RCVTIMEO; a failure is text in error(), not an exception.
#pragma once

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace switchback::test {

struct TlsSession {
  std::shared_ptr<SSL_SESSION> session;
};

struct TlsClientOptions {
  std::string name = "shop.test";  // SNI; "": none
  std::string ca;                  // verified against it, if given
  int version = 0;                 // TLS1_2_VERSION, …; 0: any
  std::string alpn;                // "http/1.1"; "": none
  std::string sigalgs;             // "RSA-PSS+SHA256"; "": the usual ones
  std::string cert, key;           // of the client
  TlsSession session;              // to go on with
};

class TlsClient {
 public:
  TlsClient(const std::string& address, const TlsClientOptions& options) {
    context_.reset(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    if (options.version) {
      SSL_CTX_set_min_proto_version(context_.get(), options.version);
      SSL_CTX_set_max_proto_version(context_.get(), options.version);
    }
    if (!options.ca.empty()) {
      SSL_CTX_load_verify_file(context_.get(), options.ca.c_str());
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    }
    if (!options.cert.empty()) {
      SSL_CTX_use_certificate_chain_file(context_.get(), options.cert.c_str());
      SSL_CTX_use_PrivateKey_file(context_.get(), options.key.c_str(), SSL_FILETYPE_PEM);
    }
    // Without a store of its own: one that is freed spoils the sessions in it.
    SSL_CTX_set_session_cache_mode(context_.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_app_data(context_.get(), this);
    SSL_CTX_sess_set_new_cb(context_.get(), [](SSL* ssl, SSL_SESSION* session) {
      auto* self = static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
      self->session_.session.reset(session, SSL_SESSION_free);
      return 1;
    });
    connect(address);
    ssl_.reset(SSL_new(context_.get()), SSL_free);
    if (!options.name.empty()) SSL_set_tlsext_host_name(ssl_.get(), options.name.c_str());
    if (!options.alpn.empty()) {
      std::string wire(1, static_cast<char>(options.alpn.size()));
      wire += options.alpn;
      SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                          static_cast<unsigned>(wire.size()));
    }
    if (!options.sigalgs.empty()) SSL_set1_sigalgs_list(ssl_.get(), options.sigalgs.c_str());
    if (options.session.session) SSL_set_session(ssl_.get(), options.session.session.get());
    SSL_set_fd(ssl_.get(), fd_);
    if (SSL_connect(ssl_.get()) != 1) note_error();
  }
  ~TlsClient() {
    // A connection that was merely dropped makes OpenSSL give its session up.
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    if (fd_ >= 0) ::close(fd_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool connected() const { return error_.empty(); }
  const std::string& error() const { return error_; }  // "tlsv1 alert unknown ca"
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  bool closed_orderly() const { return orderly_; }  // after read_to_end
  const TlsSession& session() const { return session_; }
  SSL* ssl() const { return ssl_.get(); }
  int fd() const { return fd_; }

  std::string common_name() const {
    X509* shown = SSL_get1_peer_certificate(ssl_.get());
    char text[256] = "";
    if (shown) X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, text, 256);
    X509_free(shown);
    return text;
  }
  std::string serial() const {
    X509* shown = SSL_get1_peer_certificate(ssl_.get());
    const long serial = shown ? ASN1_INTEGER_get(X509_get_serialNumber(shown)) : 0;
    X509_free(shown);
    return std::to_string(serial);
  }
  std::string key_kind() const {
    X509* shown = SSL_get1_peer_certificate(ssl_.get());
    if (!shown) return "none";
    const int kind = EVP_PKEY_get_base_id(X509_get0_pubkey(shown));
    X509_free(shown);
    return kind == EVP_PKEY_RSA ? "rsa" : kind == EVP_PKEY_EC ? "ec" : "other";
  }
  std::string alpn() const {
    const unsigned char* text = nullptr;
    unsigned bytes = 0;
    SSL_get0_alpn_selected(ssl_.get(), &text, &bytes);
    return {reinterpret_cast<const char*>(text), bytes};
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const int n = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
      if (n <= 0) {
        note_error();
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  std::string read_some() {  // "": end or error
    if (!buffer_.empty()) return std::exchange(buffer_, {});
    return receive();
  }
  std::string read_to_end() {
    std::string all;
    for (std::string part = read_some(); !part.empty(); part = read_some()) all += part;
    return all;
  }
  // Head and a body with Content-Length; what is behind it stays for the next call.
  std::string read_answer() {
    std::size_t head = 0;
    while ((head = buffer_.find("\r\n\r\n")) == std::string::npos) {
      const std::string part = receive();
      if (part.empty()) return {};
      buffer_ += part;
    }
    std::size_t bytes = head + 4;
    const std::size_t length = buffer_.find("Content-Length: ");
    if (length < head) bytes += std::stoul(buffer_.substr(length + 16));
    while (buffer_.size() < bytes) {
      const std::string part = receive();
      if (part.empty()) return {};
      buffer_ += part;
    }
    std::string answer = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    return answer;
  }
  std::string ask(std::string_view request) {
    return send(request) ? read_answer() : std::string();
  }
  void end_write() { SSL_shutdown(ssl_.get()); }   // close_notify
  void half_close() { ::shutdown(fd_, SHUT_WR); }  // FIN, without one

 private:
  std::string receive() {
    char buffer[16384];
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), buffer, sizeof buffer);
    if (n > 0) return {buffer, static_cast<std::size_t>(n)};
    orderly_ = SSL_get_error(ssl_.get(), n) == SSL_ERROR_ZERO_RETURN;
    if (!orderly_) note_error();
    return {};
  }
  void connect(const std::string& address) {
    const std::string text =
        address.substr(address.find("//") == std::string::npos ? 0 : address.find("//") + 2);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval deadline{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      throw std::runtime_error("connect " + address);
    }
  }
  void note_error() {
    const unsigned long error = ERR_peek_error();
    const char* reason = error ? ERR_reason_error_string(error) : nullptr;
    if (error_.empty()) error_ = reason ? reason : "ended";
    ERR_clear_error();
  }

  TlsSession session_;
  std::shared_ptr<SSL_CTX> context_;
  std::shared_ptr<SSL> ssl_;
  std::string error_, buffer_;
  int fd_ = -1;
  bool orderly_ = false;
};

}  // namespace switchback::test
