// Version 1 (§2.1): one line of text, "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n".
#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "proxy/proxy_protocol/decode_versions.hpp"

namespace switchback::proxy_protocol {
namespace {

constexpr std::string_view signature = "PROXY ";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The text up to the next space, which is taken away too; what is left without a space is the last.
// An empty word (two spaces) is no word: false.
bool take_word(std::string_view& line, std::string_view& word, bool last) {
  const std::size_t space = line.find(' ');
  if ((space == std::string_view::npos) != last) return false;
  word = line.substr(0, space);
  line.remove_prefix(last ? line.size() : space + 1);
  return !word.empty();
}

// Decimal, without leading zeros: they read as octal to some (§2.1).
bool read_port(std::string_view text, in_port_t& out) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return false;
  unsigned port = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (port > 65535) return false;
  out = htons(static_cast<std::uint16_t>(port));
  return true;
}

bool read_ip(int family, std::string_view text, void* out) {
  std::array<char, INET6_ADDRSTRLEN> copy;
  if (text.size() >= copy.size() || text.find('\0') != std::string_view::npos) return false;
  std::copy(text.begin(), text.end(), copy.begin());
  copy[text.size()] = '\0';
  return ::inet_pton(family, copy.data(), out) == 1;  // refuses leading zeros in IPv4 by itself
}

Fault read_end(int family, std::string_view ip, std::string_view port, sockaddr_storage& out) {
  out = {};
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    if (!read_ip(family, ip, &v4.sin_addr)) return Fault::bad_address;
    if (!read_port(port, v4.sin_port)) return Fault::bad_port;
    std::memcpy(&out, &v4, sizeof v4);
    return Fault::none;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  if (!read_ip(family, ip, &v6.sin6_addr)) return Fault::bad_address;
  if (!read_port(port, v6.sin6_port)) return Fault::bad_port;
  std::memcpy(&out, &v6, sizeof v6);
  return Fault::none;
}

// `line` is what stands between "PROXY " and CR LF.
Fault read_line(std::string_view line, Header& out) {
  const std::string_view protocol = line.substr(0, line.find(' '));
  if (protocol == "UNKNOWN") return Fault::none;  // whatever follows is ignored (§2.1)
  const bool v4 = protocol == "TCP4";
  if (!v4 && protocol != "TCP6") return Fault::bad_line;
  if (line.size() == protocol.size()) return Fault::bad_line;
  line.remove_prefix(protocol.size() + 1);
  std::string_view source, destination, source_port, destination_port;
  if (!take_word(line, source, false) || !take_word(line, destination, false) ||
      !take_word(line, source_port, false) || !take_word(line, destination_port, true)) {
    return Fault::bad_line;
  }
  const int family = v4 ? AF_INET : AF_INET6;
  if (const Fault fault = read_end(family, source, source_port, out.source); fault != Fault::none)
    return fault;
  out.local = false;
  return read_end(family, destination, destination_port, out.destination);
}

}  // namespace

Decoded decode_v1(const char* data, std::size_t size, Header& out) {
  const std::string_view text(data, std::min(size, max_v1_bytes));
  const std::size_t common = std::min(text.size(), signature.size());
  if (text.substr(0, common) != signature.substr(0, common)) return refuse(Fault::no_signature);
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos)
    return size >= max_v1_bytes ? refuse(Fault::line_too_long) : Decoded{};
  if (end < signature.size() || text[end - 1] != '\r') return refuse(Fault::bad_line);
  const std::string_view line = text.substr(signature.size(), end - 1 - signature.size());
  out = {};
  out.version = 1;
  const Fault fault = read_line(line, out);
  return fault == Fault::none ? Decoded{Status::complete, fault, end + 1} : refuse(fault);
}

}  // namespace switchback::proxy_protocol
