// How connections to each pool's servers begin, made from its `tls` and `proxy_protocol`.
//
// Threads: the control thread; reads files.
#pragma once

#include <string>
#include <vector>

#include "proxy/worker/named_fault.hpp"
#include "proxy/worker/snapshot.hpp"

namespace switchback::worker {

// `count` for each color; `limits`: of all services together, as traffic has them. Those of
// `before` come back when neither settings nor files have changed, so that connections and sessions
// go on. Throws std::runtime_error with text that names key, file, cause and mend.
ServerWires make_server_wires(const config::Service& service, std::size_t count,
                              const ServerWires& before, const http1::HeadLimits& limits);

// One line for each pool whose settings are the same and whose files are not.
std::vector<std::string> renewed_wires(const std::map<std::string, ServerWires>& before,
                                       const std::map<std::string, ServerWires>& now);

// What that would say, for every service of a configuration: for `switchback check`.
std::vector<NamedFault> check_server_files(const config::Config& config);

}  // namespace switchback::worker
