#include "proxy/tls/server_files.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>

namespace switchback::tls {

std::string take_error() {
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  const char* reason = error ? ERR_reason_error_string(error) : nullptr;
  return reason ? reason : "refused by OpenSSL";
}

std::string FileFault::text() const {
  return file + ": " + message + (hint.empty() ? "" : " (" + hint + ")");
}

namespace {

constexpr std::size_t max_file_bytes = 4 * 1024 * 1024;

class Loading {
 public:
  Loading(std::string key, std::string file, std::vector<FileFault>& faults)
      : key_(std::move(key)), file_(std::move(file)), faults_(faults) {}

  void fault(std::string message, std::string hint = {}) const {
    faults_.push_back({key_, file_, std::move(message), std::move(hint), false});
  }
  void warn(std::string message, std::string hint = {}) const {
    faults_.push_back({key_, file_, std::move(message), std::move(hint), true});
  }
  const std::string& file() const { return file_; }

  std::optional<std::string> bytes() const {
    struct stat about {};
    if (::stat(file_.c_str(), &about) == 0 && !S_ISREG(about.st_mode)) {
      fault("is not a file", "");
      return std::nullopt;
    }
    errno = 0;
    std::ifstream in(file_, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in || text.empty()) {
      const int error = errno;
      fault(error != 0 ? std::strerror(error) : "is empty",
            error == EACCES ? "switchback has to be able to read it" : "");
      return std::nullopt;
    }
    if (text.size() > max_file_bytes) {
      fault("is larger than 4 MiB");
      return std::nullopt;
    }
    return text;
  }

 private:
  std::string key_, file_;
  std::vector<FileFault>& faults_;
};

BioPtr memory(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::vector<CertificatePtr> read_certificates(const Loading& from) {
  std::vector<CertificatePtr> out;
  const auto text = from.bytes();
  if (!text) return out;
  const BioPtr bio = memory(*text);
  ERR_clear_error();
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) out.emplace_back(one);
  const unsigned long error = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!at_end) {
    from.fault("holds a broken certificate: " + take_error(),
               "PEM blocks of BEGIN CERTIFICATE, the server's own first");
    out.clear();
  } else if (out.empty()) {
    from.fault("holds no certificate", text->find("PRIVATE KEY") != std::string::npos
                                           ? "it holds a private key; are cert and key exchanged?"
                                           : "PEM blocks of BEGIN CERTIFICATE are wanted");
  }
  ERR_clear_error();
  return out;
}

int note_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

KeyPtr read_key(const Loading& from) {
  const auto text = from.bytes();
  if (!text) return nullptr;
  const BioPtr bio = memory(*text);
  bool asked = false;
  ERR_clear_error();
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, note_passphrase, &asked));
  if (asked) {
    from.fault("is encrypted with a passphrase, which nobody is there to type",
               "`openssl pkey -in FILE -out NEW` writes it without one; guard it by its mode");
    key.reset();
  } else if (!key) {
    from.fault("holds no private key that can be read: " + take_error(),
               text->find("BEGIN CERTIFICATE") != std::string::npos
                   ? "it holds a certificate; are cert and key exchanged?"
                   : "a PEM block of BEGIN PRIVATE KEY is wanted");
  } else {
    struct stat about {};
    if (::stat(from.file().c_str(), &about) == 0 && (about.st_mode & S_IROTH)) {
      from.warn("can be read by everybody on this machine", "chmod 600, or 640 with a group");
    }
  }
  ERR_clear_error();
  return key;
}

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

void judge(const Loading& from, const LoadedCertificate& certificate) {
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
  const Loading cert_file(key + ".cert", from.cert, faults);
  const Loading key_file(key + ".key", from.key, faults);
  out.chain = read_certificates(cert_file);
  out.key = read_key(key_file);
  if (out.chain.empty() || !out.key) return false;
  out.leaf = std::move(out.chain.front());
  out.chain.erase(out.chain.begin());
  if (X509_check_private_key(out.leaf.get(), out.key.get()) != 1) {
    ERR_clear_error();
    key_file.fault("does not belong to the certificate " + from.cert,
                   "give the key that this certificate was asked for with");
    return false;
  }
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
    const Loading from("client_ca", tls.client_ca, faults);
    files->client_authorities = read_certificates(from);
    if (files->client_authorities.empty()) {
      sound = false;
    } else if (const auto text = from.bytes()) {
      files->client_authority_digest = digest_of(*text);
    }
  }
  if (!sound || files->certificates.empty()) return nullptr;
  return files;
}

}  // namespace switchback::tls
