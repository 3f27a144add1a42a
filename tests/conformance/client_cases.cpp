#include "tests/conformance/client_cases.hpp"

#include <arpa/inet.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/support/places.hpp"

namespace switchback::conformance {
namespace {

std::vector<config::Network> networks_of(const std::string& text) {
  std::vector<config::Network> all;
  std::istringstream words(text);
  for (std::string word; words >> word;) all.push_back(network_of(word));
  return all;
}

// A blank behind the colon is the file's, not the value's.
std::string value_of(const std::string& line, std::size_t colon) {
  const std::size_t begin = colon + 1;
  return line.substr(line.compare(begin, 1, " ") == 0 ? begin + 1 : begin);
}

void take(ClientCase& into, const std::string& key, const std::string& value) {
  if (key == "header") {
    into.header = value;
  } else if (key == "trust") {
    into.trust = networks_of(value);
  } else if (key == "peer") {
    into.peer = value;
  } else if (key == "client") {
    into.client = value;
  } else if (key == "line") {
    const std::size_t colon = value.find(": ");
    const std::string name = value.substr(0, colon);
    const bool named = colon != std::string::npos && name.find_first_of("=\",; ") == name.npos;
    into.lines.emplace_back(named ? name : "", named ? value.substr(colon + 2) : value);
  } else {
    throw std::runtime_error("client/walk.txt: unknown key " + key);
  }
}

}  // namespace

config::Network network_of(const std::string& text) {
  config::Network network;
  network.text = text;
  const std::size_t slash = text.find('/');
  const std::string host = text.substr(0, slash);
  const bool v6 = host.find(':') != std::string::npos;
  if (!v6) network.bytes[10] = network.bytes[11] = 0xff;
  if (::inet_pton(v6 ? AF_INET6 : AF_INET, host.c_str(), network.bytes + (v6 ? 0 : 12)) != 1)
    throw std::runtime_error("client/walk.txt: no network: " + text);
  network.prefix_bits = static_cast<unsigned>(std::stoul(text.substr(slash + 1))) + (v6 ? 0 : 96);
  return network;
}

std::vector<ClientCase> load_client_cases() {
  std::ifstream file(test::in_source("tests/conformance/client/walk.txt"));
  if (!file) throw std::runtime_error("client/walk.txt is not there");
  std::vector<ClientCase> all;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    if (line.rfind("== ", 0) == 0) {
      all.emplace_back();
      all.back().name = line.substr(3);
      all.back().trust = networks_of("10.0.0.0/8 192.0.2.0/24 fd00::/8");
      continue;
    }
    const std::size_t colon = line.find(':');
    if (all.empty() || colon == std::string::npos)
      throw std::runtime_error("client/walk.txt: not understood: " + line);
    take(all.back(), line.substr(0, colon), value_of(line, colon));
  }
  for (ClientCase& one : all) {
    if (one.client.empty()) throw std::runtime_error("client/walk.txt: no client: " + one.name);
    for (auto& [name, value] : one.lines)
      if (name.empty()) name = one.header;
  }
  return all;
}

}  // namespace switchback::conformance
