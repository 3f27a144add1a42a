// HTTPS on listeners, through a running data plane: what clients with every habit meet.
#include <atomic>
#include <filesystem>
#include <future>
#include <map>
#include <thread>

#include "proxy/tls/failure.hpp"
#include "tests/integration/plane.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/tls_client.hpp"

using namespace switchback;
using namespace switchback::test;
using namespace std::chrono_literals;

namespace {

Authority& authority() {
  static Authority made;
  return made;
}

// Made once: each takes a few processes.
const CertificateFiles& issued(const CertificateWish& wish) {
  static std::map<std::string, CertificateFiles> made;
  const std::string key =
      wish.name + wish.names + (wish.rsa ? "r" : "e") + (wish.client ? "c" : "s");
  const auto known = made.find(key);
  return known != made.end() ? known->second
                             : made.emplace(key, authority().issue(wish)).first->second;
}
const CertificateFiles& shop_ec() {
  return issued({.names = "DNS:shop.test,DNS:*.shop.test"});
}
const CertificateFiles& shop_rsa() {
  return issued({.names = "DNS:shop.test,DNS:*.shop.test", .rsa = true});
}
const CertificateFiles& other() {
  return issued({.name = "other.test", .names = "DNS:other.test"});
}
const CertificateFiles& deep() {
  return issued({.name = "deep.shop.test", .names = "DNS:deep.shop.test"});
}

config::Certificate pair_of(const CertificateFiles& files) {
  return {files.cert, files.key};
}

struct Https {
  explicit Https(config::ListenerTls tls = {}, unsigned workers = 1) {
    if (tls.certificates.empty()) tls.certificates = {pair_of(shop_ec())};
    config::Config config;
    config.services.push_back(service_of("shop", {server.address()}, {}));
    config.services[0].timeouts.request_head = head_limit;
    config.listeners.push_back({address_of("127.0.0.1:0"), std::move(tls)});
    config.listeners.push_back({address_of("127.0.0.1:0")});
    plane = std::make_unique<Plane>(std::move(config), workers);
    plain = (*plane)->listener_addresses()[1];
  }
  std::string address() const { return plane->address(); }
  TlsClientOptions trusting() const {
    TlsClientOptions options;
    options.ca = authority().ca();
    return options;
  }
  template <class Read>
  std::uint64_t sum(Read read) const {
    std::uint64_t all = 0;
    for (const auto* worker : (*plane)->stats().workers) {
      all += static_cast<std::uint64_t>(read(worker->tls));
    }
    return all;
  }
  std::uint64_t failures(tls::Failure failure) const {
    return sum([&](const auto& s) { return s.failures[static_cast<std::size_t>(failure)].read(); });
  }
  std::uint64_t handshakes() const {
    return sum([](const auto& s) { return s.handshakes_1_2.read() + s.handshakes_1_3.read(); });
  }
  std::int64_t handshaking() const {
    return static_cast<std::int64_t>(sum([](const auto& s) { return s.handshaking.read(); }));
  }

  std::chrono::milliseconds head_limit = 10s;
  TestServer server{"blue"};
  std::unique_ptr<Plane> plane;
  std::string plain;
};

bool ok(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 200 ");
}

}  // namespace

TEST_CASE("a request by HTTPS, of either version, and an orderly end") {
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  Https https;
  CHECK(https.address().starts_with("https://"));
  TlsClientOptions options = https.trusting();
  options.version = version;
  options.alpn = "http/1.1";
  TlsClient client(https.address(), options);
  REQUIRE(client.connected());
  CHECK(client.alpn() == "http/1.1");
  CHECK(SSL_version(client.ssl()) == version);
  for (int i = 0; i < 3; ++i) {
    const std::string answer = client.ask(get("/echo?raw=1"));
    CHECK(ok(answer));
    CHECK(answer.find("X-Forwarded-Proto: https\r\n") != std::string::npos);
  }
  REQUIRE(client.send(get("/ok", "Connection: close\r\n")));
  CHECK(ok(client.read_to_end()));
  CHECK(client.closed_orderly());
  CHECK(https.handshakes() == 1);
  CHECK(https.handshaking() == 0);
}

TEST_CASE("large bodies by HTTPS in both directions, and a reader that pauses") {
  Https https;
  TlsClient client(https.address(), https.trusting());
  const std::string body = body_of(3'000'000);
  REQUIRE(client.send("POST /sink HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 3000000\r\n\r\n"));
  REQUIRE(client.send(body));
  const std::string counted = client.read_answer();
  CHECK(counted.find("bytes=3000000 fnv=" + std::to_string(body_hash(body))) != std::string::npos);
  const std::string answer = client.ask(get("/ok?bytes=3000000"));
  CHECK((answer.size() > 3'000'000 && answer.substr(answer.size() - 3'000'000) == body));
}

TEST_CASE("the certificate is chosen by name, then by the kinds of key a client takes") {
  config::ListenerTls tls;
  tls.certificates = {pair_of(shop_ec()), pair_of(shop_rsa()), pair_of(other()), pair_of(deep())};
  Https https(tls);
  const auto shown = [&](const std::string& name, const std::string& sigalgs = "") {
    TlsClientOptions options;
    options.name = name;
    options.sigalgs = sigalgs;
    TlsClient client(https.address(), options);
    return client.connected() ? client.common_name() + " " + client.key_kind() : client.error();
  };
  CHECK(shown("shop.test") == "shop.test ec");
  CHECK(shown("shop.test", "RSA-PSS+SHA256") == "shop.test rsa");
  CHECK(shown("SHOP.Test") == "shop.test ec");
  CHECK(shown("www.shop.test") == "shop.test ec");
  CHECK(shown("www.shop.test", "RSA-PSS+SHA256") == "shop.test rsa");
  CHECK(shown("deep.shop.test") == "deep.shop.test ec");  // exact before wildcard
  CHECK(shown("deep.shop.test", "RSA-PSS+SHA256") == "shop.test rsa");
  CHECK(shown("a.b.shop.test") == "shop.test ec");  // nobody's: the first
  CHECK(shown("other.test") == "other.test ec");
  CHECK(shown("unknown.test") == "shop.test ec");
  CHECK(shown("unknown.test", "RSA-PSS+SHA256") == "shop.test rsa");
  CHECK(shown("") == "shop.test ec");
  CHECK(shown("other.test", "RSA-PSS+SHA256").find("handshake failure") != std::string::npos);
  CHECK(until([&] { return https.failures(tls::Failure::cipher) == 1; }));
}

TEST_CASE("sessions go on, on any worker, over reloads, and not under another authority") {
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  Https https({}, 2);
  TlsClientOptions options = https.trusting();
  options.version = version;
  const auto again = [&] {
    TlsClient client(https.address(), options);
    REQUIRE(client.connected());
    CHECK(ok(client.ask(get("/ok"))));  // tickets of 1.3 come with the first answer at the latest
    if (client.session().session) options.session = client.session();
    return client.resumed();
  };
  CHECK_FALSE(again());
  const auto on = [&](std::size_t worker) {
    const auto& tls = (*https.plane)->stats().workers[worker]->tls;
    return tls.handshakes_1_2.read() + tls.handshakes_1_3.read();
  };
  int made = 0;
  while ((on(0) < 3 || on(1) < 3) && made < 200) {
    CHECK(again());
    ++made;
  }
  CHECK(made < 200);
  (*https.plane)->reload(https.plane->config(), {});
  // A connection on a worker that has not adopted yet would go on just the same.
  for (int i = 0; i < 20; ++i) CHECK(again());
  config::Config other_authority = https.plane->config();
  other_authority.listeners[0].tls->client_ca = authority().ca();
  other_authority.listeners[0].tls->client_certificate = config::ClientCertificate::request;
  (*https.plane)->reload(other_authority, {});
  CHECK(until([&] {
    const TlsSession kept = options.session;
    const bool resumed = again();
    options.session = kept;
    return !resumed;
  }));
}

TEST_CASE("tickets open for as long as the last two keys are kept") {
  config::ListenerTls tls;
  tls.ticket_rotation = 1s;
  Https https(tls);
  TlsClientOptions options = https.trusting();
  {
    TlsClient client(https.address(), options);
    REQUIRE(ok(client.ask(get("/ok"))));
    options.session = client.session();
  }
  REQUIRE(options.session.session);
  CHECK(TlsClient(https.address(), options).resumed());
  CHECK(until([&] { return !TlsClient(https.address(), options).resumed(); }));
}

TEST_CASE("a reload takes new files under old names, or changes nothing") {
  TempDir folder;
  const auto place = [&](const CertificateFiles& files) {
    std::filesystem::copy_file(files.cert, folder.file("shop.pem"),
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(files.key, folder.file("shop.key"),
                               std::filesystem::copy_options::overwrite_existing);
  };
  place(shop_ec());
  config::ListenerTls tls;
  tls.certificates = {{folder.file("shop.pem"), folder.file("shop.key")}};
  Https https(tls, 2);
  const auto kind = [&] { return TlsClient(https.address(), https.trusting()).key_kind(); };
  TlsClient kept(https.address(), https.trusting());
  REQUIRE(ok(kept.ask(get("/ok"))));
  CHECK(kind() == "ec");

  place(shop_rsa());
  (*https.plane)->reload(https.plane->config(), {});
  CHECK(until([&] { return kind() == "rsa" && kind() == "rsa" && kind() == "rsa"; }));
  CHECK(ok(kept.ask(get("/ok"))));  // open connections go on
  REQUIRE((*https.plane)->renewed_files().size() == 1);
  CHECK_THAT((*https.plane)->renewed_files()[0],
             ContainsSubstring("listeners[0].tls.certificates[0]: a new certificate of shop.test"));
  (*https.plane)->reload(https.plane->config(), {});
  CHECK((*https.plane)->renewed_files().empty());

  folder.write("shop.key", folder.read("shop.pem"));
  CHECK_THROWS_WITH((*https.plane)->reload(https.plane->config(), {}),
                    ContainsSubstring(folder.file("shop.key")) &&
                        ContainsSubstring("listeners[0].tls.certificates[0].key") &&
                        ContainsSubstring("are cert and key exchanged?"));
  CHECK(kind() == "rsa");
  CHECK(ok(kept.ask(get("/ok"))));

  config::Config cleartext = https.plane->config();
  cleartext.listeners[0].tls.reset();
  (*https.plane)->reload(cleartext, {});
  const std::string address = "http" + https.address().substr(5);
  CHECK((*https.plane)->listener_addresses()[0] == address);
  CHECK(until([&] { return fetch(address, "/ok").status == 200; }));
  CHECK(ok(kept.ask(get("/ok"))));
}

TEST_CASE("clients show certificates where they are asked for") {
  static Authority strangers("Strangers");
  static const CertificateFiles stranger =
      strangers.issue({.name = "eve", .names = "", .client = true});
  const CertificateFiles& friendly = issued({.name = "dana", .names = "", .client = true});
  const bool require = GENERATE(true, false);
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  config::ListenerTls tls;
  tls.certificates = {pair_of(shop_ec())};
  tls.client_ca = authority().ca();
  tls.client_certificate =
      require ? config::ClientCertificate::require : config::ClientCertificate::request;
  Https https(tls);
  const auto answered = [&](const CertificateFiles* files) {
    TlsClientOptions options = https.trusting();
    options.version = version;
    if (files) {
      options.cert = files->cert;
      options.key = files->key;
    }
    TlsClient client(https.address(), options);
    if (!client.connected()) return client.error();  // 1.3: the alert comes behind our Finished
    const std::string answer = client.ask(get("/ok"));
    return answer.empty() ? client.error() : answer.substr(0, 12);
  };
  CHECK(answered(&friendly) == "HTTP/1.1 200");
  if (require) {
    CHECK(answered(nullptr).find(version == TLS1_3_VERSION
                                     ? "certificate required"
                                     : "handshake failure") != std::string::npos);
    CHECK(until([&] { return https.failures(tls::Failure::certificate_missing) == 1; }));
  } else {
    CHECK(answered(nullptr) == "HTTP/1.1 200");
  }
  CHECK(answered(&stranger).find("unknown ca") != std::string::npos);
  CHECK(until([&] { return https.failures(tls::Failure::certificate_refused) == 1; }));
}

TEST_CASE("what is no handshake is answered or closed, and counted") {
  Https https;
  const std::string raw = https.address().substr(8);
  {
    RawClient client(raw);
    client.send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    const RawResponse answer = client.read_response();
    CHECK(answer.status == 400);
    CHECK(answer.body.find("https://") != std::string::npos);
    CHECK(client.wait_for_end());
  }
  {
    RawClient client(raw);
    client.send("SSH-2.0-OpenSSH\r\n");  // begins with a letter too
    CHECK(client.read_response().status == 400);
  }
  {
    RawClient client(raw);
    client.send(std::string("\x05\x01\x00", 3));
    CHECK(client.wait_for_end());
  }
  {
    RawClient client(raw);
    client.send(std::string("\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9));
    client.read_to_end();  // an alert
  }
  {
    TlsClientOptions options = https.trusting();
    options.alpn = "h2";
    TlsClient client(https.address(), options);
    CHECK(client.error().find("no application protocol") != std::string::npos);
  }
  {
    TlsClientOptions options;
    options.ca = shop_ec().cert;  // not the authority
    TlsClient client(https.address(), options);
    CHECK(client.error().find("verify failed") != std::string::npos);
  }
  { RawClient client(raw); }  // says nothing
  CHECK(until([&] { return https.handshaking() == 0; }));
  CHECK(https.failures(tls::Failure::plain_http) == 2);
  CHECK(https.failures(tls::Failure::not_tls) == 1);
  CHECK(https.failures(tls::Failure::protocol) == 1);
  CHECK(https.failures(tls::Failure::alpn) == 1);
  // A reset can overtake the alert in the client's kernel; then only the end is seen.
  CHECK(https.failures(tls::Failure::peer_alert) + https.failures(tls::Failure::peer_closed) == 1);
  CHECK(https.plane->reason_count(http::Reason::tls_handshake_failed) == 6);
}

TEST_CASE("a request body that ends without close_notify was cut off") {
  const bool orderly = GENERATE(true, false);
  Https https;
  TlsClient client(https.address(), https.trusting());
  REQUIRE(
      client.send("POST /sink HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1000\r\n\r\nhalf"));
  if (orderly) client.end_write();
  client.half_close();
  client.read_to_end();
  const auto reason = orderly ? http::Reason::client_closed : http::Reason::client_reset;
  CHECK(until([&] { return https.plane->reason_count(reason) == 1; }));
}

TEST_CASE(
    "an answer that the connection's end would complete is cut by a reset, not by close_notify") {
  Https https;
  TlsClient client(https.address(), https.trusting());
  REQUIRE(client.send("GET /truncate?bytes=100&chunked=1 HTTP/1.0\r\nHost: shop.test\r\n\r\n"));
  client.read_to_end();
  CHECK_FALSE(client.closed_orderly());
}

TEST_CASE("half handshakes and floods of them end in time, and requests are answered meanwhile") {
  Https https;
  config::Config shorter = https.plane->config();
  shorter.services[0].timeouts.request_head = 700ms;
  (*https.plane)->reload(shorter, {});
  const std::string raw = https.address().substr(8);
  RawClient kept(https.plain);
  std::vector<RawClient> halves;
  for (int i = 0; i < 200; ++i) {
    halves.emplace_back(raw);
    halves.back().send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  }
  std::atomic<int> done{0};
  std::vector<std::thread> flood;
  for (int t = 0; t < 4; ++t) {
    flood.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        if (TlsClient(https.address(), https.trusting()).connected()) ++done;
      }
    });
  }
  int answered = 0;
  while (done < 200 && answered < 100'000) {
    kept.send(get("/ok"));
    if (kept.read_response().status != 200) break;
    ++answered;
  }
  for (std::thread& thread : flood) thread.join();
  CHECK(done == 200);
  CHECK(answered > 0);
  for (RawClient& half : halves) CHECK(half.wait_for_end());
  CHECK(https.failures(tls::Failure::timeout) == 200);
  CHECK(until([&] { return https.handshaking() == 0; }));
}

TEST_CASE("a shutdown does not wait for handshakes") {
  Https https;
  RawClient silent(https.address().substr(8)), half(https.address().substr(8));
  half.send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  REQUIRE(until([&] { return https.handshaking() == 2; }));
  std::promise<void> over;
  (*https.plane)->shut_down(20s, [&] { over.set_value(); });
  CHECK(over.get_future().wait_for(patience) == std::future_status::ready);
  CHECK(silent.wait_for_end());
  CHECK(half.wait_for_end());
}
