// HTTPS on one listener, as one worker has it: contexts of its own, so that workers share no
// reference counts, with the certificates chosen by name.
//
// Choice (RFC 6066 §3): among the certificates that carry the asked name, exact names before
// wildcards and in configuration order, one of each kind of key; the client's signature algorithms
// decide between ECDSA and RSA. No name, or one that nobody carries: as if the first certificate's
// first name had been asked for.
//
// Threads: made by the control thread, then its worker's. Errors: make_server_context's text.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/tls/layer.hpp"
#include "proxy/tls/server_files.hpp"
#include "proxy/tls/ticket_keys.hpp"

namespace switchback::tls {

class ServerContext : public std::enable_shared_from_this<ServerContext> {
 public:
  // Null and `error` when OpenSSL refuses; the files were judged before, so this is rare.
  static std::shared_ptr<ServerContext> make(const config::ListenerTls& tls,
                                             const ServerFiles& files,
                                             std::shared_ptr<TicketKeys> keys, std::string& error);

  // For a new connection; null when out of memory.
  std::unique_ptr<Layer> accept(Workspace& workspace);
  TicketKeys& keys() { return *keys_; }

 private:
  using Chosen = std::vector<std::size_t>;  // certificates, one of each kind of key
  ServerContext() = default;
  bool fill(const config::ListenerTls& tls, const ServerFiles& files, std::string& error);
  SSL_CTX* context_for(const config::ListenerTls& tls, const ServerFiles& files,
                       const Chosen& chosen, std::string& error);
  SSL_CTX* find(std::string_view name) const;

  static int on_name(SSL* ssl, int* alert, void* self);
  static int on_protocols(SSL* ssl, const unsigned char** out, unsigned char* out_bytes,
                          const unsigned char* in, unsigned in_bytes, void* self);
  static int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                       EVP_MAC_CTX* mac, int sealing);

  std::shared_ptr<TicketKeys> keys_;
  CipherPtr ticket_cipher_;
  std::map<Chosen, ContextPtr> contexts_;
  SSL_CTX* default_ = nullptr;
  std::map<std::string, SSL_CTX*, std::less<>> exact_;
  std::map<std::string, SSL_CTX*, std::less<>> wildcard_;  // by what stands behind "*."
};

}  // namespace switchback::tls
