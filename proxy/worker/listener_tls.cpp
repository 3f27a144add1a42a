#include "proxy/worker/listener_tls.hpp"

#include <spdlog/spdlog.h>

#include <stdexcept>

namespace switchback::worker {

namespace {

std::string path_of(std::size_t listener) {
  return "listeners[" + std::to_string(listener) + "].tls";
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
