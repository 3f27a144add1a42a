#include "proxy/tls/client_context.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>

namespace switchback::tls {
namespace {

constexpr unsigned char http_1_1[] = "\x08http/1.1";

bool is_ip(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

// Where an SSL keeps its server's store. Index 0, "application data", belongs to Asio.
int store_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* store = static_cast<SessionStore*>(SSL_get_ex_data(ssl, store_index()));
  if (store == nullptr) return 0;
  store->put(Owned<SSL_SESSION>(session));
  return 1;   // it is ours now
}

std::string environment_or(const char* name, const char* otherwise) {
  const char* told = std::getenv(name);
  return told != nullptr && *told != '\0' ? told : otherwise;
}

// Roots in a folder are looked up by the hash of their names: hhhhhhhh.N.
bool is_hashed_name(const std::string& name) {
  if (name.size() != 10 || name[8] != '.') return false;
  return name.find_first_not_of("0123456789abcdef.") == std::string::npos;
}

// All roots of the system, read now: OpenSSL by itself would read a folder's files when they are
// needed, on a worker in the middle of a handshake.
std::string read_system_roots(std::string& text) {
  const std::string file = environment_or("SSL_CERT_FILE", X509_get_default_cert_file());
  if (read_pem(file, text).empty() && !text.empty()) return {};
  const std::string folder = environment_or("SSL_CERT_DIR", X509_get_default_cert_dir());
  std::error_code error;
  std::string one;
  for (auto at = std::filesystem::directory_iterator(folder, error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    if (!is_hashed_name(at->path().filename().string())) continue;
    if (read_pem(at->path().string(), one).empty()) text += one + "\n";
  }
  if (!text.empty()) return {};
  return "the system's certificate store (" + file + ", " + folder +
         ") is empty; install ca-certificates or name a PEM file in ca";
}

std::string parse_roots(const std::string& path, const std::string& text, Owned<X509_STORE>& out) {
  std::vector<Owned<X509>> roots;
  if (auto fault = parse_certificates(path, text, roots); !fault.empty()) return fault;
  out.reset(X509_STORE_new());
  for (const auto& root : roots) {
    if (!out || X509_STORE_add_cert(out.get(), root.get()) != 1) {
      return path + ": " + openssl_reason();
    }
  }
  return {};
}

// What the files hold.
struct Material {
  std::string ca_text, cert_text, key_text;
  Owned<X509_STORE> roots;
  KeyPair own;

  std::string read(const config::PoolTls& settings) {
    if (settings.verify) {
      const std::string fault = settings.ca.empty() ? read_system_roots(ca_text)
                                                    : read_pem(settings.ca, ca_text);
      if (!fault.empty()) return "tls.ca " + fault;
    }
    if (settings.cert.empty()) return {};
    if (auto fault = read_pem(settings.cert, cert_text); !fault.empty()) return "tls.cert " + fault;
    // A key may stand in the certificate's file.
    if (auto fault = read_pem(settings.key.empty() ? settings.cert : settings.key, key_text);
        !fault.empty()) {
      return "tls.key " + fault;
    }
    return {};
  }

  std::string parse(const config::PoolTls& settings) {
    if (settings.verify) {
      const std::string name = settings.ca.empty() ? "of the system" : settings.ca;
      if (auto fault = parse_roots(name, ca_text, roots); !fault.empty()) return "tls.ca " + fault;
    }
    if (settings.cert.empty()) return {};
    const std::string& key = settings.key.empty() ? settings.cert : settings.key;
    if (auto fault = parse_key_pair(settings.cert, cert_text, key, key_text, own); !fault.empty()) {
      return "tls.cert " + fault;
    }
    return {};
  }

  std::string fingerprint(const config::PoolTls& settings) const {
    std::string all;
    for (const std::string* part : {&settings.ca, &settings.sni, &settings.cert, &settings.key,
                                    &ca_text, &cert_text, &key_text}) {
      all += std::to_string(part->size()) + ":" + *part;
    }
    all += settings.verify ? "v" : "n";
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest);
    return {reinterpret_cast<const char*>(digest), sizeof digest};
  }
};

std::string make_one(const Material& material, bool verify, Owned<SSL_CTX>& out) {
  out.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = out.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_alpn_protos(context, http_1_1, sizeof http_1_1 - 1) != 0) {
    return "tls: " + openssl_reason();
  }
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  SSL_CTX_set_verify(context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (material.roots) SSL_CTX_set1_cert_store(context, material.roots.get());
  if (!material.own.empty() && !material.own.use(context)) return "tls.cert: " + openssl_reason();
  return {};
}

}  // namespace

ServerName server_name(const config::PoolTls& settings, const config::Address& server) {
  std::string name = settings.sni;
  if (name.empty() && server.kind == config::AddressKind::tcp) name = server.host;
  ServerName wanted;
  if (is_ip(name)) {
    wanted.ip = name;
    return wanted;
  }
  if (name.ends_with('.')) name.pop_back();   // RFC 6066 §3: without the trailing dot
  wanted.sni = wanted.host = name;
  return wanted;
}

void SessionStore::put(Owned<SSL_SESSION> session) {
  if (count_ == limit) {
    std::move(sessions_.begin() + 1, sessions_.end(), sessions_.begin());
    --count_;
  }
  sessions_[count_++] = std::move(session);
}

Owned<SSL_SESSION> SessionStore::take() {
  while (count_ > 0) {
    Owned<SSL_SESSION> newest = std::move(sessions_[--count_]);
    if (SSL_SESSION_is_resumable(newest.get()) != 1) continue;
    if (SSL_SESSION_get_protocol_version(newest.get()) < TLS1_3_VERSION) {
      SSL_SESSION_up_ref(newest.get());
      sessions_[count_++].reset(newest.get());
    }
    return newest;
  }
  return nullptr;
}

void SessionStore::clear() {
  while (count_ > 0) sessions_[--count_].reset();
}

ClientContext::Made ClientContext::make(
    const config::PoolTls& settings, std::size_t count,
    const std::vector<std::shared_ptr<const ClientContext>>& before) {
  Made made;
  Material material;
  made.error = material.read(settings);
  if (!made.error.empty()) return made;
  const std::string fingerprint = material.fingerprint(settings);
  if (before.size() == count && count > 0 && before.front()->fingerprint_ == fingerprint) {
    made.contexts = before;
    return made;
  }
  made.error = material.parse(settings);
  for (std::size_t i = 0; i < count && made.error.empty(); ++i) {
    std::shared_ptr<ClientContext> one(new ClientContext);
    made.error = make_one(material, settings.verify, one->context_);
    one->fingerprint_ = fingerprint;
    one->verify_ = settings.verify;
    made.contexts.push_back(std::move(one));
  }
  if (!made.error.empty()) made.contexts.clear();
  return made;
}

bool ClientContext::prepare(SSL* ssl, const ServerName& name) const {
  SSL_set_connect_state(ssl);
  if (!name.sni.empty() && SSL_set_tlsext_host_name(ssl, name.sni.c_str()) != 1) return false;
  if (!verify_) return true;
  if (!name.ip.empty()) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.ip.c_str()) == 1;
  }
  // Never "any name will do": an empty one would be that to OpenSSL.
  if (name.host.empty()) return false;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, name.host.c_str()) == 1;
}

Owned<SSL> ClientContext::connect(const ServerName& name, SessionStore* sessions) const {
  Owned<SSL> ssl(SSL_new(context_.get()));
  if (!ssl || !prepare(ssl.get(), name)) return nullptr;
  if (sessions == nullptr) return ssl;
  SSL_set_ex_data(ssl.get(), store_index(), sessions);
  if (const Owned<SSL_SESSION> session = sessions->take()) {
    SSL_set_session(ssl.get(), session.get());   // refused: a full handshake, no harm
  }
  return ssl;
}

}  // namespace switchback::tls
