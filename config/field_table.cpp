// The rows of the field table, in the order of the file. Changing a row changes what is read, what
// is refused, what a reload says and the reference page; docs/configuration.md is made anew.
#include "config/field_rows.hpp"
#include "config/field_table_admin.hpp"
#include "config/field_table_notify.hpp"
#include "config/field_table_verify.hpp"

namespace switchback::config {

namespace {

constexpr std::int64_t one_day = 24 * 3'600'000;
constexpr std::int64_t kib = 1024;
// One byte more than a head may need must still fit the largest buffer (128 KiB).
constexpr std::int64_t max_buffered = 127 * kib;

constexpr std::string_view sockets_stay =
    "listening sockets are opened once, before the workers start";
constexpr std::string_view folders_stay = "what is kept there belongs to the running process";

std::vector<Field> top_fields() {
  return {
      member<&Config::listeners>("", "listeners",
                                 "Where clients connect; a reload changes all but the addresses.")
          .of_type("list of listeners")
          .holds("listener")
          .restart(sockets_stay)
          .required(),
      custom<read_services, show_services>(
          "", "services", "The services behind the proxy, each with a blue and a green pool.")
          .of_type("mapping of names")
          .like(service_name_rule)
          .holds("service")
          .required(),
      section<&Config::clients>("", "clients", "What one client address may take.")
          .holds("clients"),
      section<&Config::dns>("", "dns", "How the names of servers are looked up.").holds("dns"),
      section<&Config::admin>("", "admin",
                              "The way in for people and pipelines: API, dashboard, metrics.")
          .holds("admin"),
      path<&Config::state_dir>(
          "", "state_dir", "What must survive a loss of power: the active colors and the history.")
          .like(folder_rule)
          .restart(folders_stay),
      path<&Config::run_dir>(
          "", "run_dir",
          "What must survive the process, but not the machine; a memory file system suits it.")
          .like(folder_rule)
          .or_else("the folder of admin.socket")
          .restart(folders_stay),
      custom<read_workers, show_workers>("", "workers", "Worker threads; auto is one per core.")
          .of_type("number")
          .range(1, 256)
          .allows("auto, or 1 to 256")
          .restart("worker threads and their sockets are made once, at the start"),
      section<&Config::log>("", "log", "The access log and the program's own log.").holds("log"),
      notify_field(),
      later("", "fleet", "Several instances that flip together."),
  };
}

std::vector<Field> listener_fields() {
  return {
      member<&Listener::bind>("listener", "bind",
                              "Address to listen on; port 0 takes any free port.")
          .allows("host:port, \"[v6]:port\", unix:/path or fd:NAME (socket activation)")
          .required(),
      optional_section<&Listener::tls>("listener", "tls", "HTTPS; without it, plain HTTP.")
          .holds("listener_tls")
          .or_else("plain HTTP"),
      member<&Listener::protocols>("listener", "protocols", "Which versions of HTTP are spoken.")
          .of_type("list of protocols")
          .allows("http/1.1"),
      member<&Listener::proxy_protocol>(
          "listener", "proxy_protocol",
          "Every connection begins with a PROXY header (v1 or v2) that names the client; one "
          "without is closed. For listeners that only a load balancer can reach."),
      custom<read_mode, show_mode>("listener", "mode",
                                   "Of a unix socket's file: who may write it may connect. Its "
                                   "folder decides too.")
          .of_type("mode")
          .allows("0000 to 0777, octal"),
  };
}

std::vector<Field> tls_fields() {
  return {
      member<&ListenerTls::certificates>(
          "listener_tls", "certificates",
          "Chosen by the name the client asks for; the first is for all others. An ECDSA and an "
          "RSA certificate for the same names stand side by side. Read anew on SIGHUP.")
          .of_type("list of certificates")
          .holds("certificate")
          .required(),
      choice<&ListenerTls::min_version>("listener_tls", "min_version", "Oldest version accepted."),
      path<&ListenerTls::client_ca>("listener_tls", "client_ca",
                                    "PEM file; clients prove who they are against it.")
          .or_else("clients need no certificate"),
      choice<&ListenerTls::client_certificate>("listener_tls", "client_certificate",
                                               "With client_ca: whether one must be shown."),
      member<&ListenerTls::ticket_rotation>(
          "listener_tls", "ticket_rotation",
          "A new key for session tickets; those of the last two keys are still taken.")
          .range(1'000, 7 * one_day),
      path<&Certificate::cert>("certificate", "cert",
                               "PEM file: the server's certificate, then its chain.")
          .required(),
      path<&Certificate::key>("certificate", "key", "PEM file of its private key.").required(),
      path<&PoolTls::ca>("pool_tls", "ca", "PEM file that the servers' certificates lead to.")
          .or_else("the system's certificate store"),
      member<&PoolTls::sni>("pool_tls", "sni",
                            "Name that servers are asked for and have to prove; needed for servers "
                            "on Unix sockets.")
          .like(server_name_rule)
          .or_else("the host of the server's address"),
      member<&PoolTls::verify>("pool_tls", "verify",
                               "false: encrypted, but nobody knows to whom; for tests."),
      path<&PoolTls::cert>("pool_tls", "cert", "PEM file of a certificate to show to servers.")
          .or_else("none"),
      path<&PoolTls::key>("pool_tls", "key", "PEM file of its private key.")
          .or_else("the certificate's file"),
  };
}

std::vector<Field> service_fields() {
  return {
      custom<read_match, show_match>(
          "service", "match",
          "Which requests come here; without it, those that match no other service.")
          .of_type("mapping")
          .holds("match")
          .or_else("none: the default service"),
      choice<&Service::initial>("service", "initial",
                                "The active color while no state exists yet."),
      section<&Service::blue>("service", "blue", "One of the two sets of servers.").holds("pool"),
      section<&Service::green>("service", "green", "The other set of servers.").holds("pool"),
      custom<read_balance, show_balance>(
          "service", "balance",
          "How a server is chosen: least_requests takes the less busy of two drawn by weight, "
          "round_robin goes round by weight, hash keeps equal keys on one server.")
          .of_type("word or mapping")
          .holds("balance")
          .allows("least_requests, round_robin, {hash: header NAME} or {hash: cookie NAME}"),
      section<&Service::health_check>("service", "health_check",
                                      "How servers of both colors are checked.")
          .holds("health_check"),
      section<&Service::outlier>("service", "outlier",
                                 "Servers taken out for failing real requests.")
          .holds("outlier"),
      section<&Service::timeouts>("service", "timeouts", "How long things may take.")
          .holds("timeouts"),
      section<&Service::limits>("service", "limits", "What one client or request may take.")
          .holds("limits"),
      section<&Service::retries>("service", "retries",
                                 "Requests sent again after a failed attempt.")
          .holds("retries"),
      section<&Service::drain>("service", "drain",
                               "How long the old color may take to finish after a flip.")
          .holds("drain"),
      member<&Service::null_flip>("service", "null_flip",
                                  "How often the way back is rehearsed without moving anything; 0 "
                                  "is never.")
          .range(0, one_day),
      custom<read_preview, show_preview_header>(
          "service", "preview",
          "Reaching the standby on purpose, to try it before a flip; false switches it off.")
          .of_type("mapping")
          .holds_itself("preview"),
      section<&Service::forwarded>("service", "forwarded",
                                   "What is believed of what stands in front of the proxy.")
          .holds("forwarded"),
  };
}

std::vector<Field> later_service_fields() {
  return {
      section<&Service::mirror>("service", "mirror", "Copies of requests to the standby.")
          .holds("mirror"),
      member<&Service::redirect_https>(
          "service", "redirect_https",
          "Cleartext requests get 308 to the same address by HTTPS; what a trusted balancer "
          "received by HTTPS (X-Forwarded-Proto, or its PROXY header) and ACME challenges do not."),
      member<&Service::hsts>("service", "hsts",
                             "max-age of Strict-Transport-Security on answers over HTTPS, in place "
                             "of the server's own; 0 is none.")
          .range(0, 20 * 365 * one_day),
      choice<&Service::trace>(
          "service", "trace",
          "A request without traceparent: passed as it is, or a trace is begun."),
      member<&Service::trace_percent>("service", "trace_percent",
                                      "Of the traces begun here, the share marked as sampled, per "
                                      "cent.")
          .range(0, 100),
      choice<&Service::answers>(
          "service", "answers",
          "Answers of servers that break rules which every proxy forgives (docs/framing.md lists "
          "them): set right and counted, or refused with 502."),
      choice<&Service::utf8_targets>(
          "service", "utf8_targets",
          "Bytes above 0x7f in a request's target: percent-encoded, or refused with 400."),
      optional_section<&Service::verify>("service", "verify", "Proof that a flip worked.")
          .holds("verify")
          .or_else("a flip is not proved"),
      later("service", "database", "Whether the old release can still use the database."),
      section<&Service::bake>("service", "bake", "Watching a release for a while after its flip.")
          .holds("bake"),
      later("service", "holdback", "A share of requests kept on the old color."),
  };
}

std::vector<Field> match_and_pool_fields() {
  return {
      member<&Match::hosts>("match", "hosts",
                            "Names in the Host field, in any case and on any port; an exact name "
                            "goes before a wildcard, a longer wildcard before a shorter one.")
          .of_type("list of host names")
          .like(host_pattern_rule)
          .or_else("any host"),
      member<&Match::path_prefix>(
          "match", "path_prefix",
          "The path, or the segments it begins with: /api takes /api and /api/x, not /apix.")
          .like(path_prefix_rule),
      member<&Pool::servers>("pool", "servers",
                             "Addresses, or mappings of address and weight; an empty standby is "
                             "one that is not deployed yet.")
          .of_type("list of servers")
          .holds("server"),
      member<&Pool::release>("pool", "release",
                             "The release that runs here, for flips by name and for the history.")
          .like(release_rule)
          .or_else("unknown"),
      optional_section<&Pool::tls>("pool", "tls", "TLS to the servers, checks included.")
          .holds("pool_tls")
          .or_else("cleartext"),
      choice<&Pool::proxy_protocol>("pool", "proxy_protocol",
                                    "A PROXY header of this version begins every connection to a "
                                    "server, which then serves one "
                                    "client's connection only."),
      member<&Server::address>("server", "address",
                               "Where the server listens; a name stands for one server for each of "
                               "its addresses (dns.md).")
          .allows("host:port, \"[v6]:port\" or unix:/path")
          .required(),
      member<&Server::weight>(
          "server", "weight",
          "Its share of requests beside the other servers; 0 takes no new ones.")
          .range(0, 1000),
      custom<read_hash, show_hash>("balance", "hash",
                                   "What is hashed, so that equal values go to the same server.")
          .of_type("text")
          .allows("header NAME or cookie NAME")
          .required(),
  };
}

std::vector<Field> check_fields() {
  return {
      member<&HealthCheck::path>("health_check", "path",
                                 "Path of a GET; without it, a connect is the check.")
          .like(request_path_rule)
          .or_else("connect only"),
      member<&HealthCheck::interval>("health_check", "interval", "From one check to the next.")
          .range(10, 3'600'000),
      member<&HealthCheck::timeout>(
          "health_check", "timeout",
          "A check that takes longer has failed; the next one waits for its end.")
          .range(1, 3'600'000),
      member<&HealthCheck::rise>("health_check", "rise",
                                 "Passed checks in a row that bring a server back; the first that "
                                 "passes after the start brings it in.")
          .range(1, 100),
      member<&HealthCheck::fall>("health_check", "fall",
                                 "Failed checks in a row that take a server out, also right after "
                                 "the start.")
          .range(1, 100),
      custom<read_status, show_status>("health_check", "status", "Statuses that pass.")
          .of_type("status or range")
          .allows("200 to 599, or a range such as 200-399"),
      member<&HealthCheck::host>("health_check", "host", "Host field of the check.")
          .like(host_header_rule)
          .or_else("the server's address"),
      member<&HealthCheck::slow_start>(
          "health_check", "slow_start",
          "A server that came back, is new, or whose weight was raised grows to its full share in "
          "this time; 0 is at once.")
          .range(0, one_day),
      custom<read_panic, show_panic>(
          "health_check", "panic",
          "Where no more than this share of a pool's servers passes its checks, those that fail "
          "them but accept connections are used all the same, and an alarm says so; 0% is where "
          "none passes.")
          .of_type("percentage")
          .allows("0% to 100%, or off"),
      member<&Outlier::consecutive_failures>(
          "outlier", "consecutive_failures",
          "Failed requests in a row (no connection, reset, timeout, 502 to 504) that take a server "
          "out; 0 is never.")
          .range(0, 1000),
      member<&Outlier::ejection>(
          "outlier", "ejection",
          "How long it stays out the first time; each time in a row adds as much, to ten times.")
          .range(100, one_day),
      custom<read_max_ejected, show_max_ejected>(
          "outlier", "max_ejected",
          "The share of a pool's servers that may be out at once, rounded down, but one of two or "
          "more; never the last that can be used.")
          .of_type("percentage")
          .allows("0% to 100%"),
  };
}

std::vector<Field> timeout_fields() {
  return {
      member<&Timeouts::connect>("timeouts", "connect", "Connecting to a server.")
          .range(0, one_day),
      member<&Timeouts::request_head>("timeouts", "request_head",
                                      "The whole head of a request, from its first byte.")
          .range(0, one_day),
      member<&Timeouts::request_body_idle>("timeouts", "request_body_idle",
                                           "Between two reads of a request's body.")
          .range(0, one_day),
      member<&Timeouts::response_head>("timeouts", "response_head",
                                       "From the end of the request to the head of the response.")
          .range(0, one_day),
      member<&Timeouts::response_idle>("timeouts", "response_idle",
                                       "Between two reads of a response's body.")
          .range(0, one_day),
      member<&Timeouts::write_idle>("timeouts", "write_idle",
                                    "A client that takes no byte for this long is cut off, at the "
                                    "latest after twice as long.")
          .range(0, one_day),
      member<&Timeouts::tunnel_idle>("timeouts", "tunnel_idle",
                                     "A tunnel (WebSocket) without a byte in either direction.")
          .range(0, 30 * one_day),
      member<&Timeouts::idle>("timeouts", "idle",
                              "A client's kept-alive connection without a request.")
          .range(0, one_day),
      member<&Timeouts::server_idle>(
          "timeouts", "server_idle",
          "A server's kept-alive connection without a request. Keep it below what the servers use "
          "themselves; where one announces a shorter time (Keep-Alive: timeout=5), that counts.")
          .range(0, one_day),
  };
}

std::vector<Field> limit_fields() {
  return {
      member<&Limits::head>(
          "limits", "head",
          "Request line and header fields together; also trailers, and heads of responses.")
          .range(kib, max_buffered),
      member<&Limits::fields>("limits", "fields", "Header fields in one head.").range(1, 256),
      member<&Limits::body>("limits", "body", "A request's body; 0 is no limit.")
          .allows("any size"),
      member<&Limits::queue>("limits", "queue",
                             "Requests that wait while the service is paused, and as many in each "
                             "color for a connection to a server, all workers together; the next "
                             "ones get 503.")
          .range(1, 1'000'000),
      member<&Limits::replay>(
          "limits", "replay",
          "A request's body kept for another attempt; a larger one is sent once only.")
          .range(0, max_buffered),
      choice<&Limits::client_gone>(
          "limits", "client_gone",
          "A client that has closed or reset its connection while its request is under way: the "
          "attempt is given up, or carried to its end. One that closed only its sending half "
          "waits."),
      member<&Limits::connections_per_server>(
          "limits", "connections_per_server",
          "Connections to one server, all workers together, kept ones included; requests above it "
          "wait in order. 0 is no limit.")
          .range(0, 1'000'000),
      member<&Limits::queue_timeout>("limits", "queue_timeout",
                                     "The longest wait for a connection to a server; then 503.")
          .range(0, one_day),
      member<&Limits::min_rate>(
          "limits", "min_rate",
          "Bytes a second that a client must send of a body, or take of an answer, on average over "
          "30 s in which it was what was waited for; 0 is none.")
          .allows("any size"),
      member<&Retries::attempts>("retries", "attempts", "Attempts after the first.").range(0, 10),
      member<&Retries::methods>(
          "retries", "methods",
          "Methods that may be sent again once something was written to a server.")
          .of_type("list of methods")
          .like(method_rule)
          .or_else("none"),
  };
}

std::vector<Field> drain_and_trust_fields() {
  return {
      member<&Drain::timeout>("drain", "timeout", "Other requests: ended after this.")
          .range(0, one_day),
      member<&Drain::websocket>(
          "drain", "websocket",
          "Tunnels: untouched for this long, closed spread evenly over as long again, then cut.")
          .range(0, one_day),
      member<&Drain::stream>("drain", "stream", "Event streams and gRPC: ended after this.")
          .range(0, one_day),
      custom<read_preview_header, show_preview_header>(
          "preview", "header",
          "A request that carries it goes to the color that is its value, blue or green; with any "
          "other value but 0 to the standby.")
          .of_type("text")
          .like(header_name_rule)
          .or_else("no preview"),
      member<&Forwarded::trust>(
          "forwarded", "trust",
          "Whose X-Forwarded-* and X-Request-Id are believed; everybody else's are replaced.")
          .of_type("list of networks")
          .allows("10.0.0.0/8, 192.0.2.7, \"fd00::/8\"")
          .or_else("nobody"),
      member<&Forwarded::client_header>(
          "forwarded", "client_header",
          "The field in which a trusted sender names its client. X-Forwarded-For and Forwarded are "
          "read from their end back over trusted networks; any other holds one address "
          "(CF-Connecting-IP).")
          .of_type("text")
          .like(client_field_rule),
      member<&Forwarded::via>("forwarded", "via",
                              "Via is added to requests for servers; some servers do not compress "
                              "their answers where it stands."),
  };
}

std::vector<Field> client_and_dns_fields() {
  return {
      member<&Clients::connections>("clients", "connections",
                                    "Open connections of one address; 0 is no limit.")
          .range(0, 1'000'000),
      member<&Clients::connections_per_second>(
          "clients", "connections_per_second",
          "New connections of one address; one second's worth may come at once. 0 is no limit.")
          .range(0, 1'000'000),
      member<&Clients::requests_per_second>(
          "clients", "requests_per_second",
          "Requests of one address; one second's worth may come at once, more get 429. 0 is no "
          "limit.")
          .range(0, 1'000'000),
      member<&Clients::max_connections>(
          "clients", "max_connections",
          "Client connections of all addresses; the next ones wait until one ends. 0 is no limit.")
          .range(0, 10'000'000),
      member<&Clients::ipv6_prefix>("clients", "ipv6_prefix",
                                    "IPv6 clients count as one when they share this many bits.")
          .range(1, 128),
      member<&Clients::exempt>(
          "clients", "exempt",
          "Networks that are never limited. A balancer without PROXY header belongs here: all its "
          "clients have its address.")
          .of_type("list of networks")
          .allows("10.0.0.0/8, 192.0.2.7, \"fd00::/8\"")
          .or_else("nobody"),
      member<&Dns::servers>("dns", "servers",
                            "Name servers, asked in this order; /etc/hosts and search domains "
                            "count only without them.")
          .of_type("list of addresses")
          .allows("host:port, with a literal address")
          .or_else("the system's"),
      member<&Dns::min_ttl>("dns", "min_ttl",
                            "A shorter time to live is taken as this; a question that failed is "
                            "repeated after it, then with longer pauses.")
          .range(100, one_day),
      member<&Dns::max_ttl>("dns", "max_ttl",
                            "A longer time to live is taken as this; a name that ceases to exist "
                            "keeps its servers this long.")
          .range(100, one_day),
      member<&Dns::timeout>("dns", "timeout",
                            "How long one question may take, with its repeats to all name servers.")
          .range(10, 60'000),
      choice<&Dns::family>("dns", "family", "Which addresses of a name are asked for and used."),
  };
}

std::vector<Field> mirror_fields() {
  return {
      member<&Mirror::percent>("mirror", "percent",
                               "Share of the requests that are copied to the standby, per cent.")
          .range(0, 100),
      member<&Mirror::methods>("mirror", "methods",
                               "Methods that are copied; both colors may share one database.")
          .of_type("list of methods")
          .like(method_rule)
          .or_else("none"),
      member<&Mirror::headers>("mirror", "headers",
                               "Header fields of the answers that are compared.")
          .of_type("list of header names")
          .like(answer_field_rule)
          .or_else("none"),
      member<&Mirror::body>("mirror", "body", "A request with a larger body is not copied.")
          .range(0, max_buffered),
      member<&Mirror::in_flight>(
          "mirror", "in_flight",
          "Copies under way, all workers together; above it a request is not copied.")
          .range(1, 10'000),
      member<&Mirror::timeout>(
          "mirror", "timeout",
          "A copy that takes longer is given up; an original that does is not compared.")
          .range(1, one_day),
  };
}

std::vector<Field> log_fields() {
  return {
      choice<&Log::access>("log", "access",
                           "A line per request: JSON, the combined text format, or none.")
          .restart("the access log is set up once, at the start"),
      path<&Log::path>("log", "path", "Where access records go; a file is opened again on SIGUSR1.")
          .like(log_path_rule)
          .restart("the access log is set up once, at the start"),
      choice<&Log::level>("log", "level", "The program's own log, on stderr."),
  };
}

}  // namespace

const std::vector<Field>& all_fields() {
  static const std::vector<Field> table = [] {
    std::vector<Field> rows;
    for (auto part : {top_fields, listener_fields, tls_fields, service_fields, later_service_fields,
                      match_and_pool_fields, check_fields, timeout_fields, limit_fields,
                      drain_and_trust_fields, client_and_dns_fields, mirror_fields, verify_fields,
                      admin_fields, access_fields, log_fields, notify_fields}) {
      for (Field& field : part()) rows.push_back(std::move(field));
    }
    return rows;
  }();
  return table;
}

}  // namespace switchback::config
