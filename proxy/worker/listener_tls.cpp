#include "proxy/worker/listener_tls.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>
#include <stdexcept>

namespace switchback::worker {

namespace {

std::string path_of(std::size_t listener) {
  return "listeners[" + std::to_string(listener) + "].tls";
}

bool same_certificate(const tls::LoadedCertificate& a, const tls::LoadedCertificate& b) {
  return ::X509_cmp(a.leaf.get(), b.leaf.get()) == 0 &&
         std::equal(a.chain.begin(), a.chain.end(), b.chain.begin(), b.chain.end(),
                    [](const auto& x, const auto& y) { return ::X509_cmp(x.get(), y.get()) == 0; });
}

std::string day_of(std::int64_t seconds) {
  const std::time_t at = static_cast<std::time_t>(seconds);
  std::tm day{};
  char text[16] = "";
  if (::gmtime_r(&at, &day)) std::strftime(text, sizeof text, "%Y-%m-%d", &day);
  return text;
}

// Certificates that were added or taken out are changes of the configuration, told as such.
void compare(const tls::ServerFiles& before, const tls::ServerFiles& now, const std::string& path,
             std::vector<std::string>& out) {
  const std::size_t both = std::min(before.certificates.size(), now.certificates.size());
  for (std::size_t i = 0; i < both; ++i) {
    const tls::LoadedCertificate& fresh = now.certificates[i];
    if (same_certificate(before.certificates[i], fresh)) continue;
    out.push_back(path + ".certificates[" + std::to_string(i) + "]: a new certificate of " +
                  (fresh.names.empty() ? "no name" : fresh.names.front()) + ", good until " +
                  day_of(fresh.not_after));
  }
  if (before.client_authority_digest != now.client_authority_digest) {
    out.push_back(path + ".client_ca: other authorities");
  }
}

}  // namespace

ListenerContexts ListenerTls::load(const config::Config& config, unsigned workers) {
  std::vector<std::shared_ptr<const tls::ServerFiles>> files;
  std::string errors;
  const auto add = [&errors](const std::string& text) {
    errors += (errors.empty() ? "" : "\n") + text;
  };
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    files.emplace_back();
    if (!config.listeners[i].tls) continue;
    std::vector<tls::FileFault> faults;
    files.back() = tls::load_server_files(*config.listeners[i].tls, faults);
    for (const tls::FileFault& fault : faults) {
      const std::string text = path_of(i) + "." + fault.key + ": " + fault.text();
      if (fault.warning) {
        spdlog::warn("{}", text);
      } else {
        add(text);
      }
    }
  }
  ListenerContexts contexts(config.listeners.size());
  std::vector<std::shared_ptr<tls::TicketKeys>> keys = keys_;
  keys.resize(std::max(keys.size(), config.listeners.size()));
  for (std::size_t i = 0; errors.empty() && i < config.listeners.size(); ++i) {
    contexts[i].resize(workers);
    if (!config.listeners[i].tls) continue;
    const config::ListenerTls& tls = *config.listeners[i].tls;
    if (!keys[i]) keys[i] = std::make_shared<tls::TicketKeys>(to_nanos(tls.ticket_rotation));
    for (auto& context : contexts[i]) {
      std::string error;
      context = tls::ServerContext::make(tls, *files[i], keys[i], error);
      if (!context) {
        add(path_of(i) + ": " + error);
        break;
      }
    }
  }
  if (!errors.empty()) throw std::runtime_error(errors);
  keys_ = std::move(keys);
  renewed_.clear();
  for (std::size_t i = 0; i < std::min(files_.size(), files.size()); ++i) {
    if (files_[i] && files[i]) compare(*files_[i], *files[i], path_of(i), renewed_);
  }
  files_ = std::move(files);
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    if (config.listeners[i].tls)
      keys_[i]->set_rotation(to_nanos(config.listeners[i].tls->ticket_rotation));
  }
  return contexts;
}

std::vector<NamedFault> check_listener_files(const config::Config& config) {
  std::vector<NamedFault> found;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    if (!config.listeners[i].tls) continue;
    std::vector<tls::FileFault> faults;
    tls::load_server_files(*config.listeners[i].tls, faults);
    for (tls::FileFault& fault : faults) {
      const std::string path = path_of(i) + "." + fault.key;
      found.push_back({path, std::move(fault)});
    }
  }
  return found;
}

}  // namespace switchback::worker
