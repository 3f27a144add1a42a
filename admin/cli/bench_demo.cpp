#include "admin/cli/bench_demo.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "admin/cli/exit_codes.hpp"
#include "admin/cli/globals.hpp"
#include "admin/cli/json_view.hpp"
#include "admin/cli/session.hpp"
#include "bench/switchover/child.hpp"
#include "bench/switchover/responder.hpp"

namespace switchback::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what) {
  throw CommandFailed{exit_usage, "switchback: the demo cannot start: " + what + "\n", ""};
}

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string path = (fs::temp_directory_path() / "sb-bench-XXXXXX").string();
    if (!::mkdtemp(path.data())) fail("no folder can be made in " + path);
    path_ = path;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

// A certificate for 127.0.0.1 that nobody vouches for: it lives as long as the benchmark.
void write_certificate(const std::string& cert_file, const std::string& key_file) {
  const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key(::EVP_EC_gen("P-256"),
                                                                  ::EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&::X509_free)> cert(::X509_new(), ::X509_free);
  if (!key || !cert) fail("no key can be made");
  ::X509_set_version(cert.get(), 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(cert.get()), 1);
  ::X509_gmtime_adj(::X509_getm_notBefore(cert.get()), -3600);
  ::X509_gmtime_adj(::X509_getm_notAfter(cert.get()), 7 * 24 * 3600);
  ::X509_set_pubkey(cert.get(), key.get());
  auto* name = ::X509_get_subject_name(cert.get());
  ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("switchback bench"), -1, -1,
                               0);
  ::X509_set_issuer_name(cert.get(), name);
  if (auto* names = ::X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1")) {
    ::X509_add_ext(cert.get(), names, -1);
    ::X509_EXTENSION_free(names);
  }
  const std::unique_ptr<BIO, decltype(&::BIO_free_all)> cert_out(
      ::BIO_new_file(cert_file.c_str(), "w"), ::BIO_free_all);
  const std::unique_ptr<BIO, decltype(&::BIO_free_all)> key_out(
      ::BIO_new_file(key_file.c_str(), "w"), ::BIO_free_all);
  if (::X509_sign(cert.get(), key.get(), ::EVP_sha256()) == 0 || !cert_out || !key_out ||
      ::PEM_write_bio_X509(cert_out.get(), cert.get()) != 1 ||
      ::PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    fail("its certificate cannot be written");
  }
}

std::string config_text(const ScratchFolder& folder, const bench::Responder& servers,
                        unsigned workers) {
  return "listeners:\n  - bind: 127.0.0.1:0\n  - bind: 127.0.0.1:0\n    tls:\n"
         "      certificates: [{ cert: cert.pem, key: key.pem }]\n"
         "services:\n  demo:\n    blue: { release: on-blue, servers: [\"" +
         servers.address(Color::blue) + "\"] }\n    green: { release: on-green, servers: [\"" +
         servers.address(Color::green) +
         "\"] }\n    health_check: { path: /healthz, interval: 250ms, timeout: 2s }\n"
         "    verify: { deadline: 10s, probes: [{ name: version, get: /healthz, expect: "
         "{ status: 200, json: { \"$.version\": \"${release.version}\" } } }] }\n"
         "admin:\n  socket: " +
         folder / "admin.sock" + "\nstate_dir: " + folder / "state" +
         "\nrun_dir: " + folder / "run" +
         "\nworkers: " + (workers == 0 ? std::string("auto") : std::to_string(workers)) +
         "\nlog: { access: off, level: error }\n";
}

std::string text_of_file(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

// Where it listens, as `serve` says it.
std::vector<std::string> listeners_in(const std::string& log) {
  constexpr std::string_view words = "listening on ";
  std::vector<std::string> out;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find(words);
    if (at != std::string::npos) out.push_back(line.substr(at + words.size()) + "/");
  }
  return out;
}

bool both_healthy(const json::array& services) {
  if (services.empty() || !services.front().is_object()) return false;
  const auto& pools = object_of(services.front().get_object(), "pools");
  for (const char* color : {"blue", "green"}) {
    const auto& servers = array_of(object_of(pools, color), "servers");
    if (servers.empty() || text_of(servers.front().get_object(), "health") == "unknown")
      return false;
    const auto* healthy = field(servers.front().get_object(), "healthy");
    if (!healthy || !healthy->is_bool() || !healthy->get_bool()) return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<bench::Responder> start_responder(Nanos delay) {
  auto servers = std::make_unique<bench::Responder>(delay);
  if (const auto error = servers->start(); !error.empty()) fail(error);
  return servers;
}

struct BenchDemo::Impl {
  ScratchFolder folder;  // removed last
  std::unique_ptr<bench::Child> proxy;
  std::vector<std::string> targets;

  std::string log() const { return text_of_file(folder / "log"); }

  void wait_until_ready() {
    Globals globals;
    globals.admin = folder / "admin.sock";
    globals.admin_given = true;
    Session session(globals);
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < limit) {
      if (!proxy->running()) fail("serve ended:\n" + log());
      const auto answer = session.call("GET", "/v1/services");
      if (both_healthy(array_of(parse_object(answer.body), "services"))) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    fail("serve is not ready after 20 s:\n" + log());
  }
};

BenchDemo::BenchDemo(const bench::Responder& servers, unsigned workers)
    : impl_(std::make_unique<Impl>()) {
  auto& folder = impl_->folder;
  fs::create_directory(folder / "state");
  fs::create_directory(folder / "run");
  write_certificate(folder / "cert.pem", folder / "key.pem");
  std::ofstream(folder / "switchback.yaml") << config_text(folder, servers, workers);
  impl_->proxy = std::make_unique<bench::Child>(bench::ChildOptions{
      .arguments = {"/proc/self/exe", "serve", "--config", folder / "switchback.yaml"},
      .environment = {},
      .output = folder / "log"});
  if (const auto error = impl_->proxy->start(); !error.empty()) fail(error);
  impl_->wait_until_ready();
  impl_->targets = listeners_in(impl_->log());
  if (impl_->targets.empty()) fail("serve did not say where it listens:\n" + impl_->log());
}

BenchDemo::~BenchDemo() = default;

std::string BenchDemo::admin() const {
  return impl_->folder / "admin.sock";
}

const std::vector<std::string>& BenchDemo::targets() const {
  return impl_->targets;
}

}  // namespace switchback::cli
