// The files behind a listener's `tls`: certificates, keys, the authority of clients. Read and
// judged once, by the control thread (start, reload) or by `switchback check`; the workers'
// contexts are made from what is in memory, so all of them are of one piece.
//
// Errors: every fault of every file, each with the key of the configuration it belongs to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/tls/pem.hpp"

namespace switchback::tls {

struct LoadedCertificate : KeyPair {
  std::vector<std::string> names;  // lower case; "*.example.com" among them
  int key_type = 0;                // EVP_PKEY_RSA, EVP_PKEY_EC, …
  std::int64_t not_after = 0;      // seconds since 1970
};

struct ServerFiles {
  std::vector<LoadedCertificate> certificates;  // in configuration order; at least one
  std::vector<CertificatePtr> client_authorities;
  std::string client_authority_digest;  // of the file's bytes
};

// Null when a fault is no mere warning.
std::shared_ptr<const ServerFiles> load_server_files(const config::ListenerTls& tls,
                                                     std::vector<FileFault>& faults);

}  // namespace switchback::tls
