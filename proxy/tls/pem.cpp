#include "proxy/tls/pem.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

namespace switchback::tls {
namespace {

// Asked for a passphrase: there is nobody to type one when a proxy starts at night.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Owned<BIO> reader_of(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

}  // namespace

std::string openssl_reason() {
  const unsigned long error = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(error);
  std::string text = reason ? reason : "unknown fault";
  ERR_clear_error();
  return text;
}

std::string read_pem(const std::string& path, std::string& text) {
  text.clear();
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  const auto fault = [&](int error) {
    return path + ": " + std::generic_category().message(error) +
           (error == EACCES ? "; let the user that runs switchback read it" : "");
  };
  if (!file) return fault(errno);
  char piece[16 * 1024];
  while (const std::size_t n = std::fread(piece, 1, sizeof piece, file.get())) {
    text.append(piece, n);
    if (text.size() > max_pem_bytes) return path + ": larger than 16 MiB; is it a PEM file?";
  }
  if (std::ferror(file.get())) return fault(errno);
  return {};
}

std::string parse_certificates(const std::string& path, const std::string& text,
                               std::vector<Owned<X509>>& out) {
  out.clear();
  const Owned<BIO> from = reader_of(text);
  for (;;) {
    Owned<X509> one(PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr));
    if (one) {
      out.push_back(std::move(one));
      continue;
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const std::string reason = openssl_reason();
    if (!at_end) {
      return path + ": certificate " + std::to_string(out.size() + 1) + " is broken (" + reason +
             "); write the file anew";
    }
    break;
  }
  if (out.empty()) {
    return path + ": holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)";
  }
  return {};
}

std::string parse_key(const std::string& path, const std::string& text, Owned<EVP_PKEY>& out) {
  const Owned<BIO> from = reader_of(text);
  bool asked = false;
  out.reset(PEM_read_bio_PrivateKey(from.get(), nullptr, no_passphrase, &asked));
  if (out) return {};
  // OpenSSL 3 says "unsupported" to a text without a key, as it does to a key it does not know.
  const bool none = text.find("PRIVATE KEY-----") == std::string::npos;
  const std::string reason = openssl_reason();
  if (asked) {
    return path + ": is protected by a passphrase; store it without one, readable to the proxy only";
  }
  if (none) return path + ": holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)";
  return path + ": the private key cannot be read (" + reason + ")";
}

std::string parse_key_pair(const std::string& cert_path, const std::string& cert_text,
                           const std::string& key_path, const std::string& key_text, KeyPair& out) {
  if (auto fault = parse_certificates(cert_path, cert_text, out.chain); !fault.empty()) return fault;
  if (auto fault = parse_key(key_path, key_text, out.key); !fault.empty()) return fault;
  if (X509_check_private_key(out.chain.front().get(), out.key.get()) == 1) return {};
  ERR_clear_error();
  return key_path + ": is not the key of the first certificate in " + cert_path +
         "; the server's own certificate comes first, then what leads to the root";
}

bool KeyPair::use(SSL_CTX* context) const {
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) return false;
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) return false;
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) return false;
  }
  return true;
}

}  // namespace switchback::tls
