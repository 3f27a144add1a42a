#include "proxy/tls/server_files.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <ctime>

namespace switchback::tls {

namespace {

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

// subjectAltName's DNS names (RFC 6125 §6.4); the common name only where there are none.
std::vector<std::string> names_of(X509* leaf) {
  std::vector<std::string> names;
  auto* all =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    names.push_back(lower({text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))}));
  }
  GENERAL_NAMES_free(all);
  if (!names.empty()) return names;
  char common[256];
  const int size =
      X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, common, sizeof common);
  if (size > 0) names.push_back(lower({common, static_cast<std::size_t>(size)}));
  return names;
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return ::timegm(&parts);
}

std::string date_of(std::int64_t seconds) {
  const auto when = static_cast<std::time_t>(seconds);
  std::tm parts{};
  char text[32];
  ::gmtime_r(&when, &parts);
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text;
}

void judge(const PemFile& from, const LoadedCertificate& certificate) {
  constexpr std::int64_t soon = 7 * 24 * 3600;
  const std::int64_t now = std::time(nullptr);
  const std::int64_t begins = seconds_of(X509_get0_notBefore(certificate.leaf.get()));
  if (begins > now) {
    from.warn("is not valid before " + date_of(begins), "clients will refuse it until then");
  }
  if (certificate.not_after < now) {
    from.warn("expired on " + date_of(certificate.not_after), "clients refuse it; renew it");
  } else if (certificate.not_after < now + soon) {
    from.warn("expires on " + date_of(certificate.not_after), "renew it and send SIGHUP");
  }
  const X509* leaf = certificate.leaf.get();
  const X509_NAME* wanted = X509_get_issuer_name(leaf);
  for (const CertificatePtr& next : certificate.chain) {
    if (X509_NAME_cmp(wanted, X509_get_subject_name(next.get())) != 0) {
      from.warn("its chain is broken or out of order: a certificate is not followed by its issuer",
                "the server's own first, then each one's issuer; the root may be left out");
      return;
    }
    wanted = X509_get_issuer_name(next.get());
  }
}

// Two of a kind for the same names: the second would never be shown.
void find_doubles(const config::ListenerTls& tls, const ServerFiles& files,
                  std::vector<FileFault>& faults) {
  for (std::size_t i = 0; i < files.certificates.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const LoadedCertificate& one = files.certificates[i];
      const LoadedCertificate& other = files.certificates[j];
      const auto known = [&](const std::string& name) {
        return std::find(other.names.begin(), other.names.end(), name) != other.names.end();
      };
      if (one.key_type != other.key_type ||
          !std::all_of(one.names.begin(), one.names.end(), known)) {
        continue;
      }
      faults.push_back({"certificates[" + std::to_string(i) + "].cert", tls.certificates[i].cert,
                        "is never shown: " + tls.certificates[j].cert +
                            " stands before it, with the same names and the same kind of key",
                        "leave one of them out", true});
      break;
    }
  }
}

std::string digest_of(const std::string& text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return {reinterpret_cast<const char*>(digest), sizeof digest};
}

bool load_certificate(const config::Certificate& from, const std::string& key,
                      std::vector<FileFault>& faults, LoadedCertificate& out) {
  PemFile cert_file(key + ".cert", from.cert, faults);
  PemFile key_file(key + ".key", from.key, faults);
  const bool readable = cert_file.read();
  if (!key_file.read() || !readable || !parse_key_pair(cert_file, key_file, out)) return false;
  out.names = names_of(out.leaf.get());
  out.key_type = EVP_PKEY_get_base_id(out.key.get());
  out.not_after = seconds_of(X509_get0_notAfter(out.leaf.get()));
  judge(cert_file, out);
  // OpenSSL's own judgement: too short a key, a broken signature algorithm.
  const ContextPtr trial(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_security_level(trial.get(), 2);
  if (SSL_CTX_use_certificate(trial.get(), out.leaf.get()) != 1 ||
      SSL_CTX_use_PrivateKey(trial.get(), out.key.get()) != 1) {
    cert_file.fault("cannot be used: " + take_error(),
                    "RSA keys of 2048 bits and more, or P-256, with SHA-256");
    return false;
  }
  return true;
}

}  // namespace

std::shared_ptr<const ServerFiles> load_server_files(const config::ListenerTls& tls,
                                                     std::vector<FileFault>& faults) {
  auto files = std::make_shared<ServerFiles>();
  bool sound = true;
  for (std::size_t i = 0; i < tls.certificates.size(); ++i) {
    LoadedCertificate loaded;
    const std::string key = "certificates[" + std::to_string(i) + "]";
    if (load_certificate(tls.certificates[i], key, faults, loaded)) {
      files->certificates.push_back(std::move(loaded));
    } else {
      sound = false;
    }
  }
  if (sound) find_doubles(tls, *files, faults);
  if (!tls.client_ca.empty()) {
    PemFile from("client_ca", tls.client_ca, faults);
    if (from.read()) files->client_authorities = from.certificates();
    if (files->client_authorities.empty()) sound = false;
    files->client_authority_digest = digest_of(from.text());
  }
  if (!sound || files->certificates.empty()) return nullptr;
  return files;
}

}  // namespace switchback::tls
