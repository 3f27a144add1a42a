// Certificates for tests, made with the openssl program into a folder of their own: one authority,
// and as many certificates under it as a test wants.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/process.hpp"
#include "tests/support/temp_dir.hpp"

namespace switchback::test {

struct CertificateFiles {
  std::string cert, key;  // PEM files; the leaf only
};

struct CertificateWish {
  std::string name = "shop.test";       // the subject's common name, and the file's
  std::string names = "DNS:shop.test";  // subjectAltName; "": none
  bool rsa = false;                     // RSA-2048, else P-256
  bool client = false;                  // for clients, else for servers
  bool expired = false;
};

class Authority {
 public:
  explicit Authority(const std::string& name = "Test Authority") {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "30", "-subj", "/CN=" + name, "-keyout", folder_.file("ca.key"), "-out",
             folder_.file("ca.pem"), "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
             "keyUsage=critical,keyCertSign,cRLSign"});
  }

  std::string ca() const { return folder_.file("ca.pem"); }
  const TempDir& folder() const { return folder_; }

  CertificateFiles issue(const CertificateWish& wish) {
    const std::string base = wish.name + "-" + std::to_string(++issued_);
    CertificateFiles files{folder_.file(base + ".pem"), folder_.file(base + ".key")};
    const std::string request = folder_.file(base + ".csr");
    std::vector<std::string> make = {"req",     "-new",    "-nodes", "-subj", "/CN=" + wish.name,
                                     "-keyout", files.key, "-out",   request};
    if (wish.rsa) {
      make.insert(make.end(), {"-newkey", "rsa:2048"});
    } else {
      make.insert(make.end(), {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"});
    }
    openssl(make);
    std::string extensions = "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=" +
                             std::string(wish.client ? "clientAuth" : "serverAuth") + "\n";
    if (!wish.names.empty()) extensions += "subjectAltName=" + wish.names + "\n";
    const std::string extension_file = folder_.write(base + ".ext", extensions);
    if (wish.expired) {
      sign_for_yesterday(request, extension_file, files.cert);
      return files;
    }
    openssl({"x509", "-req", "-in", request, "-CA", ca(), "-CAkey", folder_.file("ca.key"),
             "-set_serial", std::to_string(1000 + issued_), "-extfile", extension_file, "-out",
             files.cert, "-days", "10"});
    return files;
  }

  static void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    const Finished done = run(arguments);
    if (done.code != 0) throw std::runtime_error("openssl " + arguments[1] + ": " + done.err);
  }

 private:
  // A certificate that was good once: `openssl x509` takes a beginning only from version 3.4 on,
  // and from then on refuses an end before the beginning; `openssl ca` takes both in every version.
  void sign_for_yesterday(const std::string& request, const std::string& extension_file,
                          const std::string& cert) {
    const std::string database = folder_.write("ca.index", "");
    folder_.write("ca.serial", std::to_string(1000 + issued_) + "\n");
    const std::string settings = folder_.write(
        "ca.conf",
        "[ca]\ndefault_ca=test\n[test]\ndatabase=" + database +
            "\nserial=" + folder_.file("ca.serial") + "\nnew_certs_dir=" + folder_.path() +
            "\ndefault_md=sha256\npolicy=any\nemail_in_dn=no\n" + "[any]\ncommonName=supplied\n");
    openssl({"ca", "-batch", "-notext", "-config", settings, "-in", request, "-cert", ca(),
             "-keyfile", folder_.file("ca.key"), "-extfile", extension_file, "-startdate",
             "20200101000000Z", "-enddate", "20200102000000Z", "-out", cert});
  }

  TempDir folder_;
  int issued_ = 0;
};

}  // namespace switchback::test
