// The configuration as plain data: what `switchback.yaml` means after loading.
//
// Ownership: values only, freely copied. Threads: build on one thread, then read-only.
// Units: every duration is milliseconds, every size is bytes; 0 means "none" in `limits` and
// `timeouts`. Defaults here are the documented defaults; the field table (fields.hpp) repeats none
// of them, it reads them from these initialisers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/notify_model.hpp"
#include "config/verify_model.hpp"

namespace switchback::config {

using Duration = std::chrono::milliseconds;
using namespace std::chrono_literals;

enum class AddressKind : std::uint8_t { tcp, unix_path, inherited_fd };

// `host:port`, `[v6]:port`, `unix:/path` or (listeners only) `fd:NAME`, a socket that the service
// manager has opened and named (sd_listen_fds(3)).
struct Address {
  AddressKind kind = AddressKind::tcp;
  std::string text;        // as written, used as the server's identity and in every message
  std::string host;        // tcp: name or literal, without brackets
  std::uint16_t port = 0;  // tcp; 0 on a listener means "any free port" (tests)
  std::string path;        // unix_path; inherited_fd: the NAME
  friend bool operator==(const Address&, const Address&) = default;
};

struct Certificate {
  std::string cert;  // PEM file: the leaf first, then what leads to the root
  std::string key;   // PEM file
  friend bool operator==(const Certificate&, const Certificate&) = default;
};

enum class TlsVersion : std::uint8_t { v1_2, v1_3 };
enum class ClientCertificate : std::uint8_t { request, require };

// HTTPS on a listener. Read anew at every reload, files included.
struct ListenerTls {
  std::vector<Certificate> certificates;  // chosen by SNI; the first is the default
  TlsVersion min_version = TlsVersion::v1_2;
  std::string client_ca;  // PEM file; empty: clients are not asked for certificates
  ClientCertificate client_certificate = ClientCertificate::require;  // with client_ca
  Duration ticket_rotation = 12h;  // a new key for session tickets; the old one still opens
  friend bool operator==(const ListenerTls&, const ListenerTls&) = default;
};

enum class Protocol : std::uint8_t { http_1_1 };

struct Listener {
  Address bind;
  std::optional<ListenerTls> tls;
  std::vector<Protocol> protocols = {Protocol::http_1_1};
  bool proxy_protocol = false;  // every connection begins with a PROXY header, v1 or v2
  unsigned mode = 0666;         // of the file of a unix socket: who may write it may connect
  friend bool operator==(const Listener&, const Listener&) = default;
};

struct Match {
  std::vector<std::string>
      hosts;                      // lower case; "*.example.com" matches one or more labels in front
  std::string path_prefix = "/";  // matches on segment boundaries
  friend bool operator==(const Match&, const Match&) = default;
};

struct Server {
  Address address;
  unsigned weight = 1;  // 0..1000; 0 takes no new requests
  friend bool operator==(const Server&, const Server&) = default;
};

// TLS to the servers of a pool; health checks speak it too.
struct PoolTls {
  std::string ca;      // PEM file; empty: the system's certificate store
  std::string sni;     // name asked for and verified; empty: the server's host name
  bool verify = true;  // false: encrypted, but to whomever
  std::string cert;    // PEM files of our own certificate; empty: none
  std::string key;
  friend bool operator==(const PoolTls&, const PoolTls&) = default;
};

enum class ProxyHeader : std::uint8_t { off, v1, v2 };

struct Pool {
  std::vector<Server> servers;  // may be empty: a standby that is not deployed yet
  std::string release;          // declared release name ("v1.2"); empty: unknown
  std::optional<PoolTls> tls;
  ProxyHeader proxy_protocol = ProxyHeader::off;  // sent first on every connection to a server
  friend bool operator==(const Pool&, const Pool&) = default;
};

enum class BalancePolicy : std::uint8_t { least_requests, round_robin, hash };
enum class HashSource : std::uint8_t { header, cookie };
struct Balance {
  BalancePolicy policy = BalancePolicy::least_requests;
  HashSource hash_source = HashSource::header;
  std::string hash_name;  // header or cookie name, for policy hash
  friend bool operator==(const Balance&, const Balance&) = default;
};

struct HealthCheck {
  std::string path;  // empty: a TCP connect is the check
  Duration interval = 1s;
  Duration timeout = 2s;
  unsigned rise = 2;          // consecutive passes to become healthy again; the first brings it in
  unsigned fall = 3;          // consecutive failures to become unhealthy
  unsigned status_min = 200;  // accepted status range, both ends included
  unsigned status_max = 399;
  std::string host;          // Host header of the probe; empty: the server's address
  Duration slow_start = 0s;  // a server that came back gets its full share after this; 0: at once
  // Where no more than this share of a pool's servers passes, per cent, those that fail their
  // checks but accept connections are used all the same. 0: where none passes. None: never.
  std::optional<unsigned> panic = 0;
  friend bool operator==(const HealthCheck&, const HealthCheck&) = default;
};

// A server is taken out for failing real requests (passive health).
struct Outlier {
  unsigned consecutive_failures = 5;  // connects refused, resets, timeouts, 502 to 504; 0: never
  Duration ejection = 10s;            // times the number of ejections in a row, at most ten times
  unsigned max_ejected = 50;  // per cent of a pool's servers, rounded down but at least one of two
  friend bool operator==(const Outlier&, const Outlier&) = default;
};

struct Timeouts {
  Duration connect = 2s;             // TCP connect to a server
  Duration request_head = 10s;       // whole head, from its first byte (or from accept)
  Duration request_body_idle = 30s;  // between two reads of a request body
  Duration response_head = 60s;      // from the request's end to the response's head
  Duration response_idle = 0s;       // between two reads of a response body; 0: none
  Duration write_idle = 60s;         // a client that takes no byte for this long is cut
  Duration tunnel_idle = 1h;         // a tunnel without a byte in either direction; 0: none
  Duration idle = 60s;               // a client's kept-alive connection without a request
  Duration server_idle = 1500ms;     // a server's; shorter where it announces so. 0: none
  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

// What becomes of an attempt whose client has reset or fully closed its connection.
enum class ClientGone : std::uint8_t { cancel, finish };

struct Limits {
  std::size_t head = 64 * 1024;  // request line and fields; also of trailers and response heads
  std::uint64_t body = 0;        // request body; 0: no limit
  unsigned queue = 1024;         // requests waiting at the door while paused, all workers together
  std::size_t replay = 64 * 1024;  // request body kept for a retry
  unsigned fields = 100;           // header fields in one head
  ClientGone client_gone = ClientGone::cancel;
  unsigned connections_per_server = 0;  // of all workers together, kept ones included; 0: no limit
  Duration queue_timeout = 2s;          // the longest wait for one of them; 0: none
  std::uint64_t min_rate = 128;         // bytes a second a client must send of a body or take of an
                                 // answer, on average over 30 s in which we waited for it; 0: none
  Duration min_rate_window = 30s;  // those; no key: tests shorten it
  friend bool operator==(const Limits&, const Limits&) = default;
};

struct Retries {
  unsigned attempts = 1;  // extra attempts after the first
  std::vector<std::string> methods = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
  friend bool operator==(const Retries&, const Retries&) = default;
};

struct Drain {
  Duration timeout = 30s;  // class request
  Duration websocket =
      10s;  // class tunnel: untouched this long, closed spread over as long again, then cut
  Duration stream = 30s;  // class stream
  friend bool operator==(const Drain&, const Drain&) = default;
};

// A network in CIDR notation, v4 mapped to v6 (so 10.0.0.0/8 is ::ffff:10.0.0.0/104).
struct Network {
  std::uint8_t bytes[16] = {};
  unsigned prefix_bits = 0;
  std::string text;
  friend bool operator==(const Network&, const Network&) = default;
};

struct Forwarded {
  std::vector<Network> trust;  // whose X-Forwarded-* and X-Request-Id are believed
  // Where a trusted sender says who its client is: X-Forwarded-For and Forwarded are walked back
  // over trusted networks, any other field holds one address.
  std::string client_header = "X-Forwarded-For";
  bool via = true;  // Via is added to requests for servers
  friend bool operator==(const Forwarded&, const Forwarded&) = default;
};

// Copies of requests to the standby; their answers are compared and thrown away.
struct Mirror {
  unsigned percent = 0;  // of the requests that may be copied
  std::vector<std::string> methods = {"GET", "HEAD", "OPTIONS"};
  std::vector<std::string> headers = {"Content-Type", "Location"};  // compared
  std::size_t body = 64 * 1024;  // a larger request body is not copied
  unsigned in_flight = 64;       // copies under way, all workers together; more: dropped
  Duration timeout = 10s;        // a copy that takes longer is given up
  friend bool operator==(const Mirror&, const Mirror&) = default;
};

// A request without a trace context (traceparent): left as it is, or one is begun for it.
enum class Trace : std::uint8_t { pass, begin };

// How a server's answer is read that breaks rules which every peer forgives (framing.md).
enum class Answers : std::uint8_t { lenient, strict };

// Bytes above 0x7f in a request's target.
enum class Utf8Targets : std::uint8_t { encode, refuse };

enum class InitialColor : std::uint8_t { blue, green };

struct Service {
  std::string name;            // [a-z0-9][a-z0-9_-]{0,62}
  std::optional<Match> match;  // none: the default service
  InitialColor initial = InitialColor::blue;
  Pool blue;
  Pool green;
  Balance balance;
  HealthCheck health_check;
  Outlier outlier;
  Timeouts timeouts;
  Limits limits;
  Retries retries;
  Drain drain;
  Duration null_flip = 60s;  // how often the way back is rehearsed; 0: never
  std::string preview_header = "X-Switchback-Preview";  // empty: no preview
  Forwarded forwarded;
  Mirror mirror;
  std::optional<Verify> verify;  // none: a flip is not proved
  Bake bake;
  bool redirect_https = false;  // cleartext requests are sent to the same address by HTTPS
  Trace trace = Trace::pass;
  unsigned trace_percent = 100;  // of the traces begun here, how many are marked as sampled
  Answers answers = Answers::lenient;
  Utf8Targets utf8_targets = Utf8Targets::encode;
  Duration hsts = 0s;  // Strict-Transport-Security's max-age on answers over HTTPS; 0: none
  friend bool operator==(const Service&, const Service&) = default;
};

enum class Role : std::uint8_t { read, operate, deploy, admin };  // each includes the ones before

struct AccessRule {
  std::string user;  // exactly one of user, group is set
  std::string group;
  Role role = Role::read;
  friend bool operator==(const AccessRule&, const AccessRule&) = default;
};

// A point in time, as it was written.
struct Instant {
  std::int64_t wall_us = 0;  // microseconds since 1970, UTC; 0: none
  std::string text;
  friend bool operator==(const Instant&, const Instant&) = default;
};

struct Token {
  std::string name;
  Role role = Role::read;
  std::string sha256;                 // 64 lower-case hex digits, of the whole token text
  Instant expires;                    // none: never
  std::vector<std::string> services;  // it may change these only; empty: all
  friend bool operator==(const Token&, const Token&) = default;
};

// What a client certificate of the admin address allows.
struct CertificateRule {
  std::string name;  // a subject alternative name (DNS, e-mail, URI) or the common name
  Role role = Role::read;
  friend bool operator==(const CertificateRule&, const CertificateRule&) = default;
};

enum class MetricsHistograms : std::uint8_t { full, coarse, off };

// What a scrape of /metrics holds; series that never moved are left out anyway.
struct Metrics {
  bool servers = true;  // series of every single server
  MetricsHistograms histograms = MetricsHistograms::full;
  friend bool operator==(const Metrics&, const Metrics&) = default;
};

// A proxy in front of the admin address.
struct AdminForwarded {
  std::vector<Network> trust;  // whose client_header is believed
  std::string client_header = "X-Forwarded-For";
  friend bool operator==(const AdminForwarded&, const AdminForwarded&) = default;
};

struct Admin {
  std::string socket = "/run/switchback/admin.sock";  // empty: none
  std::vector<AccessRule> access;
  std::vector<Token> tokens;
  std::optional<Address> bind;         // TCP; none: socket only
  std::optional<Address> health_bind;  // /healthz and /readyz alone, for whoever asks
  AdminForwarded forwarded;
  Metrics metrics;
  std::optional<Certificate> tls;  // HTTPS on `bind`
  std::string client_ca;           // PEM file; empty: clients are not asked for certificates
  std::vector<CertificateRule> certificates;
  std::string on_call;  // JSON file that says who is on call; empty: none
  friend bool operator==(const Admin&, const Admin&) = default;
};

// What one client address may take; all workers together. 0: no limit.
struct Clients {
  unsigned connections = 0;             // open at once
  unsigned connections_per_second = 0;  // new ones; a burst of one second's worth is free
  unsigned requests_per_second = 0;     // more get 429
  unsigned max_connections = 0;         // of all clients together: more wait in the backlog
  unsigned ipv6_prefix = 64;            // IPv6 clients are counted by network
  std::vector<Network> exempt;          // never limited
  friend bool operator==(const Clients&, const Clients&) = default;
};

enum class DnsFamily : std::uint8_t { both, ipv4, ipv6 };

// How server names are looked up.
struct Dns {
  std::vector<Address> servers;        // empty: the system's (/etc/resolv.conf)
  Duration min_ttl = 1s;               // a shorter time to live is taken as this
  Duration max_ttl = 5min;             // a longer one as this
  Duration timeout = 2s;               // of one question
  DnsFamily family = DnsFamily::both;  // which addresses are asked for
  friend bool operator==(const Dns&, const Dns&) = default;
};

enum class AccessFormat : std::uint8_t { off, text, json };
enum class LogLevel : std::uint8_t { trace, debug, info, warn, error };

struct Log {
  AccessFormat access = AccessFormat::json;
  std::string path = "stdout";      // of the access log: stdout, stderr or a file
  LogLevel level = LogLevel::info;  // of the program's own log, which goes to stderr
  friend bool operator==(const Log&, const Log&) = default;
};

struct Config {
  std::string file;  // where it came from, for messages
  std::vector<Listener> listeners;
  std::vector<Service> services;  // in file order
  Clients clients;
  Dns dns;
  Admin admin;
  std::string state_dir = "/var/lib/switchback";
  std::string run_dir;   // empty in the file: the admin socket's folder (the loader fills it in)
  unsigned workers = 0;  // 0: one per core
  Log log;
  std::vector<NotifyTarget> notify;
};

}  // namespace switchback::config
