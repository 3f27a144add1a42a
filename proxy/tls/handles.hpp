// Owners of OpenSSL's objects, and what it has to say about a failure.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace switchback::tls {

struct OpensslDeleter {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(EVP_CIPHER* p) const { EVP_CIPHER_free(p); }
  void operator()(X509_STORE* p) const { X509_STORE_free(p); }
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
  void operator()(SSL* p) const { SSL_free(p); }
  void operator()(SSL_SESSION* p) const { SSL_SESSION_free(p); }
  void operator()(BIO* p) const { BIO_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, OpensslDeleter>;

using BioPtr = Owned<BIO>;
using KeyPtr = Owned<EVP_PKEY>;
using CertificatePtr = Owned<X509>;
using ContextPtr = Owned<SSL_CTX>;
using CipherPtr = Owned<EVP_CIPHER>;

// The oldest error in this thread's queue, in words; empties the queue.
std::string take_error();

}  // namespace switchback::tls
