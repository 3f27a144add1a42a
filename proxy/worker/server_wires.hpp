// How connections to each pool's servers begin, made from its `tls` and `proxy_protocol`.
//
// Threads: the control thread; reads files.
#pragma once

#include <string>
#include <vector>

#include "proxy/worker/snapshot.hpp"

namespace switchback::worker {

// `count` for each color. Those of `before` come back when neither settings nor files have changed,
// so that connections and sessions go on. Throws std::runtime_error with text that names key, file,
// cause and mend.
ServerWires make_server_wires(const config::Service& service, std::size_t count,
                              const ServerWires& before);

// What that would throw, for every service of a configuration: for `switchback check`.
struct WireFault {
  std::string path;      // of the configuration: "services.shop.blue.tls"
  std::string message;
};
std::vector<WireFault> server_wire_faults(const config::Config& config);

}  // namespace switchback::worker
