#include "config/address.hpp"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

namespace switchback::config {

namespace {

// sun_path with its closing NUL.
constexpr std::size_t max_unix_path = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t max_host = 253;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_v4(const std::string& host) {
  in_addr parsed{};
  return inet_pton(AF_INET, host.c_str(), &parsed) == 1;
}

bool is_v6(const std::string& host) {
  in6_addr parsed{};
  return inet_pton(AF_INET6, host.c_str(), &parsed) == 1;
}

Parsed<Address> parse_unix(std::string_view text) {
  const std::string_view path = text.substr(5);
  if (path.empty() || path.front() != '/') {
    return Fault{in_quotes(text) + " needs an absolute path", "for example unix:/run/app.sock"};
  }
  if (path.size() > max_unix_path) {
    return Fault{"the path of " + in_quotes(text) + " is longer than the system allows",
                 "at most " + std::to_string(max_unix_path) + " bytes"};
  }
  if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < 0x20; })) {
    return Fault{in_quotes(text) + " has a control character in its path", ""};
  }
  Address out;
  out.kind = AddressKind::unix_path;
  out.text = std::string(text);
  out.path = std::string(path);
  return out;
}

// sd_listen_fds(3): a name is at most 255 printable characters, without a colon.
Parsed<Address> parse_inherited(std::string_view text, AddressUse use) {
  const std::string_view name = text.substr(3);
  if (use != AddressUse::listen) {
    return Fault{in_quotes(text) + " is a listening socket: nobody can be connected to by it",
                 "write host:port or unix:/path"};
  }
  const auto fits = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != ':'; };
  if (name.empty() || name.size() > 255 || !std::all_of(name.begin(), name.end(), fits)) {
    return Fault{in_quotes(text) + " needs the name of a socket",
                 "as in FileDescriptorName= of its .socket unit, for example fd:web"};
  }
  Address out;
  out.kind = AddressKind::inherited_fd;
  out.text = std::string(text);
  out.path = std::string(name);
  return out;
}

// What a person most likely meant by an address that is not `host:port`.
Fault not_host_port(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme != std::string_view::npos) {
    std::string_view rest = text.substr(scheme + 3);
    rest = rest.substr(0, rest.find('/'));
    return {in_quotes(text) + " is a URL, not an address",
            "write " + std::string(rest.substr(0, 80))};
  }
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_digit)) {
    return {in_quotes(text) + " is a port without a host",
            "write 127.0.0.1:" + std::string(text.substr(0, 5))};
  }
  if (!text.empty() && text.front() == '/') {
    return {in_quotes(text) + " is not an address",
            "a unix socket is written unix:" + std::string(text.substr(0, 80))};
  }
  if (std::count(text.begin(), text.end(), ':') > 1 && text.front() != '[') {
    return {in_quotes(text) + " is not an address", "IPv6 is written in brackets: \"[::1]:8080\""};
  }
  return {in_quotes(text) + " has no port",
          "for example " + (text.empty() || text.size() > 80 ? "127.0.0.1" : std::string(text)) +
              ":8080"};
}

std::string port_fault(std::string_view digits, AddressUse use, std::uint16_t& port) {
  if (digits.empty() || digits.size() > 5 || !std::all_of(digits.begin(), digits.end(), is_digit)) {
    return "port " + in_quotes(digits) + " is not a number from 1 to 65535";
  }
  if (digits.size() > 1 && digits.front() == '0')
    return "port " + in_quotes(digits) + " has a leading zero";
  unsigned value = 0;
  for (const char c : digits) value = value * 10 + static_cast<unsigned>(c - '0');
  if (value > 65535 || (value == 0 && use == AddressUse::connect)) {
    return "port " + in_quotes(digits) + " is not a number from 1 to 65535";
  }
  port = static_cast<std::uint16_t>(value);
  return {};
}

Fault missing_host(std::string_view text, AddressUse use, std::string_view port) {
  const std::string shown(port.substr(0, 5));
  if (use == AddressUse::listen) {
    return {
        in_quotes(text) + " has no host",
        "write 0.0.0.0:" + shown + " for every IPv4 address, \"[::]:" + shown + "\" for IPv6 too"};
  }
  return {in_quotes(text) + " has no host", "write 127.0.0.1:" + shown};
}

Parsed<Address> parse_tcp(std::string_view text, AddressUse use) {
  const bool bracketed = !text.empty() && text.front() == '[';
  const auto close = bracketed ? text.find(']') : std::string_view::npos;
  const auto colon =
      bracketed ? (close == std::string_view::npos ? close : close + 1) : text.find(':');
  if (colon == std::string_view::npos || colon >= text.size() || text[colon] != ':' ||
      (!bracketed && text.find(':', colon + 1) != std::string_view::npos)) {
    return not_host_port(text);
  }
  Address out;
  out.text = std::string(text);
  out.host = std::string(bracketed ? text.substr(1, close - 1) : text.substr(0, colon));
  const std::string_view port = text.substr(colon + 1);
  if (!bracketed && (out.host.empty() || out.host == "*")) return missing_host(text, use, port);
  if (bracketed && !is_v6(out.host)) {
    return Fault{in_quotes(out.host) + " is not an IPv6 address", ""};
  }
  if (!bracketed) {
    if (std::string fault = host_name_fault(out.host); !fault.empty())
      return Fault{std::move(fault), ""};
  }
  if (std::string fault = port_fault(port, use, out.port); !fault.empty())
    return Fault{std::move(fault), ""};
  return out;
}

}  // namespace

std::string host_name_fault(std::string_view name) {
  const auto wrong = [&](std::string_view why) { return in_quotes(name) + std::string(why); };
  if (name.empty()) return "a host name is missing";
  if (name.size() > max_host) return wrong(" is longer than a host name may be (253 bytes)");
  const bool numeric =
      std::all_of(name.begin(), name.end(), [](char c) { return is_digit(c) || c == '.'; });
  if (numeric && !is_v4(std::string(name))) return wrong(" is not an IPv4 address");
  std::size_t label = 0;
  char before = '.';
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return wrong(" has an empty label");
      if (before == '-') return wrong(" has a label that ends in a hyphen");
      label = 0;
    } else if (!is_alnum(c) && c != '-' && c != '_') {
      return wrong(" is not a host name: it may hold letters, digits, dots, - and _");
    } else if (label == 0 && c == '-') {
      return wrong(" has a label that begins with a hyphen");
    } else if (++label > 63) {
      return wrong(" has a label of more than 63 bytes");
    }
    before = c;
  }
  if (before == '-') return wrong(" has a label that ends in a hyphen");
  return {};
}

Parsed<Address> parse_address(std::string_view text, AddressUse use) {
  if (text.starts_with("unix:")) return parse_unix(text);
  if (text.starts_with("fd:")) return parse_inherited(text, use);
  return parse_tcp(text, use);
}

Parsed<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const std::string host(text.substr(0, slash));
  in_addr v4{};
  in6_addr v6{};
  Network out;
  out.text = std::string(text);
  unsigned offset = 0;
  if (host.size() <= 64 && inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    offset = 96;
    out.bytes[10] = out.bytes[11] = 0xff;
    std::memcpy(out.bytes + 12, &v4, 4);
  } else if (host.size() <= 64 && inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    std::memcpy(out.bytes, &v6, 16);
  } else {
    return Fault{in_quotes(text) + " is not a network",
                 "for example 10.0.0.0/8, 192.0.2.7 or \"fd00::/8\""};
  }
  out.prefix_bits = 128;
  if (slash != std::string_view::npos) {
    const std::uint64_t most = 128 - offset;
    const auto bits = parse_count(text.substr(slash + 1));
    const auto* count = std::get_if<std::uint64_t>(&bits);
    if (!count || *count > most) {
      return Fault{
          "the prefix of " + in_quotes(text) + " is not a number from 0 to " + std::to_string(most),
          ""};
    }
    out.prefix_bits = static_cast<unsigned>(*count) + offset;
  }
  for (unsigned bit = out.prefix_bits; bit < 128; ++bit) {
    if ((out.bytes[bit / 8] >> (7 - bit % 8) & 1) == 0) continue;
    return Fault{in_quotes(text) + " has bits set behind its prefix",
                 "a network is written with zeros there, a single address with /" +
                     std::to_string(128 - offset)};
  }
  return out;
}

bool is_loopback(const Address& address) {
  if (address.kind != AddressKind::tcp) return true;
  if (address.host == "localhost" || address.host == "::1") return true;
  return is_v4(address.host) && address.host.starts_with("127.");
}

bool is_any_address(const Address& address) {
  if (address.kind != AddressKind::tcp) return false;
  if (is_v4(address.host)) return address.host == "0.0.0.0";
  in6_addr parsed{};
  return inet_pton(AF_INET6, address.host.c_str(), &parsed) == 1 &&
         IN6_IS_ADDR_UNSPECIFIED(&parsed);
}

}  // namespace switchback::config
