#include "proxy/tls/server_context.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

namespace switchback::tls {

namespace {

constexpr char ciphers_1_2[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char ciphers_1_3[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
// The second where this OpenSSL does not know the hybrid with ML-KEM yet.
constexpr const char* groups[] = {"X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"};
constexpr long session_seconds = 2 * 3600;
constexpr std::string_view http_1_1 = "\x08http/1.1";

bool set_parameters(SSL_CTX* context, const config::ListenerTls& tls) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_security_level(context, 2);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets only
  SSL_CTX_set_timeout(context, session_seconds);
  const bool grouped = SSL_CTX_set1_groups_list(context, groups[0]) == 1 ||
                       SSL_CTX_set1_groups_list(context, groups[1]) == 1;
  const int oldest = tls.min_version == config::TlsVersion::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
  return grouped && SSL_CTX_set_min_proto_version(context, oldest) == 1 &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context, ciphers_1_2) == 1 &&
         SSL_CTX_set_ciphersuites(context, ciphers_1_3) == 1;
}

// Objects of its own for each worker: OpenSSL counts references at every handshake.
bool use_certificate(SSL_CTX* context, const LoadedCertificate& certificate) {
  const CertificatePtr leaf(X509_dup(certificate.leaf.get()));
  const KeyPtr key(EVP_PKEY_dup(certificate.key.get()));
  if (!leaf || !key || SSL_CTX_use_certificate(context, leaf.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return false;
  }
  for (const CertificatePtr& link : certificate.chain) {
    // A root needs not be sent: who trusts it has it.
    if (X509_NAME_cmp(X509_get_issuer_name(link.get()), X509_get_subject_name(link.get())) == 0) {
      continue;
    }
    X509* copy = X509_dup(link.get());
    if (!copy || SSL_CTX_add0_chain_cert(context, copy) != 1) {
      X509_free(copy);
      return false;
    }
  }
  return true;
}

bool ask_clients(SSL_CTX* context, const config::ListenerTls& tls, const ServerFiles& files) {
  if (files.client_authorities.empty()) return true;
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const CertificatePtr& authority : files.client_authorities) {
    const CertificatePtr copy(X509_dup(authority.get()));
    if (!copy || X509_STORE_add_cert(store, copy.get()) != 1) return false;
    if (SSL_CTX_add_client_CA(context, copy.get()) != 1) return false;
  }
  const bool required = tls.client_certificate == config::ClientCertificate::require;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  return true;
}

// Sessions go on only where they would also have begun: a ticket from before a change of the
// clients' authority has to show its certificate again.
bool name_sessions(SSL_CTX* context, const config::ListenerTls& tls, const ServerFiles& files) {
  std::string text = "switchback" + files.client_authority_digest;
  text += tls.client_certificate == config::ClientCertificate::require ? 'r' : 'o';
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned bytes = 0;
  return EVP_Digest(text.data(), text.size(), digest, &bytes, EVP_sha256(), nullptr) == 1 &&
         SSL_CTX_set_session_id_context(context, digest, std::min(bytes, 32u)) == 1;
}

// One certificate of each kind of key among those that carry `name`.
std::vector<std::size_t> carriers(const ServerFiles& files, const std::string& name) {
  const std::size_t dot = name.find('.');
  const std::string behind =
      dot == std::string::npos ? std::string() : "*" + name.substr(dot);  // "*.example.com"
  std::vector<std::size_t> chosen;
  for (const std::string& wanted : {name, behind}) {
    for (std::size_t i = 0; i < files.certificates.size() && !wanted.empty(); ++i) {
      const LoadedCertificate& one = files.certificates[i];
      if (std::find(one.names.begin(), one.names.end(), wanted) == one.names.end()) continue;
      const bool of_a_kind = std::any_of(chosen.begin(), chosen.end(), [&](std::size_t other) {
        return files.certificates[other].key_type == one.key_type;
      });
      if (!of_a_kind) chosen.push_back(i);
    }
  }
  return chosen;
}

}  // namespace

std::shared_ptr<ServerContext> ServerContext::make(const config::ListenerTls& tls,
                                                   const ServerFiles& files,
                                                   std::shared_ptr<TicketKeys> keys,
                                                   std::string& error) {
  std::shared_ptr<ServerContext> context(new ServerContext);
  context->keys_ = std::move(keys);
  context->ticket_cipher_.reset(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr));
  if (!context->ticket_cipher_ || !context->fill(tls, files, error)) {
    if (error.empty()) error = take_error();
    return nullptr;
  }
  return context;
}

bool ServerContext::fill(const config::ListenerTls& tls, const ServerFiles& files,
                         std::string& error) {
  for (const LoadedCertificate& certificate : files.certificates) {
    for (const std::string& name : certificate.names) {
      SSL_CTX* context = context_for(tls, files, carriers(files, name), error);
      if (!context) return false;
      if (name.starts_with("*.")) {
        wildcard_.emplace(name.substr(2), context);
      } else {
        exact_.emplace(name, context);
      }
    }
  }
  const LoadedCertificate& first = files.certificates.front();
  Chosen chosen = first.names.empty() ? Chosen{} : carriers(files, first.names.front());
  // The first certificate itself, whatever others carry its name.
  std::erase_if(chosen,
                [&](std::size_t i) { return files.certificates[i].key_type == first.key_type; });
  chosen.insert(chosen.begin(), 0);
  default_ = context_for(tls, files, chosen, error);
  return default_ != nullptr;
}

SSL_CTX* ServerContext::context_for(const config::ListenerTls& tls, const ServerFiles& files,
                                    const Chosen& chosen, std::string& error) {
  const auto known = contexts_.find(chosen);
  if (known != contexts_.end()) return known->second.get();
  ContextPtr context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* raw = context.get();
  if (!raw || !set_parameters(raw, tls) || !ask_clients(raw, tls, files) ||
      !name_sessions(raw, tls, files)) {
    error = take_error();
    return nullptr;
  }
  for (const std::size_t i : chosen) {
    if (use_certificate(raw, files.certificates[i])) continue;
    error = tls.certificates[i].cert + ": " + take_error();
    return nullptr;
  }
  SSL_CTX_set_app_data(raw, this);
  SSL_CTX_set_tlsext_servername_callback(raw, on_name);
  SSL_CTX_set_tlsext_servername_arg(raw, this);
  SSL_CTX_set_alpn_select_cb(raw, on_protocols, this);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(raw, on_ticket);
  return contexts_.emplace(chosen, std::move(context)).first->second.get();
}

std::unique_ptr<Layer> ServerContext::accept(Workspace& workspace) {
  SSL* ssl = SSL_new(default_);
  if (!ssl) return nullptr;
  SSL_set_accept_state(ssl);
  return std::make_unique<Layer>(workspace, ssl, shared_from_this());
}

SSL_CTX* ServerContext::find(std::string_view name) const {
  if (const auto exact = exact_.find(name); exact != exact_.end()) return exact->second;
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const auto wildcard = wildcard_.find(name.substr(dot + 1));
  return wildcard == wildcard_.end() ? nullptr : wildcard->second;
}

int ServerContext::on_name(SSL* ssl, int*, void* self) {
  const char* asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!asked) return SSL_TLSEXT_ERR_NOACK;
  char name[256];  // a longer one is no host name (RFC 1035 §2.3.4)
  std::size_t bytes = ::strnlen(asked, sizeof name);
  if (bytes == sizeof name) return SSL_TLSEXT_ERR_NOACK;
  std::transform(asked, asked + bytes, name,
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (bytes > 0 && name[bytes - 1] == '.') --bytes;
  const auto& context = *static_cast<const ServerContext*>(self);
  SSL_CTX* found = context.find({name, bytes});
  if (found && found != context.default_) SSL_set_SSL_CTX(ssl, found);
  // Also where nobody carries the name: the client judges the certificate that it gets.
  return found ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

// RFC 7301 §3.2: no overlap is fatal, with the alert that says so.
int ServerContext::on_protocols(SSL*, const unsigned char** out, unsigned char* out_bytes,
                                const unsigned char* in, unsigned in_bytes, void*) {
  for (unsigned at = 0; at < in_bytes; at += 1u + in[at]) {
    const std::string_view one(reinterpret_cast<const char*>(in + at), 1u + in[at]);
    if (one != http_1_1) continue;
    *out = in + at + 1;
    *out_bytes = in[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int ServerContext::on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv,
                             EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int sealing) {
  auto& self = *static_cast<ServerContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  TicketKeys::Key key;
  const Nanos now = monotonic_ns();
  TicketKeys::Found found = TicketKeys::Found::newest;
  if (sealing) {
    if (!self.keys_->newest(now, key) || RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return -1;
    std::memcpy(name, key.name.data(), key.name.size());
  } else {
    found = self.keys_->find(now, name, key);
    if (found == TicketKeys::Found::no) return 0;
  }
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  const bool set = EVP_MAC_CTX_set_params(mac, parameters) == 1 &&
                   EVP_CipherInit_ex(cipher, self.ticket_cipher_.get(), nullptr, key.cipher.data(),
                                     iv, sealing) == 1;
  OPENSSL_cleanse(&key, sizeof key);
  if (!set) return -1;
  // 2: opened, and a new ticket is to follow, which in TLS 1.3 is for one use (RFC 8446 §C.4).
  return found == TicketKeys::Found::older || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
}

}  // namespace switchback::tls
