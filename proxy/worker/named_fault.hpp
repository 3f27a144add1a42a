// What `switchback check` says of a file that the configuration names.
#pragma once

#include <string>

#include "proxy/tls/pem.hpp"

namespace switchback::worker {

struct NamedFault {
  std::string path;  // where it is named: "services.shop.blue.tls.ca"
  tls::FileFault fault;
};

}  // namespace switchback::worker
