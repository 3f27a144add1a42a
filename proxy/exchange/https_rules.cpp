#include "proxy/exchange/https_rules.hpp"

#include <algorithm>

namespace switchback::exchange {

HttpsRules https_rules_of(const config::Service& service, std::uint16_t https_port) {
  HttpsRules rules;
  rules.redirect = service.redirect_https;
  if (https_port != 0 && https_port != 443) rules.port = ":" + std::to_string(https_port);
  if (service.hsts.count() > 0) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(service.hsts).count();
    rules.hsts_line = "Strict-Transport-Security: max-age=" + std::to_string(seconds) + "\r\n";
  }
  rules.any = rules.redirect || !rules.hsts_line.empty();
  return rules;
}

bool forwarded_as_https(const http::RequestHead& head) {
  const http::Field* const proto = head.find(http::FieldId::x_forwarded_proto);
  if (!proto) return false;
  std::string_view first = proto->value().substr(0, proto->value().find(','));
  while (!first.empty() && (first.back() == ' ' || first.back() == '\t')) first.remove_suffix(1);
  return http::iequals(first, "https");
}

bool is_acme_challenge(std::string_view target) {
  constexpr std::string_view prefix = "/.well-known/acme-challenge/";
  if (!target.starts_with(prefix)) return false;
  const std::string_view token = target.substr(prefix.size());
  return !token.empty() && std::all_of(token.begin(), token.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
  });
}

bool write_location(const http::RequestHead& head, const HttpsRules& rules, std::string& out) {
  // The decoder has let through only a host and a port here, and only "/..." or "*" as a target:
  // nothing in them can end the line or name another authority.
  const std::string_view authority = head.authority;
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string_view host = authority.substr(0, colon);
  if (host.empty()) return false;
  const bool named_port = colon != std::string_view::npos && colon + 1 < authority.size();
  out = "Location: https://";
  out += host;
  if (named_port) out += rules.port;
  if (head.target != "*") out += head.target;
  out += "\r\n";
  return true;
}

}  // namespace switchback::exchange
