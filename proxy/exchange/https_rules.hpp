// What a service wants of HTTPS: a redirect of what came in cleartext, HSTS on what did not. Built
// with the snapshot, so that a request looks at one word.
//
// Came by HTTPS: by TLS to us, by TLS to the balancer whose PROXY header says so, or as a trusted
// peer's X-Forwarded-Proto says. ACME's challenges (RFC 8555 §8.3) are asked for in cleartext and
// are passed on.
// Threads: built on the control thread, then read-only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/model.hpp"
#include "proxy/http/head.hpp"

namespace switchback::exchange {

struct HttpsRules {
  bool any = false;  // one of the two below
  bool redirect = false;
  std::string port;       // ":8443"; empty: 443, or not known
  std::string hsts_line;  // "Strict-Transport-Security: max-age=31536000\r\n", or empty (RFC 6797)
};

// `https_port`: of the first listener with TLS; 0: there is none.
HttpsRules https_rules_of(const config::Service& service, std::uint16_t https_port);

// The first element of the first X-Forwarded-Proto is "https".
bool forwarded_as_https(const http::RequestHead& head);

// /.well-known/acme-challenge/TOKEN with nothing but the token's characters behind it.
bool is_acme_challenge(std::string_view target);

// "Location: https://shop.example:8443/a?b\r\n" into `out`, whose memory is used again. The port is
// named only where the client named one: without, it came by the default port, and what stands
// there answers HTTPS on its default port too. False: the request names no host.
bool write_location(const http::RequestHead& head, const HttpsRules& rules, std::string& out);

}  // namespace switchback::exchange
