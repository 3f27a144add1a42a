// Who asks, and may they? Decided per request from the peer, the Authorization field and the rules.
//
//   unix socket  kernel's peer credentials against admin.access; a bearer token counts too where it
//                gives more. Never rate-limited: it is the way in on a bad day.
//   TCP          with tokens configured: a bearer token for everything but /healthz, /readyz and,
//   from
//                loopback, /metrics. Without: reads from loopback with a loopback Host (a foreign
//                name there is DNS rebinding), changes refused.
//   browsers     a change that comes from another site (Origin, Sec-Fetch-Site) is refused
//   everywhere.
#pragma once

#include <string>
#include <unordered_map>
#include <variant>

#include "admin/people/access.hpp"
#include "admin/api/problem.hpp"
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
  bool change = false;  // anything but GET and HEAD
  std::string command;  // what the CLI would call it: "switchback rollback shop"
};

using Decision = std::variant<release::Actor, Refusal>;

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

struct AuthCounters {
  std::uint64_t failed = 0;      // 401, and 403 of who is nobody
  std::uint64_t limited = 0;     // 429
  std::uint64_t forbidden = 0;   // known, but the role is too low
  std::uint64_t cross_site = 0;  // browser requests from elsewhere, and foreign Hosts
};

class Authenticator {
 public:
  explicit Authenticator(const config::Admin& admin) : access_(admin) {}
  void set_access(const config::Admin& admin) { access_ = people::Access(admin); }
  Decision decide(const web::Request& request, const Need& need, Nanos now_ns);
  const people::Access& access() const { return access_; }
  const AuthCounters& counters() const { return counters_; }

 private:
  Decision decide_unix(const web::Request& request, const Need& need);
  Decision decide_tcp(const web::Request& request, const Need& need, Nanos now_ns);
  Decision without_tokens(const web::Request& request, const Need& need);
  Refusal failed_token(const web::Request& request, const Need& need, bool sent, Nanos now_ns);
  Decision with_role(release::Actor actor, const Need& need, const std::string& where);

  people::Access access_;
  FailureLimit failures_;
  AuthCounters counters_;
};

// "127.0.0.1", "localhost", "[::1]", each with or without a port.
bool loopback_host(std::string_view host);
// A browser says that the request comes from another site.
bool cross_site(const web::Request& request);

}  // namespace switchback::api
