// Reads the cases of client/; its README says how they are written.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/model.hpp"

namespace switchback::conformance {

struct ClientCase {
  std::string name;
  std::string header = "X-Forwarded-For";
  std::vector<config::Network> trust;
  std::string peer = "10.0.0.1";
  std::vector<std::pair<std::string, std::string>> lines;  // name and value, as received
  std::string client;                                      // "203.0.113.7:80", or "nobody"
};

// Throws std::runtime_error with the line on anything it does not understand.
std::vector<ClientCase> load_client_cases();

// "10.0.0.0/8", "fd00::/8"
config::Network network_of(const std::string& text);

}  // namespace switchback::conformance
