#include "config/validate_dns.hpp"

#include <arpa/inet.h>

#include <set>
#include <string>

namespace switchback::config {

namespace {

constexpr std::size_t max_servers = 8;

bool is_literal(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

void validate_dns(const Dns& dns, const Places& places, Report& report) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < dns.servers.size(); ++i) {
    const std::string path = "dns.servers[" + std::to_string(i) + "]";
    const Address& server = dns.servers[i];
    if (!places.sound(path)) continue;
    if (server.kind != AddressKind::tcp || !is_literal(server.host)) {
      report.error(places.at(path), server.text + " is not a literal address",
                   "a name server is needed to find a name: for example 10.0.0.2:53");
    } else if (!seen.insert(server.text).second) {
      report.error(places.at(path), server.text + " is twice in dns.servers", "");
    }
  }
  if (dns.servers.size() > max_servers) {
    report.error(places.at("dns.servers"), "dns.servers has more than 8 name servers",
                 "a question's time is over before the last of many is asked");
  }
  if (places.sound("dns.min_ttl") && places.sound("dns.max_ttl") && dns.min_ttl > dns.max_ttl) {
    report.error(places.at("dns.max_ttl"), "dns.max_ttl is shorter than dns.min_ttl", "");
  }
}

}  // namespace switchback::config
