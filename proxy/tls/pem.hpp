// PEM files, read once into memory: certificates, chains, private keys, with sentences that say
// what is wrong with a file and how to mend it.
//
// Threads: the control thread; blocks on disk. Errors: text, "" when all is well; a sentence names
// the file, not the configuration key (the caller puts that in front).
#pragma once

#include <string>
#include <vector>

#include "proxy/tls/handles.hpp"

namespace switchback::tls {

// The whole file, at most max_pem_bytes of it.
inline constexpr std::size_t max_pem_bytes = 16 * 1024 * 1024;
std::string read_pem(const std::string& path, std::string& text);

// Every certificate in `text`, in order; an error when there is none or one is broken.
std::string parse_certificates(const std::string& path, const std::string& text,
                               std::vector<Owned<X509>>& out);
// The first private key; a passphrase is never asked for.
std::string parse_key(const std::string& path, const std::string& text, Owned<EVP_PKEY>& out);

// A certificate with its chain and its key, which have to belong together.
struct KeyPair {
  std::vector<Owned<X509>> chain;   // the leaf first
  Owned<EVP_PKEY> key;
  bool empty() const { return chain.empty(); }
  bool use(SSL_CTX* context) const;   // false: OpenSSL refuses (its error queue says why)
};
std::string parse_key_pair(const std::string& cert_path, const std::string& cert_text,
                           const std::string& key_path, const std::string& key_text, KeyPair& out);

std::string openssl_reason();   // of the newest error in this thread's queue, which is emptied

}  // namespace switchback::tls
