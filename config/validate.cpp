#include "config/validate.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include "config/address.hpp"
#include "config/validate_dns.hpp"
#include "config/validate_notify.hpp"

namespace switchback::config {

namespace {

std::string element(const std::string& list, std::size_t i) {
  return list + "[" + std::to_string(i) + "]";
}

// The same endpoint however it was written; the text is good enough for everything but case.
std::string endpoint(const Address& address) {
  if (address.kind != AddressKind::tcp) return address.text;
  std::string host = address.host;
  for (char& c : host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return host + " " + std::to_string(address.port);
}

bool same_bits(const Network& a, const Network& b, unsigned bits) {
  for (unsigned i = 0; i < bits; ++i) {
    const unsigned mask = 0x80u >> (i % 8);
    if ((a.bytes[i / 8] & mask) != (b.bytes[i / 8] & mask)) return false;
  }
  return true;
}

class Rules {
 public:
  Rules(const Config& config, const Places& places, Report& report)
      : config_(config), places_(places), report_(report) {}

  void run() {
    listeners();
    if (config_.services.empty() && places_.sound("services")) {
      report_.error(places_.at("services"), "services is empty: there is nothing to proxy to",
                    "name a service with a blue pool");
    }
    for (const Service& service : config_.services) one_service(service);
    routes();
    clients();
    validate_dns(config_.dns, places_, report_);
    validate_notify(config_, places_, report_);
    admin();
    folders();
  }

 private:
  std::string line_of(const std::string& path) const {
    return "line " + std::to_string(places_.at(path).line);
  }

  void listeners();
  void everywhere_and_somewhere();
  void one_service(const Service& service);
  void pools(const Service& service, const std::string& path);
  void one_pool(const Pool& pool, const std::string& path);
  void own_address(const Server& server, const std::string& path);
  void pool_tls(const Pool& pool, const std::string& path);
  void health_check(const Service& service, const std::string& path);
  void mirror(const Service& service, const std::string& path);
  void https(const Service& service, const std::string& path);
  void routes();
  void clients();
  void admin();
  void health_bind(const std::map<std::string, std::string>& taken);
  void access_rules();
  void tokens();
  void admin_tls();
  void folders();

  const Config& config_;
  const Places& places_;
  Report& report_;
};

void Rules::listeners() {
  if (config_.listeners.empty() && places_.sound("listeners")) {
    report_.error(places_.at("listeners"), "listeners is empty: there is nowhere to connect to",
                  "for example - bind: 0.0.0.0:8080");
  }
  std::map<std::string, std::string> taken;  // endpoint to the path that took it
  for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
    const std::string path = element("listeners", i) + ".bind";
    const Address& bind = config_.listeners[i].bind;
    if (!places_.sound(path)) continue;
    if (bind.kind == AddressKind::tcp && bind.port == 0) continue;
    const auto [first, fresh] = taken.emplace(endpoint(bind), path);
    if (!fresh) {
      report_.error(places_.at(path), bind.text + " is listened on twice",
                    "first in " + line_of(first->second) + "; keep one");
    }
  }
  everywhere_and_somewhere();
  if (config_.admin.bind && config_.admin.bind->port != 0 && places_.sound("admin.bind") &&
      taken.contains(endpoint(*config_.admin.bind))) {
    report_.error(places_.at("admin.bind"), "admin.bind is an address that a listener takes",
                  "give the admin plane an address of its own");
  }
  health_bind(taken);
  if (!config_.admin.socket.empty() && places_.sound("admin.socket") &&
      taken.contains("unix:" + config_.admin.socket)) {
    report_.error(places_.at("admin.socket"), "admin.socket is a socket that a listener takes",
                  "give the admin plane a socket of its own");
  }
}

void Rules::health_bind(const std::map<std::string, std::string>& taken) {
  const auto& admin = config_.admin;
  if (!admin.health_bind || !places_.sound("admin.health_bind")) return;
  const Address& bind = *admin.health_bind;
  if (bind.kind != AddressKind::tcp) {
    report_.error(places_.at("admin.health_bind"), "admin.health_bind takes a TCP address",
                  "over admin.socket and admin.bind probes are answered too");
    return;
  }
  if (bind.port == 0) return;
  if (admin.bind && endpoint(*admin.bind) == endpoint(bind)) {
    report_.error(places_.at("admin.health_bind"), "admin.health_bind is admin.bind's address",
                  "leave it out: probes are answered on admin.bind too");
  } else if (taken.contains(endpoint(bind))) {
    report_.error(places_.at("admin.health_bind"),
                  "admin.health_bind is an address that a listener takes",
                  "give probes an address of their own");
  }
}

// 0.0.0.0 takes every IPv4 address of its port, [::] every address of either family.
void Rules::everywhere_and_somewhere() {
  const auto is_v6 = [](const Address& at) { return at.host.find(':') != std::string::npos; };
  for (const Listener& all : config_.listeners) {
    if (!is_any_address(all.bind) || all.bind.port == 0) continue;
    for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
      const Address& one = config_.listeners[i].bind;
      const std::string path = element("listeners", i) + ".bind";
      if (one.kind != AddressKind::tcp || one.port != all.bind.port || !places_.sound(path) ||
          endpoint(one) == endpoint(all.bind) || (is_v6(one) && !is_v6(all.bind))) {
        continue;
      }
      report_.error(places_.at(path),
                    all.bind.text + " takes the connections of " + one.text + " already",
                    "keep one of them, or give each a port of its own");
    }
  }
}

void Rules::own_address(const Server& server, const std::string& path) {
  const Address& to = server.address;
  for (const Listener& listener : config_.listeners) {
    const Address& bind = listener.bind;
    const bool direct = endpoint(to) == endpoint(bind);
    const bool through_any = to.kind == AddressKind::tcp && is_any_address(bind) &&
                             is_loopback(to) && to.port == bind.port && bind.port != 0;
    if (!direct && !through_any) continue;
    report_.error(places_.at(path),
                  to.text + " is this proxy's own listener: requests would go round in a circle",
                  "");
    return;
  }
}

void Rules::one_pool(const Pool& pool, const std::string& path) {
  std::map<std::string, std::size_t> seen;
  bool takes_requests = pool.servers.empty();
  for (std::size_t i = 0; i < pool.servers.size(); ++i) {
    const std::string server = element(path + ".servers", i);
    takes_requests = takes_requests || pool.servers[i].weight > 0;
    if (!places_.sound(server)) continue;
    const auto [first, fresh] = seen.emplace(endpoint(pool.servers[i].address), i);
    if (!fresh) {
      report_.error(places_.at(server), pool.servers[i].address.text + " is twice in " + path,
                    "first in " + line_of(element(path + ".servers", first->second)) +
                        "; a weight gives it a larger share");
    }
    own_address(pool.servers[i], server);
  }
  if (!takes_requests && places_.sound(path)) {
    report_.warning(places_.at(path),
                    path + ": every server has weight 0, so that none takes a request", "");
  }
}

void Rules::pool_tls(const Pool& pool, const std::string& path) {
  const std::string here = path + ".tls";
  if (!pool.tls || !places_.sound(here)) return;
  const PoolTls& tls = *pool.tls;
  if (!tls.key.empty() && tls.cert.empty()) {
    report_.error(places_.at(here + ".key"), here + ".key is the key of no certificate",
                  "name the certificate in cert");
  }
  if (!tls.verify) {
    report_.warning(places_.at(here + ".verify"),
                    here + ": anybody between here and the servers can pose as them",
                    "name the authority of their certificates in ca, and leave verify out");
    return;
  }
  for (std::size_t i = 0; i < pool.servers.size() && tls.sni.empty(); ++i) {
    if (pool.servers[i].address.kind == AddressKind::tcp) continue;
    const std::string server = element(path + ".servers", i);
    if (!places_.sound(server)) continue;
    report_.error(
        places_.at(server),
        pool.servers[i].address.text + " has no host name that its certificate could prove",
        "name it in " + here + ".sni");
  }
}

void Rules::pools(const Service& service, const std::string& path) {
  const std::string blue = path + ".blue", green = path + ".green";
  one_pool(service.blue, blue);
  one_pool(service.green, green);
  pool_tls(service.blue, blue);
  pool_tls(service.green, green);
  if (!places_.sound(blue) || !places_.sound(green)) return;
  if (service.blue.servers.empty() && service.green.servers.empty()) {
    report_.error(places_.at(path), path + " has no server in either color",
                  "for example blue: {servers: [\"127.0.0.1:9001\"]}");
    return;
  }
  const bool starts_blue = service.initial == InitialColor::blue;
  if ((starts_blue ? service.blue : service.green).servers.empty()) {
    report_.warning(
        places_.at(starts_blue ? blue : green),
        path + " starts with " + (starts_blue ? "blue" : "green") + ", which has no server",
        std::string("set initial: ") + (starts_blue ? "green" : "blue") + ", or add servers");
  }
  std::set<std::string> in_blue;
  for (const Server& server : service.blue.servers) in_blue.insert(endpoint(server.address));
  for (std::size_t i = 0; i < service.green.servers.size(); ++i) {
    if (!in_blue.contains(endpoint(service.green.servers[i].address))) continue;
    report_.warning(places_.at(element(green + ".servers", i)),
                    service.green.servers[i].address.text +
                        " is in blue and in green: a flip changes nothing for it",
                    "give each color servers of its own");
  }
  if (!service.blue.release.empty() && service.blue.release == service.green.release) {
    report_.warning(places_.at(green + ".release"),
                    "blue and green both declare release " + service.blue.release +
                        ": a flip to it by name cannot tell them apart",
                    "");
  }
}

void Rules::health_check(const Service& service, const std::string& path) {
  const HealthCheck& check = service.health_check;
  const std::string here = path + ".health_check";
  if (!places_.sound(here)) return;
  if (!check.path.empty()) return;
  for (const char* key : {".status", ".host"}) {
    if (!places_.has(here + key)) continue;
    report_.warning(places_.at(here + key), here + key + " has no effect without a path",
                    "add path: /healthz, or leave it out");
  }
}

void Rules::https(const Service& service, const std::string& path) {
  const bool any_tls =
      std::any_of(config_.listeners.begin(), config_.listeners.end(),
                  [](const Listener& listener) { return listener.tls.has_value(); });
  const bool balancer =
      !service.forwarded.trust.empty() ||
      std::any_of(config_.listeners.begin(), config_.listeners.end(),
                  [](const Listener& listener) { return listener.proxy_protocol; });
  if (any_tls || balancer || !places_.sound("listeners") || !places_.sound(path)) return;
  if (service.redirect_https) {
    report_.error(places_.at(path + ".redirect_https"),
                  path +
                      ".redirect_https sends every request to HTTPS, but nothing here can tell "
                      "that one came by it: it would be redirected for ever",
                  "give a listener tls, or trust the balancer that has it: forwarded: {trust: "
                  "[10.0.0.0/8]}");
  }
  if (service.hsts.count() > 0) {
    report_.warning(places_.at(path + ".hsts"),
                    path + ".hsts has no effect: no request can come by HTTPS",
                    "give a listener tls, or trust the balancer that has it: forwarded: {trust: "
                    "[10.0.0.0/8]}");
  }
}

void Rules::mirror(const Service& service, const std::string& path) {
  const Mirror& mirror = service.mirror;
  static constexpr std::size_t most_headers = 32;
  if (mirror.headers.size() > most_headers && places_.sound(path + ".headers")) {
    report_.error(places_.at(path + ".headers"),
                  path + ".headers has " + std::to_string(mirror.headers.size()) +
                      " names; at most " + std::to_string(most_headers) + " are compared",
                  "");
  }
  if (mirror.percent == 0 || !places_.sound(path)) return;
  if (mirror.methods.empty()) {
    report_.warning(places_.at(path), path + ".methods is empty: nothing is copied", "");
  }
  static constexpr std::array<std::string_view, 4> safe{"GET", "HEAD", "OPTIONS", "TRACE"};
  for (std::size_t i = 0; i < mirror.methods.size(); ++i) {
    const std::string method = element(path + ".methods", i);
    if (!places_.sound(method) || !places_.has(method)) continue;
    if (std::find(safe.begin(), safe.end(), mirror.methods[i]) != safe.end()) continue;
    report_.warning(places_.at(method),
                    "the work of " + mirror.methods[i] +
                        " is done twice when both colors share a "
                        "database",
                    "leave it out unless the standby knows X-Switchback-Mirror or has its own");
  }
}

void Rules::one_service(const Service& service) {
  const std::string path = "services." + service.name;
  // A service whose name is wrong stands under another path; its name has to be mended first.
  if (!places_.has(path)) return;
  pools(service, path);
  health_check(service, path);
  mirror(service, path + ".mirror");
  https(service, path);
  static constexpr std::array<std::string_view, 7> repeatable{"GET",    "HEAD",  "OPTIONS", "PUT",
                                                              "DELETE", "TRACE", "PROPFIND"};
  for (std::size_t i = 0; i < service.retries.methods.size(); ++i) {
    const std::string method = element(path + ".retries.methods", i);
    if (!places_.sound(method) || !places_.has(method)) continue;
    if (std::find(repeatable.begin(), repeatable.end(), service.retries.methods[i]) !=
        repeatable.end())
      continue;
    report_.warning(places_.at(method),
                    service.retries.methods[i] + " may do its work twice when it is sent again",
                    "leave it out unless every server takes it twice without harm");
  }
}

void Rules::routes() {
  const Service* fallback = nullptr;
  std::map<std::string, std::string> taken;  // "host path" to the service that took it
  const auto claim = [&](const Service& service, const std::string& host, const std::string& path) {
    const auto [first, fresh] =
        taken.emplace(host + " " + service.match->path_prefix, service.name);
    if (fresh) return;
    const std::string what =
        (host.empty() ? "every host" : host) + " with path " + service.match->path_prefix;
    const bool own = first->second == service.name;
    report_.error(
        places_.at(path),
        what + (own ? " is named twice" : " goes to service " + first->second + " already"),
        own ? "keep one" : "see " + line_of("services." + first->second));
  };
  for (const Service& service : config_.services) {
    const std::string path = "services." + service.name;
    if (!places_.has(path) || !places_.sound(path + ".match")) continue;
    if (!service.match) {
      if (fallback) {
        report_.error(places_.at(path),
                      "services " + fallback->name + " and " + service.name +
                          " both have no match: one service only can be the default",
                      "give one of them match: {hosts: [...]}");
      }
      if (!fallback) fallback = &service;
      continue;
    }
    if (service.match->hosts.empty()) claim(service, "", path + ".match");
    for (std::size_t i = 0; i < service.match->hosts.size(); ++i) {
      claim(service, service.match->hosts[i], element(path + ".match.hosts", i));
    }
  }
  const auto everything = taken.find(" /");
  if (fallback && everything != taken.end()) {
    report_.error(places_.at("services." + everything->second + ".match"),
                  "every host with path / goes to service " + everything->second +
                      ", so that nothing is left for " + fallback->name + ", which has no match",
                  "leave match out of one service only");
  }
}

// Connections are counted before a byte was read, so those of a balancer are its own. Who is
// trusted to say whom a request is from is such a balancer; requests are counted by that word.
void Rules::clients() {
  const Clients& limits = config_.clients;
  const bool counts = limits.connections != 0 || limits.connections_per_second != 0;
  const bool by_peer =
      std::any_of(config_.listeners.begin(), config_.listeners.end(),
                  [](const Listener& listener) { return !listener.proxy_protocol; });
  if (!counts || !by_peer || !places_.sound("clients")) return;
  for (const Service& service : config_.services) {
    for (const Network& trusted : service.forwarded.trust) {
      const bool exempt =
          std::any_of(limits.exempt.begin(), limits.exempt.end(), [&](const Network& network) {
            return network.prefix_bits <= trusted.prefix_bits &&
                   same_bits(network, trusted, network.prefix_bits);
          });
      if (exempt) continue;
      report_.warning(places_.at("clients"),
                      "the connections of all clients behind " + trusted.text + " (services." +
                          service.name + ".forwarded.trust) are counted as one client's",
                      "add " + trusted.text + " to clients.exempt");
    }
  }
}

void Rules::admin() {
  const Admin& admin = config_.admin;
  access_rules();
  tokens();
  admin_tls();
  if (admin.socket.empty() && !admin.bind && places_.sound("admin")) {
    report_.error(places_.at("admin.socket"),
                  "the admin plane has neither a socket nor an address: nobody could flip",
                  "keep admin.socket, or set admin.bind");
  }
  if (!admin.bind || !places_.sound("admin.bind")) return;
  if (admin.bind->kind != AddressKind::tcp) {
    report_.error(places_.at("admin.bind"), "admin.bind takes a TCP address",
                  "a path belongs into admin.socket");
    return;
  }
  if (admin.tokens.empty() && admin.certificates.empty() && !is_loopback(*admin.bind) &&
      places_.sound("admin.tokens")) {
    report_.warning(
        places_.at("admin.bind"),
        "admin.bind can be reached from other machines, but without tokens it answers none of them",
        "`switchback token new` makes a token");
  }
}

void Rules::access_rules() {
  std::map<std::string, std::string> seen;
  for (std::size_t i = 0; i < config_.admin.access.size(); ++i) {
    const AccessRule& rule = config_.admin.access[i];
    const std::string path = element("admin.access", i);
    if (!places_.sound(path)) continue;
    if (rule.user.empty() == rule.group.empty()) {
      report_.error(places_.at(path),
                    path + (rule.user.empty() ? " names nobody" : " names a user and a group"),
                    rule.user.empty() ? "add user: NAME or group: NAME" : "write a rule for each");
      continue;
    }
    const std::string who = rule.user.empty() ? "group " + rule.group : "user " + rule.user;
    const auto [first, fresh] = seen.emplace(who, path);
    if (fresh) continue;
    report_.error(places_.at(path), who + " has two rules in admin.access",
                  "first in " + line_of(first->second) + "; keep one");
  }
}

void Rules::tokens() {
  std::map<std::string, std::string> names, hashes;
  for (std::size_t i = 0; i < config_.admin.tokens.size(); ++i) {
    const Token& token = config_.admin.tokens[i];
    const std::string path = element("admin.tokens", i);
    if (!places_.sound(path)) continue;
    if (const auto [first, fresh] = names.emplace(token.name, path); !fresh) {
      report_.error(
          places_.at(path + ".name"), "two tokens are named " + token.name,
          "first in " + line_of(first->second) + "; the history could not tell them apart");
    }
    if (const auto [first, fresh] = hashes.emplace(token.sha256, path); !fresh) {
      report_.error(places_.at(path + ".sha256"), "two tokens have the same sha256",
                    "first in " + line_of(first->second) + "; keep one");
    }
    if (token.services.empty() && places_.has(path + ".services")) {
      report_.error(places_.at(path + ".services"), "a token for no service at all",
                    "name its services, or leave the key out for all");
    }
    for (std::size_t s = 0; s < token.services.size(); ++s) {
      const auto& all = config_.services;
      const bool known = std::any_of(all.begin(), all.end(), [&](const Service& service) {
        return service.name == token.services[s];
      });
      if (!known) {
        report_.error(places_.at(element(path + ".services", s)),
                      "there is no service '" + token.services[s] + "'",
                      "name one of services, or leave services out for all");
      }
    }
  }
}

void Rules::admin_tls() {
  const Admin& admin = config_.admin;
  if (admin.tls && !admin.bind && places_.sound("admin.bind")) {
    report_.error(places_.at("admin.tls"), "admin.tls is for admin.bind, and there is none",
                  "set admin.bind: HOST:PORT");
  }
  if (!admin.client_ca.empty() && !admin.tls && places_.sound("admin.tls")) {
    report_.error(places_.at("admin.client_ca"), "client certificates need admin.tls",
                  "add tls: { cert: FILE, key: FILE }");
  }
  if (!admin.certificates.empty() && admin.client_ca.empty() && places_.sound("admin.client_ca")) {
    report_.error(places_.at("admin.certificates"),
                  "admin.certificates needs admin.client_ca: who would vouch for the names?",
                  "add client_ca: FILE");
  }
  std::map<std::string, std::string> names;
  for (std::size_t i = 0; i < admin.certificates.size(); ++i) {
    const std::string path = element("admin.certificates", i);
    if (!places_.sound(path)) continue;
    const std::string& name = admin.certificates[i].name;
    if (const auto [first, fresh] = names.emplace(name, path); !fresh) {
      report_.error(places_.at(path), name + " has two rules in admin.certificates",
                    "first in " + line_of(first->second) + "; keep one");
    }
  }
}

void Rules::folders() {
  if (config_.run_dir.empty() && config_.admin.socket.empty() && places_.sound("run_dir") &&
      places_.sound("admin.socket")) {
    report_.error(places_.at("admin.socket"),
                  "run_dir is missing: it cannot be taken from admin.socket, which is off",
                  "for example run_dir: /run/switchback");
  }
}

}  // namespace

void validate(const Config& config, const Places& places, Report& report) {
  Rules(config, places, report).run();
}

}  // namespace switchback::config
