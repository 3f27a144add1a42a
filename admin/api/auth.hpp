// Who asks, and may they? Decided per request from the peer, the Authorization field, the client
// certificate and the rules (docs/people.md).
//
//   unix socket  kernel's peer credentials against admin.access; a bearer token counts too where it
//                gives more. Never rate-limited: it is the way in on a bad day.
//   TCP          a bearer token or a client certificate, whichever gives more, for everything but
//                /healthz, /readyz and, from loopback, /metrics. Where neither tokens nor
//                certificates exist: reads from loopback with a loopback Host (a foreign name there
//                is DNS rebinding), changes refused.
//   browsers     a change that comes from another site (Origin, Sec-Fetch-Site) is refused
//                everywhere.
//
// Limits: failed authentications by address, requests by principal over TCP. Neither ever refuses a
// rollback from who may do it.
#pragma once

#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "admin/api/problem.hpp"
#include "admin/people/people.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::api {

// How a route is guarded.
enum class Gate : std::uint8_t {
  open,     // /healthz, /readyz
  metrics,  // open from loopback, else as `guarded`
  guarded,  // needs its role
};

struct Need {
  Gate gate = Gate::guarded;
  config::Role role = config::Role::read;
  bool change = false;      // anything but GET and HEAD
  std::string command;      // what the CLI would call it: "switchback rollback shop"
  std::string_view action;  // the same as the route has it, with its {s}; for the audit
  bool rollback = false;    // outside every limit
  std::string service;      // that the path names; empty: none
};

// Who asks, by which rule, and where it ends.
struct Caller : release::Actor {
  std::string person;                 // "dana"; empty: nobody in particular (loopback, /healthz)
  std::string rule;                   // "admin.access: group oncall", "token ci-3f9a2c01"
  std::vector<std::string> services;  // may change these only; empty: all
  std::string token_id;
  std::int64_t expires_us = 0;  // of the token or the certificate; 0: never
  people::Principal principal() const { return {name, auth, person, role}; }
};

using Decision = std::variant<Caller, Refusal>;

// Failed authentications by address: so many a minute, then 429. Only failures are ever refused by
// it; a right token passes, since 256 random bits cannot be guessed and a shared address must not
// lock anybody out. Bounded: the table forgets before it grows.
class FailureLimit {
 public:
  static constexpr std::size_t most_addresses = 1024;
  static constexpr unsigned per_minute = 10;
  // Notes one failure; true: there were too many in the last minute.
  bool note(const std::string& address, Nanos now_ns);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Nanos begun_ns = 0;
    unsigned count = 0;
  };
  std::unordered_map<std::string, Entry> entries_;
};

// Requests of one principal over TCP: a bucket that fills at `per_second`. One that asks in a loop
// must not take the control thread from the others.
class PrincipalLimit {
 public:
  static constexpr std::size_t most_principals = 1024;
  static constexpr double per_second = 100;
  static constexpr double burst = 400;
  // Takes one; false: the bucket is empty.
  bool take(const std::string& principal, Nanos now_ns);
  std::size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    double left = burst;
    Nanos at_ns = 0;
  };
  std::unordered_map<std::string, Bucket> buckets_;
};

struct AuthCounters {
  std::uint64_t failed = 0;      // 401, and 403 of who is nobody
  std::uint64_t limited = 0;     // 429
  std::uint64_t forbidden = 0;   // known, but the role is too low or the service another
  std::uint64_t cross_site = 0;  // browser requests from elsewhere, and foreign Hosts
};

class Authenticator {
 public:
  explicit Authenticator(const people::People& people) : people_(people) {}
  Decision decide(const web::Request& request, const Need& need, Nanos now_ns);
  const AuthCounters& counters() const { return counters_; }

 private:
  Decision decide_unix(const web::Request& request, const Need& need);
  Decision decide_tcp(const web::Request& request, const Need& need, Nanos now_ns);
  Decision without_tokens(const web::Request& request, const Need& need);
  Decision stranger(const web::Request& request, const Need& need, Nanos now_ns);
  Refusal failed_token(const web::Request& request, const Need& need, Nanos now_ns);
  Refusal ended_token(const people::TokenEntry& token, const Need& need);
  Refusal failed_certificate(const web::Peer::Certificate& shown, const Need& need);
  Decision permit(Caller caller, const Need& need);

  const people::People& people_;
  FailureLimit failures_;
  PrincipalLimit principals_;
  AuthCounters counters_;
};

// "127.0.0.1", "localhost", "[::1]", each with or without a port.
bool loopback_host(std::string_view host);
// A browser says that the request comes from another site.
bool cross_site(const web::Request& request);

}  // namespace switchback::api
