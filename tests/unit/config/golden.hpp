// Files of tests/unit/config/data, and what the loader says about a text.
#pragma once

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "config/yaml_loader.hpp"

inline std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// One line per diagnostic.
inline std::string told(const switchback::config::LoadResult& result) {
  std::string out;
  for (const auto& diagnostic : result.diagnostics) out += diagnostic.text() + "\n";
  return out;
}

// A file that is right but for `service`, keys of services.shop (each line indented by four), and
// `top`, keys of the file itself.
inline std::string with(const std::string& service, const std::string& top = "") {
  return "listeners: [{ bind: \"127.0.0.1:8080\" }]\nservices:\n  shop:\n"
         "    blue: { servers: [\"127.0.0.1:9001\"] }\n" +
         service + "\n" + top + "\n";
}
