#include "tests/e2e/storm_doors.hpp"

#include <openssl/x509v3.h>

#include <stdexcept>

namespace switchback::test {

namespace {

constexpr std::size_t kept_sessions = 16;
constexpr const char* name = "shop.test";

// Version 1 or 2 of the PROXY protocol, from `client` port 4000.
std::string proxy_header(std::uint64_t number) {
  const std::string client = Doors::proxied_client(number);
  if (number % 2 == 0) return "PROXY TCP4 " + client + " 127.0.0.1 4000 443\r\n";
  std::string header("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16);
  header += std::string("\xcb\0\x71", 3) + static_cast<char>(number % 200 + 1);
  header += std::string("\x7f\0\0\1\x0f\xa0\x01\xbb", 8);
  return header;
}

}  // namespace

Doors::Doors(Addresses addresses, const std::string& ca)
    : addresses_(std::move(addresses)), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_file(context_.get(), ca.c_str()) != 1) {
    throw std::runtime_error("cannot read " + ca);
  }
  SSL_CTX_set_session_cache_mode(context_.get(),
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(context_.get(), this);
  SSL_CTX_sess_set_new_cb(context_.get(), keep);
}

int Doors::keep(SSL* ssl, SSL_SESSION* session) {
  auto* self = static_cast<Doors*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const std::lock_guard lock(self->mutex_);
  if (self->sessions_.size() >= kept_sessions) self->sessions_.erase(self->sessions_.begin());
  self->sessions_.emplace_back(session, SSL_SESSION_free);
  return 1;
}

std::size_t Doors::certificates() const {
  const std::lock_guard lock(mutex_);
  return serials_.size();
}

std::string Doors::proxied_client(std::uint64_t number) {
  return "203.0.113." + std::to_string(number % 200 + 1);
}

RawClient Doors::open_tls(bool resume) {
  RawClient client(addresses_.tls);
  SSL* ssl = SSL_new(context_.get());
  SSL_set_tlsext_host_name(ssl, name);
  SSL_set1_host(ssl, name);
  if (resume) {
    const std::lock_guard lock(mutex_);
    if (!sessions_.empty()) {
      SSL_set_session(ssl, sessions_.back().get());
      sessions_.pop_back();
    }
  }
  client.secure(ssl);
  ++handshakes_;
  if (SSL_session_reused(ssl) == 1) ++resumed_;
  X509* shown = SSL_get1_peer_certificate(ssl);
  {
    const std::lock_guard lock(mutex_);
    serials_.insert(ASN1_INTEGER_get(X509_get_serialNumber(shown)));
  }
  X509_free(shown);
  return client;
}

RawClient Doors::open(Door door, std::uint64_t number) {
  if (door == Door::tls) return open_tls(number % 4 != 0);
  if (door == Door::plain) return RawClient(addresses_.plain);
  RawClient client(addresses_.proxy);
  client.send(proxy_header(number));
  return client;
}

}  // namespace switchback::test
