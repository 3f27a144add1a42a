#include "bench/switchover/target.hpp"

#include <netdb.h>
#include <strings.h>

#include <charconv>
#include <cstring>

namespace switchback::bench {
namespace {

bool lookup(Target& target, std::string& error) {
  addrinfo wish{};
  wish.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &wish, &found);
  if (failed != 0) {
    error = target.host + ": " + ::gai_strerror(failed);
    return false;
  }
  std::memcpy(&target.address, found->ai_addr, found->ai_addrlen);
  target.address_length = found->ai_addrlen;
  ::freeaddrinfo(found);
  return true;
}

// "host:port", "[v6]:port", "host".
bool take_authority(Target& target, const std::string& text) {
  std::size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string::npos) return false;
    target.host = text.substr(1, end - 1);
    colon = end + 1 < text.size() ? end + 1 : std::string::npos;
    if (colon != std::string::npos && text[colon] != ':') return false;
  } else {
    target.host = text.substr(0, colon);
  }
  if (colon != std::string::npos) {
    const auto* begin = text.data() + colon + 1;
    const auto* end = text.data() + text.size();
    const auto [stop, ec] = std::from_chars(begin, end, target.port);
    if (ec != std::errc() || stop != end || target.port == 0) return false;
  }
  target.authority = text;
  return !target.host.empty();
}

}  // namespace

std::optional<Target> parse_target(const std::string& url, std::string& error) {
  Target target;
  target.url = url;
  const bool plain = url.starts_with("http://");
  target.tls = url.starts_with("https://");
  if (!plain && !target.tls) {
    error = "a target begins with http:// or https://";
    return std::nullopt;
  }
  if (target.tls) target.port = 443;
  const auto rest = url.substr(target.tls ? 8 : 7);
  const auto slash = rest.find_first_of("/?");
  if (slash != std::string::npos) target.path = rest.substr(slash);
  if (target.path.starts_with('?')) target.path.insert(0, "/");
  target.path = target.path.substr(0, target.path.find('#'));
  for (const char c : url) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) {
      error = "a URL has no spaces and no control characters";
      return std::nullopt;
    }
  }
  if (!take_authority(target, rest.substr(0, slash))) {
    error = "no host and port can be read from it, as in http://127.0.0.1:8080/";
    return std::nullopt;
  }
  if (!lookup(target, error)) return std::nullopt;
  return target;
}

namespace {

std::string head(const Target& target, const Fields& fields) {
  std::string text = "GET " + target.path + " HTTP/1.1\r\n";
  std::string authority = target.authority;
  std::string more;
  for (const auto& [name, value] : fields) {
    if (::strcasecmp(name.c_str(), "host") == 0) {
      authority = value;
    } else {
      more += name + ": " + value + "\r\n";
    }
  }
  return text + "Host: " + authority + "\r\nUser-Agent: switchback-bench\r\n" + more;
}

}  // namespace

std::string request_text(const Target& target, const Fields& fields, bool last) {
  return head(target, fields) + (last ? "Connection: close\r\n\r\n" : "\r\n");
}

std::string websocket_request_text(const Target& target, const Fields& fields) {
  return head(target, fields) +
         "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: c3dpdGNoYmFjay1iZW5jaA==\r\n\r\n";
}

}  // namespace switchback::bench
