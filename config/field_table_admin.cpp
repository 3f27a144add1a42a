// The rows of `admin` and of the lists below it (see field_table.cpp).
#include "config/field_table_admin.hpp"

#include "config/field_rows.hpp"

namespace switchback::config {
namespace {

constexpr std::string_view admin_stays = "the admin plane opens its sockets once, at the start";

}  // namespace

std::vector<Field> admin_fields() {
  return {
      path<&Admin::socket>("admin", "socket",
                           "Unix socket of the API; who connects is known by peer credentials.")
          .like(socket_path_rule)
          .or_else("none")
          .restart(admin_stays),
      member<&Admin::access>("admin", "access",
                             "Who may do what over the unix socket; root and the user that runs "
                             "switchback are admin, all others need a rule.")
          .of_type("list of rules")
          .holds("access")
          .or_else("none"),
      member<&Admin::tokens>("admin", "tokens", "Who may do what over TCP.")
          .of_type("list of tokens")
          .holds("token")
          .or_else("none"),
      member<&Admin::bind>("admin", "bind",
                           "TCP address of the API, the dashboard and /metrics; without tokens it "
                           "answers reads from loopback only.")
          .allows("host:port or \"[v6]:port\"")
          .or_else("none")
          .restart(admin_stays),
      member<&Admin::health_bind>("admin", "health_bind",
                                  "TCP address that answers /healthz and /readyz alone, to whoever "
                                  "asks.")
          .allows("host:port or \"[v6]:port\"")
          .or_else("none")
          .restart(admin_stays),
      section<&Admin::forwarded>("admin", "forwarded", "A proxy in front of the admin address.")
          .holds("admin_forwarded"),
      section<&Admin::metrics>("admin", "metrics",
                               "What /metrics holds; series that never moved are left out.")
          .holds("metrics"),
      optional_section<&Admin::tls>("admin", "tls",
                                    "HTTPS for the admin address. Read anew on SIGHUP.")
          .holds("certificate"),
      path<&Admin::client_ca>(
          "admin", "client_ca",
          "PEM file of the authority of client certificates; who shows one that "
          "leads to it is known by its name. Read anew on SIGHUP.")
          .or_else("clients are not asked for certificates"),
      member<&Admin::certificates>("admin", "certificates",
                                   "What the holders of client certificates may do.")
          .of_type("list of rules")
          .holds("certificate_rule")
          .or_else("none"),
      path<&Admin::on_call>(
          "admin", "on_call",
          "JSON file that says who is on call, looked at every few seconds: "
          "{\"name\": \"dana\", \"until\": \"2027-01-31T08:00:00Z\"}, or a list of "
          "such shifts, each with or without from.")
          .or_else("nobody is known to be on call"),
  };
}

std::vector<Field> access_fields() {
  return {
      member<&AdminForwarded::trust>(
          "admin_forwarded", "trust",
          "Proxies whose word about their client is believed, for the audit and for limits.")
          .of_type("list of networks")
          .allows("10.0.0.0/8, 192.0.2.7, \"fd00::/8\"")
          .or_else("nobody"),
      member<&AdminForwarded::client_header>(
          "admin_forwarded", "client_header",
          "The field in which it names its client, as in forwarded.client_header of a service.")
          .of_type("text")
          .like(client_field_rule),
      member<&Metrics::servers>("metrics", "servers", "Series of every single server."),
      choice<&Metrics::histograms>("metrics", "histograms",
                                   "Histograms of times: every bucket, few of them, or count and "
                                   "sum alone."),
      member<&AccessRule::user>("access", "user", "A user; either this or group.")
          .like(account_rule)
          .or_else("none"),
      member<&AccessRule::group>("access", "group", "A group; either this or user.")
          .like(account_rule)
          .or_else("none"),
      choice<&AccessRule::role>("access", "role",
                                "What it allows; each role includes those before it.")
          .required(),
      member<&Token::name>("token", "name", "Who holds it, for the history.")
          .like(token_name_rule)
          .required(),
      choice<&Token::role>("token", "role", "What it allows; each role includes those before it.")
          .required(),
      member<&Token::sha256>("token", "sha256",
                             "SHA-256 of the whole token text; the token itself is nowhere.")
          .like(sha256_rule)
          .required(),
      member<&Token::expires>("token", "expires",
                              "When it ends: a date (to the end of that day, UTC) or RFC 3339; a "
                              "warning stands 14 days before.")
          .of_type("date")
          .allows("2027-01-31, 2027-01-31T18:00:00Z")
          .or_else("never"),
      member<&Token::services>("token", "services",
                               "It may change these services only, and look at the pages of no "
                               "others.")
          .of_type("list of names")
          .like(service_name_rule)
          .or_else("all"),
      member<&CertificateRule::name>("certificate_rule", "name",
                                     "A subject alternative name (DNS, e-mail, URI) of the "
                                     "certificate, or its common name.")
          .required(),
      choice<&CertificateRule::role>("certificate_rule", "role",
                                     "What it allows; each role includes those before it.")
          .required(),
  };
}

}  // namespace switchback::config
