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

namespace switchback::config {

using Duration = std::chrono::milliseconds;
using namespace std::chrono_literals;

enum class AddressKind : std::uint8_t { tcp, unix_path, inherited_fd };

// `host:port`, `[v6]:port`, `unix:/path` or (listeners, later) `fd:NAME`.
struct Address {
  AddressKind kind = AddressKind::tcp;
  std::string text;         // as written, used as the server's identity and in every message
  std::string host;         // tcp: name or literal, without brackets
  std::uint16_t port = 0;   // tcp; 0 on a listener means "any free port" (tests)
  std::string path;         // unix_path
  friend bool operator==(const Address&, const Address&) = default;
};

struct Listener {
  Address bind;
  friend bool operator==(const Listener&, const Listener&) = default;
};

struct Match {
  std::vector<std::string> hosts;   // lower case; "*.example.com" matches one or more labels in front
  std::string path_prefix = "/";    // matches on segment boundaries
  friend bool operator==(const Match&, const Match&) = default;
};

struct Server {
  Address address;
  unsigned weight = 1;   // 0..1000; 0 takes no new requests
  friend bool operator==(const Server&, const Server&) = default;
};

struct Pool {
  std::vector<Server> servers;   // may be empty: a standby that is not deployed yet
  std::string release;           // declared release name ("v1.2"); empty: unknown
  friend bool operator==(const Pool&, const Pool&) = default;
};

enum class BalancePolicy : std::uint8_t { least_requests, round_robin, hash };
enum class HashSource : std::uint8_t { header, cookie };
struct Balance {
  BalancePolicy policy = BalancePolicy::least_requests;
  HashSource hash_source = HashSource::header;
  std::string hash_name;   // header or cookie name, for policy hash
  friend bool operator==(const Balance&, const Balance&) = default;
};

struct HealthCheck {
  std::string path;             // empty: a TCP connect is the check
  Duration interval = 1s;
  Duration timeout = 500ms;
  unsigned rise = 2;            // consecutive passes to become healthy
  unsigned fall = 3;            // consecutive failures to become unhealthy
  unsigned status_min = 200;    // accepted status range, both ends included
  unsigned status_max = 399;
  std::string host;             // Host header of the probe; empty: the server's address
  friend bool operator==(const HealthCheck&, const HealthCheck&) = default;
};

struct Timeouts {
  Duration connect = 2s;              // TCP connect to a server
  Duration request_head = 10s;        // whole head, from its first byte (or from accept)
  Duration request_body_idle = 30s;   // between two reads of a request body
  Duration response_head = 60s;       // from the request's end to the response's head
  Duration response_idle = 0s;        // between two reads of a response body; 0: none
  Duration write_idle = 60s;          // a client that takes no byte for this long is cut
  Duration idle = 60s;                // kept-alive connection without a request, both sides
  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

struct Limits {
  std::size_t head = 64 * 1024;     // request line and fields; also of trailers and response heads
  std::uint64_t body = 0;           // request body; 0: no limit
  unsigned queue = 1024;            // requests waiting at the door while paused, all workers together
  std::size_t replay = 64 * 1024;   // request body kept for a retry
  unsigned fields = 100;            // header fields in one head
  friend bool operator==(const Limits&, const Limits&) = default;
};

struct Retries {
  unsigned attempts = 1;            // extra attempts after the first
  std::vector<std::string> methods = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
  friend bool operator==(const Retries&, const Retries&) = default;
};

struct Drain {
  Duration timeout = 30s;     // class request
  Duration websocket = 10s;   // class tunnel: untouched this long, closed spread over as long again, then cut
  Duration stream = 30s;      // class stream
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
  std::vector<Network> trust;   // whose X-Forwarded-* and X-Request-Id are believed
  friend bool operator==(const Forwarded&, const Forwarded&) = default;
};

enum class InitialColor : std::uint8_t { blue, green };

struct Service {
  std::string name;             // [a-z0-9][a-z0-9_-]{0,62}
  std::optional<Match> match;   // none: the default service
  InitialColor initial = InitialColor::blue;
  Pool blue;
  Pool green;
  Balance balance;
  HealthCheck health_check;
  Timeouts timeouts;
  Limits limits;
  Retries retries;
  Drain drain;
  std::string preview_header = "X-Switchback-Preview";   // empty: no preview
  Forwarded forwarded;
  friend bool operator==(const Service&, const Service&) = default;
};

enum class Role : std::uint8_t { read, operate, deploy, admin };   // each includes the ones before

struct AccessRule {
  std::string user;    // exactly one of user, group is set
  std::string group;
  Role role = Role::read;
  friend bool operator==(const AccessRule&, const AccessRule&) = default;
};

struct Token {
  std::string name;
  Role role = Role::read;
  std::string sha256;   // 64 lower-case hex digits, of the whole token text
  friend bool operator==(const Token&, const Token&) = default;
};

struct Admin {
  std::string socket = "/run/switchback/admin.sock";   // empty: none
  std::vector<AccessRule> access;
  std::vector<Token> tokens;
  std::optional<Address> bind;   // TCP; none: socket only
  friend bool operator==(const Admin&, const Admin&) = default;
};

enum class AccessFormat : std::uint8_t { off, text, json };
enum class LogLevel : std::uint8_t { trace, debug, info, warn, error };

struct Log {
  AccessFormat access = AccessFormat::json;
  std::string path = "stdout";        // of the access log: stdout, stderr or a file
  LogLevel level = LogLevel::info;    // of the program's own log, which goes to stderr
  friend bool operator==(const Log&, const Log&) = default;
};

struct Config {
  std::string file;   // where it came from, for messages
  std::vector<Listener> listeners;
  std::vector<Service> services;   // in file order
  Admin admin;
  std::string state_dir = "/var/lib/switchback";
  std::string run_dir;    // empty in the file: the admin socket's folder (the loader fills it in)
  unsigned workers = 0;   // 0: one per core
  Log log;
};

}  // namespace switchback::config
