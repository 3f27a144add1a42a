#include "proxy/tls/client_context.hpp"

#include "config/model.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/certificates.hpp"

using namespace switchback;
using namespace switchback::tls;
using switchback::test::Authority;

namespace {

config::Address tcp(const std::string& host) {
  config::Address address;
  address.text = host + ":443";
  address.host = host;
  address.port = 443;
  return address;
}

Owned<SSL_SESSION> session(int version) {
  Owned<SSL_SESSION> made(SSL_SESSION_new());
  SSL_SESSION_set_protocol_version(made.get(), version);
  const unsigned char id[] = "0123456789abcdef0123456789abcdef";
  SSL_SESSION_set1_id(made.get(), id, 32);  // one without would not be resumable
  return made;
}

}  // namespace

TEST_CASE("names are sent and verified, addresses are verified only", "[client-context]") {
  config::PoolTls settings;
  ServerName name = server_name(settings, tcp("app.internal."));
  CHECK(name.sni == "app.internal");
  CHECK(name.host == "app.internal");
  CHECK(name.ip.empty());
  for (const char* ip : {"10.0.0.7", "2001:db8::7"}) {
    name = server_name(settings, tcp(ip));
    CHECK(name.sni.empty());
    CHECK(name.ip == ip);
  }
  settings.sni = "other.internal";
  CHECK(server_name(settings, tcp("10.0.0.7")).sni == "other.internal");
  config::Address unix_socket;
  unix_socket.kind = config::AddressKind::unix_path;
  CHECK(server_name(settings, unix_socket).host == "other.internal");
  settings.sni.clear();
  CHECK(server_name(settings, unix_socket).host.empty());
}

TEST_CASE("the newest session first; one of TLS 1.3 once, one of TLS 1.2 again",
          "[client-context]") {
  SessionStore store;
  CHECK(store.take() == nullptr);
  for (std::size_t i = 0; i < SessionStore::limit + 3; ++i) store.put(session(TLS1_3_VERSION));
  CHECK(store.size() == SessionStore::limit);
  auto newest = session(TLS1_3_VERSION);
  SSL_SESSION* const raw = newest.get();
  store.put(std::move(newest));
  CHECK(store.take().get() == raw);
  CHECK(store.size() == SessionStore::limit - 1);
  store.clear();
  CHECK(store.size() == 0);
  store.put(session(TLS1_2_VERSION));
  CHECK(store.take() != nullptr);
  CHECK(store.size() == 1);
}

TEST_CASE("nothing changed: the same contexts; settings or files changed: others",
          "[client-context]") {
  Authority authority, next("the next one");
  config::PoolTls settings;
  settings.ca = authority.folder().file("copy.pem");
  std::filesystem::copy_file(authority.ca(), settings.ca);
  const auto first = ClientContext::make(settings, 3);
  REQUIRE(first.faults.empty());
  REQUIRE(first.contexts.size() == 3);
  CHECK(ClientContext::make(settings, 3, first.contexts).contexts == first.contexts);
  settings.sni = "app.internal";
  CHECK(ClientContext::make(settings, 3, first.contexts).contexts != first.contexts);
  settings.sni.clear();
  std::filesystem::copy_file(next.ca(), settings.ca,
                             std::filesystem::copy_options::overwrite_existing);
  const auto second = ClientContext::make(settings, 3, first.contexts);
  CHECK(second.faults.empty());
  CHECK(second.contexts != first.contexts);
}

TEST_CASE("a file that cannot be used is named with its key, the cause and the mend",
          "[client-context]") {
  Authority authority;
  const test::TempDir& folder = authority.folder();
  const auto own = authority.issue({.name = "own"});
  const auto other = authority.issue({.name = "other"});
  const auto fault = [&](const std::string& ca, const std::string& cert, const std::string& key) {
    config::PoolTls settings;
    settings.ca = ca;
    settings.cert = cert;
    settings.key = key;
    std::string said;
    const auto made = ClientContext::make(settings, 1);
    for (const auto& one : made.faults) {
      if (!one.warning) said += one.key + ": " + one.text();
    }
    CHECK(said.empty() == (made.contexts.size() == 1));
    return said;
  };
  const std::string missing = folder.file("missing.pem"), text = folder.write("text", "hello\n");
  const std::string locked = folder.file("locked.key"), both = folder.file("both.pem");
  Authority::openssl({"ec", "-in", own.key, "-aes256", "-passout", "pass:secret", "-out", locked});
  folder.write("both.pem", folder.read("own-1.key") + folder.read("own-1.pem"));
  CHECK(fault(missing, "", "") == "tls.ca: " + missing + ": No such file or directory");
  CHECK_THAT(fault(text, "", ""), ContainsSubstring("tls.ca: " + text + ": holds no certificate"));
  CHECK_THAT(fault(own.key, "", ""), ContainsSubstring("holds no certificate"));
  CHECK_THAT(fault(authority.ca(), own.cert, missing), ContainsSubstring("tls.key: " + missing));
  CHECK_THAT(fault(authority.ca(), own.cert, text), ContainsSubstring("holds no private key"));
  CHECK_THAT(fault(authority.ca(), own.cert, other.key),
             ContainsSubstring("does not belong to the certificate"));
  CHECK_THAT(fault(authority.ca(), own.cert, locked), ContainsSubstring("passphrase"));
  CHECK(fault(authority.ca(), own.cert, own.key).empty());
  CHECK(fault(authority.ca(), both, "").empty());
  CHECK_THAT(fault(folder.path(), "", ""), ContainsSubstring("is not a file"));
}
