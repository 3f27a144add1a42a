// TLS of the admin plane, for both ends: contexts made from files, and what a client certificate
// says about its holder.
//
// Server: TLS 1.2 and 1.3, no tickets and no session cache, so that what a changed client_ca says
// holds for every new connection. A client certificate is asked for, not demanded: who has none may
// still show a token; one that does not verify is no way in, and the answer says why.
// Errors are values, one line that begins with the key or the option.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/http/message.hpp"

namespace switchback::web {

struct ServerTls {
  asio::ssl::context context{asio::ssl::context::tls_server};
  std::string fingerprint;  // of the files' contents
};

struct MadeServerTls {
  std::shared_ptr<ServerTls> tls;  // null: see fault
  std::string fault;
  std::vector<std::string> warnings;
};
// `before` comes back when no file has changed, so that connections go on as they are.
MadeServerTls make_server_tls(const std::string& cert, const std::string& key,
                              const std::string& client_ca,
                              const std::shared_ptr<ServerTls>& before = nullptr);

// After a handshake as server; nullopt: none was shown.
std::optional<Peer::Certificate> peer_certificate(SSL* ssl);

struct ClientTls {
  std::string ca_file;    // empty: the system's
  std::string cert_file;  // empty: none is shown
  std::string key_file;   // empty: in cert_file
};
// Null: `error` says which file is at fault.
std::shared_ptr<asio::ssl::context> make_client_tls(const ClientTls& files, std::string& error);

}  // namespace switchback::web
