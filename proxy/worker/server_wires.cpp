#include "proxy/worker/server_wires.hpp"

#include <spdlog/spdlog.h>

#include <stdexcept>

namespace switchback::worker {
namespace {

const config::Pool& pool_of(const config::Service& service, Color color) {
  return color == Color::blue ? service.blue : service.green;
}

std::string path_of(const config::Service& service, Color color) {
  return "services." + service.name + "." + std::string(to_string(color));
}

// Whether they could be made.
bool make_wires(const config::Pool& pool, std::size_t count,
                const std::vector<upstream::Wire>& before, std::vector<upstream::Wire>& out,
                std::vector<tls::FileFault>& faults) {
  out.assign(count, {});
  for (upstream::Wire& wire : out) wire.proxy_header = pool.proxy_protocol;
  if (!pool.tls) return true;
  std::vector<std::shared_ptr<const tls::ClientContext>> known;
  for (const upstream::Wire& wire : before) {
    if (wire.tls) known.push_back(wire.tls);
  }
  auto made = tls::ClientContext::make(*pool.tls, count, known);
  faults = std::move(made.faults);
  if (made.contexts.size() != count) return false;
  for (std::size_t i = 0; i < count; ++i) {
    out[i].tls = std::move(made.contexts[i]);
    out[i].tls_settings = *pool.tls;
  }
  return true;
}

}  // namespace

ServerWires make_server_wires(const config::Service& service, std::size_t count,
                              const ServerWires& before, const http1::HeadLimits& limits) {
  ServerWires wires;
  std::string errors;
  for (const Color color : {Color::blue, Color::green}) {
    std::vector<tls::FileFault> faults;
    make_wires(pool_of(service, color), count, before[index_of(color)], wires[index_of(color)],
               faults);
    for (upstream::Wire& wire : wires[index_of(color)]) {
      if (service.answers == config::Answers::strict) wire.answers = http1::Sender::server;
      wire.head_limits = limits;
      wire.idle_ns = to_nanos(service.timeouts.server_idle);
    }
    for (const tls::FileFault& fault : faults) {
      const std::string text = path_of(service, color) + "." + fault.key + ": " + fault.text();
      if (fault.warning) {
        spdlog::warn("{}", text);
      } else {
        errors += (errors.empty() ? "" : "\n") + text;
      }
    }
  }
  if (!errors.empty()) throw std::runtime_error(errors);
  return wires;
}

std::vector<std::string> renewed_wires(const std::map<std::string, ServerWires>& before,
                                       const std::map<std::string, ServerWires>& now) {
  std::vector<std::string> renewed;
  for (const auto& [service, wires] : now) {
    const auto known = before.find(service);
    if (known == before.end()) continue;
    for (const Color color : {Color::blue, Color::green}) {
      const auto& was = known->second[index_of(color)];
      const auto& is = wires[index_of(color)];
      if (was.empty() || is.empty() || !was[0].tls || !is[0].tls) continue;
      if (was[0].tls == is[0].tls || was[0].tls_settings != is[0].tls_settings) continue;
      renewed.push_back("services." + service + "." + std::string(to_string(color)) +
                        ".tls: new certificates or authorities");
    }
  }
  return renewed;
}

std::vector<NamedFault> check_server_files(const config::Config& config) {
  std::vector<NamedFault> found;
  std::vector<upstream::Wire> wires;
  for (const config::Service& service : config.services) {
    for (const Color color : {Color::blue, Color::green}) {
      std::vector<tls::FileFault> faults;
      make_wires(pool_of(service, color), 1, {}, wires, faults);
      for (tls::FileFault& fault : faults) {
        const std::string path = path_of(service, color) + "." + fault.key;
        found.push_back({path, std::move(fault)});
      }
    }
  }
  return found;
}

}  // namespace switchback::worker
