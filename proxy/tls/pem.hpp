// PEM files, read once into memory: certificates, chains, private keys, with sentences that say
// what is wrong with a file and how to mend it.
//
// Threads: the control thread; blocks on disk. Errors: text, "" when all is well; a sentence names
// the file, not the configuration key (the caller puts that in front).
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

namespace switchback::tls {

struct OpensslDeleter {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(X509_STORE* p) const { X509_STORE_free(p); }
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
  void operator()(SSL* p) const { SSL_free(p); }
  void operator()(SSL_SESSION* p) const { SSL_SESSION_free(p); }
  void operator()(BIO* p) const { BIO_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, OpensslDeleter>;

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
