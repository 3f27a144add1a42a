// Every way in which a certificate or a key can be wrong, and what is said about it.
#include "proxy/tls/server_files.hpp"

#include <sys/stat.h>

#include "tests/support/catch.hpp"
#include "tests/support/certificates.hpp"

using namespace switchback;
using namespace switchback::test;
using tls::FileFault;

namespace {

struct Files {
  Authority authority;
  CertificateFiles good = authority.issue({.names = "DNS:Shop.test,DNS:*.shop.test"});
  CertificateFiles rsa = authority.issue({.rsa = true});
  const TempDir& folder() const { return authority.folder(); }
  std::string text(const std::string& name) const {
    return folder().read(std::filesystem::path(name).filename().string());
  }

  std::vector<FileFault> load(const std::string& cert, const std::string& key,
                              const std::string& client_ca = "") {
    config::ListenerTls tls;
    tls.certificates = {{cert, key}};
    tls.client_ca = client_ca;
    std::vector<FileFault> faults;
    loaded = tls::load_server_files(tls, faults);
    return faults;
  }
  // The one error, or "none".
  std::string error(const std::string& cert, const std::string& key, const std::string& ca = "") {
    std::string said;
    for (const FileFault& fault : load(cert, key, ca)) {
      if (!fault.warning) said += fault.key + " " + fault.message + " (" + fault.hint + ")";
    }
    CHECK(said.empty() == (loaded != nullptr));
    return said.empty() ? "none" : said;
  }
  std::string warning(const std::string& cert, const std::string& key) {
    std::string said;
    for (const FileFault& fault : load(cert, key)) {
      CHECK(fault.warning);
      said += fault.message;
    }
    CHECK(loaded != nullptr);
    return said.empty() ? "none" : said;
  }
  std::shared_ptr<const tls::ServerFiles> loaded;
};

Files& files() {
  static Files made;
  return made;
}

}  // namespace

TEST_CASE("sound files are loaded with their names and kinds") {
  Files& f = files();
  CHECK(f.warning(f.good.cert, f.good.key) == "none");
  REQUIRE(f.loaded);
  CHECK(f.loaded->certificates[0].names == std::vector<std::string>{"shop.test", "*.shop.test"});
  CHECK(f.loaded->certificates[0].key_type == EVP_PKEY_EC);
  CHECK(f.error(f.rsa.cert, f.rsa.key, f.authority.ca()) == "none");
  CHECK(f.loaded->certificates[0].key_type == EVP_PKEY_RSA);
  CHECK(f.loaded->client_authorities.size() == 1);
  const auto nameless = f.authority.issue({.name = "only-common.test", .names = ""});
  CHECK(f.error(nameless.cert, nameless.key) == "none");
  CHECK(f.loaded->certificates[0].names == std::vector<std::string>{"only-common.test"});
}

TEST_CASE("files that cannot be used are refused, each with its cause and its mend") {
  Files& f = files();
  const TempDir& folder = f.folder();
  const std::string gone = folder.file("gone.pem");
  CHECK_THAT(f.error(gone, f.good.key), ContainsSubstring("certificates[0].cert No such file"));
  CHECK_THAT(f.error(f.good.cert, gone), ContainsSubstring("certificates[0].key No such file"));
  CHECK_THAT(f.error(folder.path(), f.good.key), ContainsSubstring("is not a file"));
  CHECK_THAT(f.error(folder.write("empty.pem", ""), f.good.key), ContainsSubstring("is empty"));
  CHECK_THAT(f.error(folder.write("words.pem", "hello\n"), f.good.key),
             ContainsSubstring("holds no certificate"));
  CHECK_THAT(f.error(f.good.key, f.good.key), ContainsSubstring("are cert and key exchanged?"));
  CHECK_THAT(f.error(f.good.cert, f.good.cert), ContainsSubstring("are cert and key exchanged?"));
  CHECK_THAT(f.error(f.good.cert, f.rsa.key),
             ContainsSubstring("does not belong to the certificate " + f.good.cert));
  std::string torn = f.text(f.good.cert);
  torn.resize(torn.size() / 2);
  CHECK_THAT(f.error(folder.write("torn.pem", torn), f.good.key),
             ContainsSubstring("certificate 1 is broken"));
  CHECK_THAT(f.error(f.good.cert, f.good.key, folder.write("no-ca.pem", "x")),
             ContainsSubstring("client_ca holds no certificate"));
  const std::string locked = folder.file("locked.key");
  Authority::openssl(
      {"pkey", "-in", f.good.key, "-aes256", "-passout", "pass:secret", "-out", locked});
  CHECK_THAT(f.error(f.good.cert, locked), ContainsSubstring("is encrypted with a passphrase"));
  const std::string weak = folder.file("weak");
  Authority::openssl({"req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak.test",
                      "-keyout", weak + ".key", "-out", weak + ".pem"});
  CHECK_THAT(f.error(weak + ".pem", weak + ".key"), ContainsSubstring("too small"));
}

TEST_CASE("what clients or strangers could mind is warned of") {
  Files& f = files();
  const auto expired = f.authority.issue({.name = "old.test", .names = "", .expired = true});
  CHECK_THAT(f.warning(expired.cert, expired.key), ContainsSubstring("expired on "));
  const std::string chain = f.folder().write("chain.pem", f.text(f.good.cert) + f.text(f.rsa.cert));
  CHECK_THAT(f.warning(chain, f.good.key), ContainsSubstring("chain is broken or out of order"));
  const std::string whole =
      f.folder().write("whole.pem", f.text(f.good.cert) + f.text(f.authority.ca()));
  CHECK(f.warning(whole, f.good.key) == "none");
  const std::string open = f.folder().write("open.key", f.text(f.good.key));
  REQUIRE(::chmod(open.c_str(), 0644) == 0);
  CHECK_THAT(f.warning(f.good.cert, open), ContainsSubstring("can be read by everybody"));
}

TEST_CASE("a certificate that would never be shown is warned of") {
  Files& f = files();
  config::ListenerTls tls;
  tls.certificates = {
      {f.good.cert, f.good.key}, {f.rsa.cert, f.rsa.key}, {f.good.cert, f.good.key}};
  std::vector<FileFault> faults;
  CHECK(tls::load_server_files(tls, faults));
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].key == "certificates[2].cert");
  CHECK_THAT(faults[0].text(), ContainsSubstring("is never shown"));
}
