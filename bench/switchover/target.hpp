// Where the load goes: an http:// or https:// URL, taken apart and looked up once.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace switchback::bench {

struct Target {
  std::string url;  // as given
  bool tls = false;
  std::string host;       // without brackets: for SNI and the certificate's name
  std::string authority;  // the Host field, with a port that is not the scheme's
  std::uint16_t port = 80;
  std::string path = "/";
  sockaddr_storage address{};
  socklen_t address_length = 0;
};

// Looks the name up too. On failure nullopt, and `error` says what is wrong.
std::optional<Target> parse_target(const std::string& url, std::string& error);

using Fields = std::vector<std::pair<std::string, std::string>>;

// A GET of the target, whole. `fields`: more of them; a Host among them replaces the URL's.
std::string request_text(const Target& target, const Fields& fields, bool last = false);
// The same as a WebSocket handshake (RFC 6455 section 4.1). The key is fixed: that the answer's
// proof matches it is not what is measured.
std::string websocket_request_text(const Target& target, const Fields& fields);

}  // namespace switchback::bench
