#include "proxy/proxy_protocol/encode.hpp"

#include <arpa/inet.h>

#include <fstream>
#include <sstream>

#include "tests/support/catch.hpp"
#include "tests/support/places.hpp"

using namespace switchback;

namespace {

net::IpBytes bytes_of(const std::string& text) {
  net::IpBytes bytes{};
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  bytes[10] = bytes[11] = 0xff;
  REQUIRE(::inet_pton(AF_INET, text.c_str(), &bytes[12]) == 1);
  return bytes;
}

net::Endpoints ends_of(std::istringstream& in) {
  net::Endpoints ends;
  std::string source, destination;
  in >> source;
  if (source == "-") return ends;
  in >> ends.source_port >> destination >> ends.destination_port;
  ends.source = bytes_of(source);
  ends.destination = bytes_of(destination);
  ends.known = true;
  return ends;
}

std::string from_hex(const std::string& text) {
  std::string digits, out;
  for (const char c : text) {
    if (c != ' ') digits += c;
  }
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    out += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return out;
}

}  // namespace

TEST_CASE("every vector is written as it stands", "[proxy-protocol]") {
  std::ifstream file(
      switchback::test::in_source("tests/unit/proxy/proxy_protocol/encode_vectors.txt"));
  unsigned cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    INFO(line);
    const std::size_t middle = line.find(" = ");
    REQUIRE(middle != std::string::npos);
    std::istringstream in(line.substr(0, middle));
    std::string version;
    in >> version;
    const net::Endpoints ends = ends_of(in);
    const std::string wanted_text = line.substr(middle + 3);
    const bool v1 = version == "v1";
    const std::string wanted = v1 ? wanted_text + "\r\n" : from_hex(wanted_text);
    char out[proxy_protocol::max_encoded_bytes];
    const std::size_t size =
        v1 ? proxy_protocol::encode_v1(out, ends) : proxy_protocol::encode_v2(out, ends);
    REQUIRE(size <= sizeof out);
    CHECK(std::string(out, size) == wanted);
    ++cases;
  }
  CHECK(cases == 13);
}
