#include "proxy/tls/pem.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace switchback::tls {
namespace {

// Asked for a passphrase: there is nobody to type one when a proxy starts at night.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

BioPtr reader_of(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

bool holds(const std::string& text, const char* label) {
  return text.find(label) != std::string::npos;
}

}  // namespace

std::string take_error() {
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  const char* reason = error ? ERR_reason_error_string(error) : nullptr;
  return reason ? reason : "refused by OpenSSL";
}

std::string FileFault::text() const {
  return file + ": " + message + (hint.empty() ? "" : " (" + hint + ")");
}

ReadFault read_pem(const std::string& path, std::string& text) {
  text.clear();
  struct stat about {};
  // A pipe would hold the start up for ever.
  if (::stat(path.c_str(), &about) == 0 && !S_ISREG(about.st_mode)) return {"is not a file", ""};
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  const auto fault = [](int error) -> ReadFault {
    return {std::generic_category().message(error),
            error == EACCES ? "let the user that runs switchback read it" : ""};
  };
  if (!file) return fault(errno);
  char piece[16 * 1024];
  while (const std::size_t n = std::fread(piece, 1, sizeof piece, file.get())) {
    text.append(piece, n);
    if (text.size() > max_pem_bytes) return {"is larger than 16 MiB", "is it a PEM file?"};
  }
  if (std::ferror(file.get())) return fault(errno);
  if (text.empty()) return {"is empty", "PEM blocks are wanted"};
  return {};
}

void PemFile::fault(std::string message, std::string hint) const {
  faults_.push_back({key_, file_, std::move(message), std::move(hint), false});
}

void PemFile::warn(std::string message, std::string hint) const {
  faults_.push_back({key_, file_, std::move(message), std::move(hint), true});
}

bool PemFile::read() {
  ReadFault found = read_pem(file_, text_);
  if (found.message.empty()) return true;
  fault(std::move(found.message), std::move(found.hint));
  return false;
}

std::vector<CertificatePtr> PemFile::certificates() const {
  std::vector<CertificatePtr> out;
  const BioPtr bio = reader_of(text_);
  ERR_clear_error();
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) out.emplace_back(one);
  const unsigned long error = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!at_end) {
    fault("certificate " + std::to_string(out.size() + 1) + " is broken: " + take_error(),
          "PEM blocks of BEGIN CERTIFICATE, the server's own first");
    out.clear();
  } else if (out.empty()) {
    fault("holds no certificate", holds(text_, "PRIVATE KEY")
                                      ? "it holds a private key; are cert and key exchanged?"
                                      : "PEM blocks of BEGIN CERTIFICATE are wanted");
  }
  ERR_clear_error();
  return out;
}

KeyPtr PemFile::private_key() const {
  const BioPtr bio = reader_of(text_);
  bool asked = false;
  ERR_clear_error();
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &asked));
  if (asked) {
    fault("is encrypted with a passphrase, which nobody is there to type",
          "`openssl pkey -in FILE -out NEW` writes it without one; guard it by its mode");
    key.reset();
  } else if (!key) {
    fault("holds no private key that can be read: " + take_error(),
          holds(text_, "BEGIN CERTIFICATE") && !holds(text_, "PRIVATE KEY")
              ? "it holds a certificate; are cert and key exchanged?"
              : "a PEM block of BEGIN PRIVATE KEY is wanted");
  } else {
    struct stat about {};
    if (::stat(file_.c_str(), &about) == 0 && (about.st_mode & S_IROTH)) {
      warn("can be read by everybody on this machine", "chmod 600, or 640 with a group");
    }
  }
  ERR_clear_error();
  return key;
}

bool parse_key_pair(const PemFile& cert, const PemFile& key, KeyPair& out) {
  out.chain = cert.certificates();
  out.key = key.private_key();
  if (out.chain.empty() || !out.key) return false;
  out.leaf = std::move(out.chain.front());
  out.chain.erase(out.chain.begin());
  if (X509_check_private_key(out.leaf.get(), out.key.get()) == 1) return true;
  ERR_clear_error();
  key.fault(
      "does not belong to the certificate " + cert.file(),
      "the server's own certificate stands first in its file; give the key it was asked for with");
  return false;
}

}  // namespace switchback::tls
