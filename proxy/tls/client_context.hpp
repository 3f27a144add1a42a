// TLS towards servers: what a pool's `tls` means, ready for handshakes.
//
// A pool has one SSL_CTX for each worker (and one for the health checker), so that workers share no
// lock and no counter; trusted roots, read whole on the control thread, are shared read-mostly.
// TLS 1.2 and 1.3, ALPN http/1.1, no renegotiation, no compression. Verified are the chain and the
// name (RFC 9110 §4.3.4, RFC 9525), IP literals against the certificate's IP addresses; SNI is
// never an IP literal (RFC 6066 §3).
//
// Threads: made on the control thread; a context is used by one worker. Ownership: shared_ptr; an
// SSL keeps its SSL_CTX alive by itself. Errors: making gives faults; connecting gives null when
// out of memory.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/tls/pem.hpp"

namespace switchback::tls {

// Who a server has to be.
struct ServerName {
  std::string sni;   // sent; empty: none
  std::string host;  // the certificate must be for this name …
  std::string ip;    // … or for this address; both empty: for nobody in particular
};
ServerName server_name(const config::PoolTls& settings, const config::Address& server);

// The newest sessions of one server on one worker, for resumption. A session of TLS 1.3 is taken
// out when used (RFC 8446 §C.4: a ticket used twice lets an observer join connections).
class SessionStore {
 public:
  static constexpr std::size_t limit = 8;
  void put(Owned<SSL_SESSION> session);  // over the limit the oldest goes
  Owned<SSL_SESSION> take();             // the newest one that can still be resumed; null: none
  void clear();
  std::size_t size() const { return count_; }

 private:
  std::array<Owned<SSL_SESSION>, limit> sessions_;  // oldest first
  std::size_t count_ = 0;
};

class ClientContext {
 public:
  struct Made {
    std::vector<std::shared_ptr<const ClientContext>> contexts;  // as many as asked for, or none
    std::vector<FileFault> faults;  // keys "tls.ca", "tls.cert", "tls.key"; warnings among them
  };
  // Reads the files. When neither settings nor files have changed since `before` was made, that is
  // what comes back, so that connections and sessions go on.
  static Made make(const config::PoolTls& settings, std::size_t count,
                   const std::vector<std::shared_ptr<const ClientContext>>& before = {});

  // For a handshake as client, with the newest session in `sessions`, where new ones are put: it
  // outlives the connection. Null store: nothing is resumed, so that everything is verified anew.
  Owned<SSL> connect(const ServerName& name, SessionStore* sessions) const;
  // For Asio, which makes its SSLs by itself: the SSL_CTX, and what connect() does to each.
  SSL_CTX* native() const { return context_.get(); }
  bool prepare(SSL* ssl, const ServerName& name) const;  // false: out of memory

 private:
  ClientContext() = default;
  Owned<SSL_CTX> context_;
  std::string fingerprint_;  // of the settings and the files' contents
  bool verify_ = true;
};

}  // namespace switchback::tls
