#include "proxy/worker/server_wires.hpp"

#include <stdexcept>

namespace switchback::worker {
namespace {

const config::Pool& pool_of(const config::Service& service, Color color) {
  return color == Color::blue ? service.blue : service.green;
}

std::string path_of(const config::Service& service, Color color) {
  return "services." + service.name + "." + std::string(to_string(color));
}

// "tls.ca FILE: why", or "".
std::string make_wires(const config::Pool& pool, std::size_t count,
                       const std::vector<upstream::Wire>& before,
                       std::vector<upstream::Wire>& out) {
  out.assign(count, {});
  for (upstream::Wire& wire : out) wire.proxy_header = pool.proxy_protocol;
  if (!pool.tls) return {};
  std::vector<std::shared_ptr<const tls::ClientContext>> known;
  for (const upstream::Wire& wire : before) {
    if (wire.tls) known.push_back(wire.tls);
  }
  auto made = tls::ClientContext::make(*pool.tls, count, known);
  for (std::size_t i = 0; i < count && made.error.empty(); ++i) {
    out[i].tls = std::move(made.contexts[i]);
    out[i].tls_settings = *pool.tls;
  }
  return made.error;
}

}  // namespace

ServerWires make_server_wires(const config::Service& service, std::size_t count,
                              const ServerWires& before) {
  ServerWires wires;
  for (const Color color : {Color::blue, Color::green}) {
    const std::string fault = make_wires(pool_of(service, color), count, before[index_of(color)],
                                         wires[index_of(color)]);
    if (!fault.empty()) throw std::runtime_error(path_of(service, color) + "." + fault);
  }
  return wires;
}

std::vector<WireFault> server_wire_faults(const config::Config& config) {
  std::vector<WireFault> faults;
  std::vector<upstream::Wire> wires;
  for (const config::Service& service : config.services) {
    for (const Color color : {Color::blue, Color::green}) {
      const std::string path = path_of(service, color);
      std::string fault = make_wires(pool_of(service, color), 1, {}, wires);
      if (!fault.empty()) faults.push_back({path + ".tls", path + "." + fault});
    }
  }
  return faults;
}

}  // namespace switchback::worker
