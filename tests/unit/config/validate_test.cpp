#include "config/validate.hpp"

#include "config/yaml_loader.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/golden.hpp"

using namespace switchback::config;

namespace {

std::string about(const std::string& yaml) {
  return told(load_text(yaml, "f"));
}

const std::string listener = "listeners: [{ bind: \"127.0.0.1:8080\" }]\n";

}  // namespace

// Most rules have their case in data/rules.yaml and data/warnings.yaml; here are those that exclude
// each other in one file, and those that must not speak.

TEST_CASE("nothing to listen on and nothing to proxy to are faults") {
  CHECK(
      about("listeners: []\nservices: {}\n") ==
      "f:1:1: listeners is empty: there is nowhere to connect to (for example - bind: "
      "0.0.0.0:8080)\n"
      "f:2:1: services is empty: there is nothing to proxy to (name a service with a blue pool)\n");
  // Present without a value is the same.
  CHECK_THAT(about("listeners:\nservices:\n"), ContainsSubstring("services is empty"));
}

TEST_CASE("an admin plane that nobody reaches is a fault") {
  CHECK(about(with("", "admin: { socket: false }\nrun_dir: /run/sb")) ==
        "f:6:10: the admin plane has neither a socket nor an address: nobody could flip "
        "(keep admin.socket, or set admin.bind)\n");
  CHECK(about(with("", "admin: { socket: false, bind: 127.0.0.1:9900 }\nrun_dir: /run/sb")) == "");
}

TEST_CASE("the admin plane has addresses of its own") {
  CHECK_THAT(about("listeners: [{ bind: unix:/run/a.sock }]\nservices: { a: { blue: { servers: "
                   "[\"127.0.0.1:1\"] } } }\n"
                   "admin: { socket: /run/a.sock }\n"),
             ContainsSubstring("f:3:10: admin.socket is a socket that a listener takes"));
  CHECK_THAT(about(with("", "admin: { bind: unix:/run/b.sock }")),
             ContainsSubstring("admin.bind takes a TCP address"));
  // Any free port is never the same one.
  CHECK(about("listeners: [{ bind: \"127.0.0.1:0\" }, { bind: \"127.0.0.1:0\" }]\n"
              "services: { a: { blue: { servers: [\"127.0.0.1:1\"] } } }\nadmin: { bind: "
              "127.0.0.1:0 }\n") == "");
}

TEST_CASE("a listener on every address leaves its port to no other") {
  const auto both = [](const std::string& a, const std::string& b) {
    return about("listeners: [{ bind: \"" + a + "\" }, { bind: \"" + b +
                 "\" }]\nservices: { a: { "
                 "blue: { servers: [\"127.0.0.1:1\"] } } }\n");
  };
  CHECK(both("[::]:80", "0.0.0.0:80") ==
        "f:1:36: [::]:80 takes the connections of 0.0.0.0:80 already (keep one of them, or give "
        "each a port of its own)\n");
  CHECK_THAT(both("0.0.0.0:80", "[::]:80"), ContainsSubstring("f:1:15: [::]:80 takes"));
  CHECK_THAT(both("0.0.0.0:80", "127.0.0.1:80"), ContainsSubstring("takes the connections of"));
  CHECK_THAT(both("[::]:80", "[::1]:80"), ContainsSubstring("takes the connections of"));
  CHECK(both("0.0.0.0:80", "[::1]:80") == "");
  CHECK(both("[::]:80", "0.0.0.0:81") == "");
  CHECK(both("[::]:80", "unix:/run/a.sock") == "");
}

TEST_CASE("redirect_https and hsts need a way for requests to come by HTTPS") {
  CHECK_THAT(about(with("    redirect_https: true")),
             ContainsSubstring("it would be redirected for ever (give a listener tls"));
  CHECK_THAT(about(with("    hsts: 365d")),
             ContainsSubstring("hsts has no effect: no request can come by HTTPS"));
  CHECK(about(with("    redirect_https: true\n    hsts: 365d\n"
                   "    forwarded: { trust: [10.0.0.0/8] }")) == "");
  CHECK(
      about("listeners: [{ bind: \"127.0.0.1:8080\", proxy_protocol: true }]\n"
            "services: { a: { redirect_https: true, blue: { servers: [\"127.0.0.1:1\"] } } }\n") ==
      "");
}

TEST_CASE("the mode of a unix socket is octal, in quotes or not") {
  const auto mode = [](const std::string& text) {
    return about("listeners: [{ bind: unix:/run/a.sock, mode: " + text +
                 " }]\nservices: { a: { blue: { servers: [\"127.0.0.1:1\"] } } }\n");
  };
  for (const char* good : {"0660", "\"0660\"", "660", "0000", "0777"}) CHECK(mode(good) == "");
  for (const char* bad : {"0888", "66", "1777", "00660", "rw-rw----"}) {
    INFO(bad);
    CHECK_THAT(mode(bad), ContainsSubstring("is not a mode from 0000 to 0777"));
  }
}

TEST_CASE("a server behind the proxy is not the proxy") {
  const auto served = [](const std::string& bind, const std::string& server) {
    return about("listeners: [{ bind: \"" + bind + "\" }]\nservices: { a: { blue: { servers: [\"" +
                 server + "\"] } } }\n");
  };
  for (const char* bind : {"0.0.0.0:8080", "[::]:8080", "127.0.0.1:8080", "localhost:8080"}) {
    INFO(bind);
    const bool literal = std::string(bind) == "localhost:8080";
    CHECK_THAT(served(bind, literal ? "LOCALHOST:8080" : "127.0.0.1:8080"),
               ContainsSubstring("go round in a circle"));
    CHECK(served(bind, "127.0.0.1:8081") == "");
    CHECK(served(bind, "10.0.0.7:8080") == "");
  }
}

TEST_CASE("services share a host by path, and one may be the default") {
  const auto two = [](const std::string& first, const std::string& second) {
    const std::string pool = "blue: { servers: [\"127.0.0.1:1\"] }";
    return about(listener + "services:\n  a: { " + pool + first + " }\n  b: { " + pool + second +
                 " }\n");
  };
  CHECK(two(", match: { hosts: [x.y], path_prefix: /a }",
            ", match: { hosts: [x.y], path_prefix: /b }") == "");
  CHECK(two(", match: { hosts: [x.y] }", "") == "");
  CHECK(two(", match: { hosts: [\"*.y\"] }", ", match: { hosts: [y] }") == "");
  CHECK(two(", match: { path_prefix: /a }", "") == "");
  CHECK_THAT(two("", ""), ContainsSubstring("both have no match"));
  CHECK_THAT(two(", match: {}", ""), ContainsSubstring("nothing is left for b"));
  CHECK_THAT(two(", match: { hosts: [x.y] }", ", match: { hosts: [X.Y] }"),
             ContainsSubstring("goes to service a already"));
  CHECK_THAT(two(", match: { path_prefix: /a }", ", match: { path_prefix: /a }"),
             ContainsSubstring("every host with path /a goes to service a already"));
}

TEST_CASE("an empty standby is allowed, an empty start is warned of, two empty pools are a fault") {
  CHECK(about(with("")) == "");
  CHECK(about(with("    green: { servers: [] }")) == "");
  const LoadResult start = load_text(with("    initial: green"), "f");
  CHECK(start.config.has_value());
  CHECK(told(start) ==
        "f:3:3: warning: services.shop starts with green, which has no server (set initial: blue, "
        "or add servers)\n");
  CHECK_FALSE(load_text(listener + "services: { a: {} }\n", "f").config);
}

TEST_CASE("the same server with another weight, color or spelling is still the same") {
  CHECK_THAT(about(listener + "services: { a: { blue: { servers: [\"APP:1\", { address: \"app:1\", "
                              "weight: 2 }] } } }\n"),
             ContainsSubstring("f:2:45: app:1 is twice in services.a.blue"));
  CHECK(about(listener + "services: { a: { blue: { servers: [\"app:1\", \"app:2\"] } } }\n") == "");
}

TEST_CASE("limits of clients behind a balancer are warned of") {
  const auto about_limits = [](const std::string& clients, const std::string& header = "") {
    return about("listeners: [{ bind: \"127.0.0.1:8080\"" + header +
                 " }]\nservices: { a: { blue: { servers: [\"127.0.0.1:1\"] }, "
                 "forwarded: { trust: [10.0.0.0/8] } } }\nclients: { " +
                 clients + " }\n");
  };
  CHECK(about_limits("connections: 10") ==
        "f:3:1: warning: the connections of all clients behind 10.0.0.0/8 "
        "(services.a.forwarded.trust) are counted as one client's "
        "(add 10.0.0.0/8 to clients.exempt)\n");
  CHECK_THAT(about_limits("connections_per_second: 10, exempt: [10.1.0.0/16]"),
             ContainsSubstring("counted as one client's"));
  CHECK(about_limits("requests_per_second: 10") == "");  // counted by whom the balancer names
  CHECK(about_limits("connections: 10, exempt: [10.0.0.0/8]") == "");
  CHECK(about_limits("connections: 10, exempt: [0.0.0.0/0]") == "");
  CHECK(about_limits("max_connections: 10") == "");
  CHECK(about_limits("connections: 10", ", proxy_protocol: true") == "");
}

TEST_CASE("TLS to servers: a key needs its certificate, a Unix socket a name, no check a warning") {
  const auto pool = [](const std::string& tls, const std::string& server = "127.0.0.1:9101") {
    return about(with("    green: { servers: [\"" + server + "\"], tls: " + tls + " }"));
  };
  CHECK(pool("{}") == "");
  CHECK(pool("{ cert: own.pem }") == "");  // the key stands in the same file
  CHECK(pool("{ sni: \"2001:db8::1\" }") == "");
  CHECK(pool("{ sni: app.internal }", "unix:/run/app.sock") == "");
  CHECK_THAT(pool("{ key: own.key }"),
             ContainsSubstring("green.tls.key is the key of no certificate"));
  CHECK_THAT(pool("{ verify: false }"),
             ContainsSubstring("warning: services.shop.green.tls: anybody"));
  CHECK_THAT(pool("{ verify: false }", "unix:/run/app.sock"), !ContainsSubstring("host name"));
  CHECK_THAT(pool("{}", "unix:/run/app.sock"),
             ContainsSubstring("has no host name that its certificate could prove (name it in "
                               "services.shop.green.tls.sni)"));
  CHECK_THAT(pool("{ sni: \"app.internal:443\" }"),
             ContainsSubstring("is not the name of a server"));
}

TEST_CASE("name servers are literal addresses, each once, and TTLs have an order") {
  const auto with_dns = [](const std::string& dns) { return about(with("", "dns: " + dns)); };
  CHECK(with_dns(
            "{ servers: [\"10.0.0.2:53\", \"[2001:db8::1]:5353\"], min_ttl: 5s, max_ttl: 5s }") ==
        "");
  CHECK_THAT(with_dns("{ servers: [\"ns.example:53\"] }"),
             ContainsSubstring("ns.example:53 is not a literal address"));
  CHECK_THAT(with_dns("{ servers: [\"localhost:53\"] }"),
             ContainsSubstring("localhost:53 is not a literal address"));
  CHECK_THAT(with_dns("{ servers: [\"unix:/run/dns\"] }"),
             ContainsSubstring("unix:/run/dns is not a literal address"));
  CHECK_THAT(with_dns("{ servers: [\"10.0.0.2:53\", \"10.0.0.2:53\"] }"),
             ContainsSubstring("10.0.0.2:53 is twice in dns.servers"));
  CHECK_THAT(with_dns("{ min_ttl: 10s, max_ttl: 5s }"),
             ContainsSubstring("dns.max_ttl is shorter than dns.min_ttl"));
  std::string many;
  for (int i = 1; i <= 9; ++i) many += "\"10.0.0." + std::to_string(i) + ":53\", ";
  CHECK_THAT(with_dns("{ servers: [" + many + "] }"), ContainsSubstring("more than 8"));
}

TEST_CASE("an address for probes alone is a TCP address of its own") {
  const auto about_probes = [](const std::string& health, const std::string& bind = "") {
    return about(listener + "services: { a: { blue: { servers: [\"127.0.0.1:1\"] } } }\nadmin: { " +
                 bind + "health_bind: \"" + health + "\" }\n");
  };
  CHECK(about_probes("0.0.0.0:9901") == "");
  CHECK(about_probes("127.0.0.1:0") == "");
  CHECK_THAT(about_probes("unix:/run/a.sock"), ContainsSubstring("takes a TCP address"));
  CHECK_THAT(about_probes("127.0.0.1:9900", "bind: \"127.0.0.1:9900\", "),
             ContainsSubstring("is admin.bind's address"));
  CHECK_THAT(about_probes("127.0.0.1:8080"),
             ContainsSubstring("is an address that a listener takes"));
}
