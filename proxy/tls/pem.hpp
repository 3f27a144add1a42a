// PEM files: certificates, chains, private keys, read whole into memory by the control thread, with
// sentences that say what is wrong with a file and what mends it. For listeners (server_files.hpp)
// and for connections to servers (client_context.hpp) alike.
//
// Threads: the control thread; blocks on disk. Errors: a FileFault each; reading goes on with the
// next file, so that all faults are said at once.
#pragma once

#include <string>
#include <vector>

#include "proxy/tls/handles.hpp"

namespace switchback::tls {

// What is wrong with a file. `key`: below listeners[i].tls or a pool's tls, "certificates[0].key".
struct FileFault {
  std::string key;
  std::string file;
  std::string message;  // "is encrypted with a passphrase, which nobody is there to type"
  std::string hint;     // what mends it
  bool warning = false;
  std::string text() const;  // "FILE: message (hint)"
};

inline constexpr std::size_t max_pem_bytes = 16 * 1024 * 1024;
// The whole file; what went wrong as `message` and `hint`, both empty when nothing did.
struct ReadFault {
  std::string message, hint;
};
ReadFault read_pem(const std::string& path, std::string& text);

// One file and the configuration key that names it; its faults go where all of them are gathered.
class PemFile {
 public:
  PemFile(std::string key, std::string file, std::vector<FileFault>& faults)
      : key_(std::move(key)), file_(std::move(file)), faults_(faults) {}

  bool read();  // false: a fault was noted. Once is enough for all that follows.
  void set_text(std::string text) { text_ = std::move(text); }
  const std::string& text() const { return text_; }
  const std::string& file() const { return file_; }

  // In order; empty: a fault was noted.
  std::vector<CertificatePtr> certificates() const;
  // The first private key; null: a fault was noted. A passphrase is never asked for.
  KeyPtr private_key() const;

  void fault(std::string message, std::string hint = {}) const;
  void warn(std::string message, std::string hint = {}) const;

 private:
  std::string key_, file_, text_;
  std::vector<FileFault>& faults_;
};

// A certificate with its chain and its key, which have to belong together.
struct KeyPair {
  CertificatePtr leaf;
  std::vector<CertificatePtr> chain;  // what leads from the leaf to the root
  KeyPtr key;
};
bool parse_key_pair(const PemFile& cert, const PemFile& key, KeyPair& out);

}  // namespace switchback::tls
