#include "proxy/tls/client_context.hpp"

#include <arpa/inet.h>
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
  return 1;  // it is ours now
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
bool read_system_roots(PemFile& ca) {
  const std::string file = environment_or("SSL_CERT_FILE", X509_get_default_cert_file());
  std::string text;
  if (!read_pem(file, text).message.empty()) {
    text.clear();
    const std::string folder = environment_or("SSL_CERT_DIR", X509_get_default_cert_dir());
    std::error_code error;
    std::string one;
    for (auto at = std::filesystem::directory_iterator(folder, error);
         !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
      if (!is_hashed_name(at->path().filename().string())) continue;
      if (read_pem(at->path().string(), one).message.empty()) text += one + "\n";
    }
    if (text.empty()) {
      ca.fault("is empty (" + file + ", " + folder + ")",
               "install ca-certificates or name a PEM file in ca");
      return false;
    }
  }
  ca.set_text(std::move(text));
  return true;
}

Owned<X509_STORE> parse_roots(const PemFile& ca) {
  const std::vector<CertificatePtr> roots = ca.certificates();
  if (roots.empty()) return nullptr;
  Owned<X509_STORE> store(X509_STORE_new());
  for (const auto& root : roots) {
    if (store && X509_STORE_add_cert(store.get(), root.get()) == 1) continue;
    ca.fault("cannot be used: " + take_error());
    return nullptr;
  }
  return store;
}

// What the files hold.
class Material {
 public:
  Material(const config::PoolTls& settings, std::vector<FileFault>& faults)
      : settings_(settings),
        ca_("tls.ca", settings.ca.empty() ? "the system's certificate store" : settings.ca, faults),
        cert_("tls.cert", settings.cert, faults),
        // A key may stand in the certificate's file.
        key_("tls.key", settings.key.empty() ? settings.cert : settings.key, faults) {}

  bool read() {
    bool sound = true;
    if (settings_.verify) sound = settings_.ca.empty() ? read_system_roots(ca_) : ca_.read();
    if (settings_.cert.empty()) return sound;
    sound = cert_.read() && sound;
    return key_.read() && sound;
  }

  bool parse() {
    if (settings_.verify) roots = parse_roots(ca_);
    const bool own_is_sound = settings_.cert.empty() || parse_key_pair(cert_, key_, own);
    return own_is_sound && (roots || !settings_.verify);
  }

  std::string fingerprint() const {
    std::string all;
    for (const std::string* part : {&settings_.ca, &settings_.sni, &settings_.cert, &settings_.key,
                                    &ca_.text(), &cert_.text(), &key_.text()}) {
      all += std::to_string(part->size()) + ":" + *part;
    }
    all += settings_.verify ? "v" : "n";
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest);
    return {reinterpret_cast<const char*>(digest), sizeof digest};
  }

  // What OpenSSL refuses is the certificate's fault.
  bool use_own(SSL_CTX* context) const {
    if (!own.leaf) return true;
    bool used = SSL_CTX_use_certificate(context, own.leaf.get()) == 1 &&
                SSL_CTX_use_PrivateKey(context, own.key.get()) == 1;
    for (const auto& link : own.chain) {
      used = used && SSL_CTX_add1_chain_cert(context, link.get()) == 1;
    }
    if (!used) cert_.fault("cannot be used: " + take_error());
    return used;
  }

  Owned<X509_STORE> roots;
  KeyPair own;

 private:
  const config::PoolTls& settings_;
  PemFile ca_, cert_, key_;
};

bool make_one(const Material& material, bool verify, std::vector<FileFault>& faults,
              ContextPtr& out) {
  out.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = out.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_alpn_protos(context, http_1_1, sizeof http_1_1 - 1) != 0) {
    faults.push_back({"tls", "OpenSSL", take_error(), "", false});
    return false;
  }
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  SSL_CTX_set_verify(context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (material.roots) SSL_CTX_set1_cert_store(context, material.roots.get());
  return material.use_own(context);
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
  if (name.ends_with('.')) name.pop_back();  // RFC 6066 §3: without the trailing dot
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
  Material material(settings, made.faults);
  if (!material.read()) return made;
  const std::string fingerprint = material.fingerprint();
  if (before.size() == count && count > 0 && before.front()->fingerprint_ == fingerprint) {
    made.contexts = before;
    return made;
  }
  bool sound = material.parse();
  for (std::size_t i = 0; i < count && sound; ++i) {
    std::shared_ptr<ClientContext> one(new ClientContext);
    sound = make_one(material, settings.verify, made.faults, one->context_);
    one->fingerprint_ = fingerprint;
    one->verify_ = settings.verify;
    made.contexts.push_back(std::move(one));
  }
  if (!sound) made.contexts.clear();
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
    SSL_set_session(ssl.get(), session.get());  // refused: a full handshake, no harm
  }
  return ssl;
}

}  // namespace switchback::tls
