#include "admin/http/tls.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "config/model.hpp"
#include "proxy/tls/handles.hpp"
#include "proxy/tls/server_files.hpp"

namespace switchback::web {
namespace {

constexpr char ciphers_1_2[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

std::string digest_of(const X509* certificate) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), bytes, &size) != 1) return {};
  return {reinterpret_cast<const char*>(bytes), size};
}

std::string fingerprint_of(const tls::ServerFiles& files) {
  std::string text = digest_of(files.certificates.front().leaf.get());
  for (const auto& link : files.certificates.front().chain) text += digest_of(link.get());
  return text + files.client_authority_digest;
}

// Goes on with a certificate that does not verify; the verdict stays with the connection.
int go_on(int, X509_STORE_CTX*) {
  return 1;
}

bool set_up(SSL_CTX* context, const tls::ServerFiles& files) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  const auto& own = files.certificates.front();
  bool good = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
              SSL_CTX_set_cipher_list(context, ciphers_1_2) == 1 &&
              SSL_CTX_use_certificate(context, own.leaf.get()) == 1 &&
              SSL_CTX_use_PrivateKey(context, own.key.get()) == 1;
  for (const auto& link : own.chain)
    good = good && SSL_CTX_add1_chain_cert(context, link.get()) == 1;
  if (files.client_authorities.empty()) return good;
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const auto& authority : files.client_authorities) {
    good = good && X509_STORE_add_cert(store, authority.get()) == 1 &&
           SSL_CTX_add_client_CA(context, authority.get()) == 1;
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, go_on);
  return good;
}

void add_text(std::vector<std::string>& names, const ASN1_STRING* text) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, text);
  if (size <= 0) return;
  std::string name(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  // A NUL or a line break in a name is an attempt to look like another one.
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return;
  }
  names.push_back(std::move(name));
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  auto* all = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(all, i);
    const bool text = one->type == GEN_DNS || one->type == GEN_EMAIL || one->type == GEN_URI;
    if (text) add_text(names, one->d.ia5);
  }
  GENERAL_NAMES_free(all);
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (place >= 0) add_text(names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)));
  return names;
}

std::string reason() {
  return tls::take_error();
}

}  // namespace

MadeServerTls make_server_tls(const std::string& cert, const std::string& key,
                              const std::string& client_ca,
                              const std::shared_ptr<ServerTls>& before) {
  config::ListenerTls wanted;
  wanted.certificates.push_back({cert, key});
  wanted.client_ca = client_ca;
  std::vector<tls::FileFault> faults;
  const auto files = tls::load_server_files(wanted, faults);
  MadeServerTls made;
  for (const auto& fault : faults) {
    const std::string where = fault.key == "client_ca" ? "client_ca " : "tls ";
    if (fault.warning) {
      made.warnings.push_back(where + fault.text());
    } else if (made.fault.empty()) {
      made.fault = where + fault.text();
    }
  }
  if (!files) return made;
  auto fresh = std::make_shared<ServerTls>();
  fresh->fingerprint = fingerprint_of(*files);
  if (before && before->fingerprint == fresh->fingerprint) {
    made.tls = before;
  } else if (set_up(fresh->context.native_handle(), *files)) {
    made.tls = std::move(fresh);
  } else {
    made.fault = "tls " + cert + ": OpenSSL does not take it: " + reason();
  }
  return made;
}

std::optional<Peer::Certificate> peer_certificate(SSL* ssl) {
  const tls::CertificatePtr shown(SSL_get1_peer_certificate(ssl));
  if (!shown) return std::nullopt;
  Peer::Certificate out;
  out.names = names_of(shown.get());
  if (const long verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK)
    out.fault = X509_verify_cert_error_string(verdict);
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(shown.get()), &end) == 1)
    out.expires_us = static_cast<std::int64_t>(::timegm(&end)) * 1'000'000;
  return out;
}

std::shared_ptr<asio::ssl::context> make_client_tls(const ClientTls& files, std::string& error) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX* native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  const std::string& key = files.key_file.empty() ? files.cert_file : files.key_file;
  if (files.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(native);
  } else if (SSL_CTX_load_verify_locations(native, files.ca_file.c_str(), nullptr) != 1) {
    error = "--ca-file " + files.ca_file + ": " + reason();
    return nullptr;
  }
  if (files.cert_file.empty()) {
    if (!files.key_file.empty()) error = "--key-file needs --cert-file";
  } else if (SSL_CTX_use_certificate_chain_file(native, files.cert_file.c_str()) != 1) {
    error = "--cert-file " + files.cert_file + ": " + reason();
  } else if (SSL_CTX_use_PrivateKey_file(native, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    error = "--key-file " + key + ": " + reason();
  } else if (SSL_CTX_check_private_key(native) != 1) {
    error = "--key-file " + key + ": is not the key of " + files.cert_file;
    ERR_clear_error();
  }
  return error.empty() ? context : nullptr;
}

}  // namespace switchback::web
