#include "proxy/proxy_protocol/decode.hpp"

#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "proxy/net/socket.hpp"
#include "proxy/proxy_protocol/crc32c.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/places.hpp"

using namespace switchback;
using namespace switchback::proxy_protocol;

namespace {

struct Vector {
  std::string name, bytes, expected;
};

int hex_digit(char c) {
  return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

char hex_byte(const std::string& text, std::size_t at) {
  return static_cast<char>(hex_digit(text.at(at)) << 4 | hex_digit(text.at(at + 1)));
}

std::string unquoted(const std::string& text) {
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char kind = text[++i];
    if (kind == 'x') {
      out += hex_byte(text, i + 1);
      i += 2;
    } else {
      out += kind == 'r' ? '\r' : kind == 'n' ? '\n' : '\t';
    }
  }
  return out;
}

std::string bytes_of(const std::string& line) {
  if (line == "-") return {};
  if (line.front() == '"') return unquoted(line);
  if (const auto star = line.find('*'); star != std::string::npos)
    return std::string(std::stoul(line.substr(0, star)), hex_byte(line, star + 1));
  std::string out;
  for (std::size_t i = 0; i < line.size(); i += 2) out += hex_byte(line, i);
  return out;
}

std::vector<Vector> read_vectors(const std::string& name) {
  std::ifstream file(switchback::test::in_source("tests/unit/proxy/proxy_protocol/data/" + name));
  REQUIRE(file);
  std::vector<Vector> out;
  Vector now;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    if (line[0] == '#') {
      now.name = line.substr(2);
    } else if (line[0] == '=') {
      now.expected = line.substr(2);
      out.push_back(std::exchange(now, {}));
    } else {
      now.bytes += bytes_of(line);
    }
  }
  return out;
}

std::string text_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_UNIX) return "unix";
  const std::string ip(net::IpText(address).view());
  const auto port = net::ip_port(reinterpret_cast<const sockaddr*>(&address));
  return (address.ss_family == AF_INET6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
}

const char* name_of(Fault fault) {
  static constexpr const char* names[] = {
      "none",     "no_signature", "bad_line",    "line_too_long", "bad_address",
      "bad_port", "bad_version",  "bad_command", "bad_family",    "too_short",
      "too_long", "bad_tlv",      "bad_checksum"};
  return names[static_cast<std::size_t>(fault)];
}

std::string outcome(const Decoded& got, const Header& header, std::size_t size) {
  if (got.status == Status::need_more) return "more";
  if (got.status == Status::rejected) return std::string("rejected ") + name_of(got.fault);
  std::string out = "complete " + std::to_string(header.version);
  out +=
      header.local ? " local" : " " + text_of(header.source) + " > " + text_of(header.destination);
  if (header.tls) out += " tls";
  if (size > got.consumed) out += " rest " + std::to_string(size - got.consumed);
  return out;
}

// As a socket shows it: first `cut` bytes, then all. A verdict that came early has to stand.
std::string decode_in_two(const std::string& bytes, std::size_t cut) {
  Header header;
  Decoded got = decode(bytes.data(), cut, header);
  if (got.status == Status::need_more) got = decode(bytes.data(), bytes.size(), header);
  return outcome(got, header, bytes.size());
}

void check_file(const std::string& file, std::size_t at_least) {
  const auto vectors = read_vectors(file);
  CHECK(vectors.size() >= at_least);
  for (const Vector& vector : vectors) {
    INFO(file << ": " << vector.name);
    Header header;
    const Decoded whole = decode(vector.bytes.data(), vector.bytes.size(), header);
    CHECK(outcome(whole, header, vector.bytes.size()) == vector.expected);
    const std::size_t step = vector.bytes.size() > 1000 ? 97 : 1;
    for (std::size_t cut = 0; cut < vector.bytes.size(); cut += step) {
      INFO("cut at " << cut);
      CHECK(decode_in_two(vector.bytes, cut) == vector.expected);
    }
    if (whole.status != Status::complete) continue;
    for (std::size_t size = 0; size < whole.consumed; size += step) {
      INFO("only " << size);
      CHECK(decode(vector.bytes.data(), size, header).status == Status::need_more);
    }
  }
}

}  // namespace

TEST_CASE("version 1 as its vectors say, wherever it is cut") {
  check_file("v1.vectors", 50);
}

TEST_CASE("version 2 as its vectors say, wherever it is cut") {
  check_file("v2.vectors", 60);
}

TEST_CASE("CRC-32C fits the values of RFC 3720 B.4") {
  CHECK(crc32c("123456789", 9) == 0xe3069283u);
  const std::string zeros(32, '\0'), ones(32, '\xff');
  CHECK(crc32c(zeros.data(), zeros.size()) == 0x8a9136aau);
  CHECK(crc32c(ones.data(), ones.size()) == 0x62a8ab43u);
}

TEST_CASE("every fault has words for the log") {
  for (int i = 1; i <= static_cast<int>(Fault::bad_checksum); ++i)
    CHECK(proxy_protocol::text_of(static_cast<Fault>(i)).find("PROXY") != std::string_view::npos);
}
