// Whatever a client says instead of, or within, its handshake: the server's side ends it, says why,
// and keeps no buffer. The first byte: in how many bytes at a time it comes.
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "proxy/net/stream.hpp"
#include "proxy/tls/server_context.hpp"

using namespace switchback;

namespace {

void promise(bool held, const char* what) {
  if (held) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

// A file that lives as long as it takes to read it.
struct PemFile {
  PemFile() : file(::fdopen(::mkstemp(name), "w")) { promise(file != nullptr, "a file"); }
  ~PemFile() { ::unlink(name); }
  char name[32] = "/tmp/tls_hello_fuzz_XXXXXX";
  std::FILE* file;
};

// For shop.test and *.shop.test, signed by itself.
std::shared_ptr<tls::ServerContext> make_context() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 864'000);
  X509_set_pubkey(cert, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("shop.test"), -1, -1, 0);
  X509_set_issuer_name(cert, X509_get_subject_name(cert));
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:shop.test,DNS:*.shop.test");
  X509_add_ext(cert, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(cert, key, EVP_sha256());
  PemFile cert_file, key_file;
  PEM_write_X509(cert_file.file, cert);
  PEM_write_PrivateKey(key_file.file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(cert_file.file);
  std::fclose(key_file.file);
  X509_free(cert);
  EVP_PKEY_free(key);
  config::ListenerTls listener;
  listener.certificates.push_back({cert_file.name, key_file.name});
  std::vector<tls::FileFault> faults;
  const auto files = tls::load_server_files(listener, faults);
  promise(files != nullptr, "files");
  std::string error;
  auto keys = std::make_shared<tls::TicketKeys>(3'600'000'000'000);
  auto context = tls::ServerContext::make(listener, *files, std::move(keys), error);
  promise(context != nullptr, "a context");
  return context;
}

struct Side final : net::EventHandler {
  void on_event(std::uint32_t events) override { stream.note(events); }
  net::Stream stream;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 40'000) return 0;
  static const std::shared_ptr<tls::ServerContext> context = make_context();
  static net::Reactor reactor;
  static tls::Workspace workspace(reactor.buffers());
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) return 0;
  {
    Side side;
    promise(side.stream.open(reactor, pair[0], side), "a stream");
    side.stream.secure(context->accept(workspace));
    auto& layer = static_cast<tls::Layer&>(*side.stream.layer());
    auto status = tls::HandshakeStatus::blocked;
    const std::size_t step = data[0] == 0 || size > 4096 ? size : data[0];
    for (std::size_t at = 1; at < size && status == tls::HandshakeStatus::blocked; at += step) {
      ::send(pair[1], data + at, std::min(step, size - at), MSG_NOSIGNAL);
      reactor.run_turn(false);
      status = layer.handshake(side.stream);
    }
    ::shutdown(pair[1], SHUT_WR);
    reactor.run_turn(false);
    if (status == tls::HandshakeStatus::blocked) status = layer.handshake(side.stream);
    promise(status == tls::HandshakeStatus::failed, "nobody gets in with bytes of yesterday");
    promise(layer.failure() != tls::Failure::none, "a failure has a reason");
  }
  ::close(pair[1]);
  promise(reactor.buffers().lent_bytes() == 0, "no buffer is kept");
  return 0;
}
