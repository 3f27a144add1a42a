#include "admin/api/auth.hpp"

#include <algorithm>

#include "config/dates.hpp"

namespace switchback::api {
namespace {

constexpr Nanos minute_ns = 60'000'000'000;

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// The text after "Bearer "; empty when there is none.
std::string_view bearer_of(const web::Request& request) {
  const std::string_view value = request.field("Authorization");
  if (value.size() < 8 || !web::same_field_name(value.substr(0, 7), "Bearer ")) return {};
  const auto begin = value.find_first_not_of(' ', 7);
  return begin == std::string_view::npos ? std::string_view() : value.substr(begin);
}

Caller token_caller(const people::TokenEntry& token) {
  Caller caller;
  caller.name = "token " + token.name;
  caller.auth = "token";
  caller.role = token.role;
  caller.person = token.name;
  caller.rule = token.configured ? "admin.tokens: " + token.name : "token " + token.id;
  caller.services = token.services;
  caller.token_id = token.id;
  caller.expires_us = token.expires_us;
  return caller;
}

// A certificate that leads to admin.client_ca, is in force and has a rule.
std::optional<Caller> certificate_caller(const web::Peer& peer, const people::Access& access) {
  if (!peer.certificate || !peer.certificate->fault.empty()) return std::nullopt;
  // A connection may outlive the certificate that opened it.
  if (peer.certificate->expires_us <= wall_us()) return std::nullopt;
  const auto found = access.certificate_grant(peer.certificate->names);
  if (!found) return std::nullopt;
  Caller caller;
  caller.name = "certificate " + found->name;
  caller.auth = "certificate";
  caller.role = found->grant.role;
  caller.person = found->name;
  caller.rule = found->grant.rule;
  caller.expires_us = peer.certificate->expires_us;
  return caller;
}

Caller anybody(std::string name, std::string auth) {
  Caller caller;
  caller.name = std::move(name);
  caller.auth = std::move(auth);
  return caller;
}

bool covers(const Caller& caller, const Need& need) {
  if (caller.role < need.role) return false;
  if (caller.services.empty() || (need.service.empty() && !need.change)) return true;
  return std::find(caller.services.begin(), caller.services.end(), need.service) !=
         caller.services.end();
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Refusal forbid(const Caller& caller, const Need& need) {
  if (caller.role < need.role) {
    return refusal(403, "role_too_low", "This needs more than your role allows",
                   caller.name + " has the role " + std::string(role_name(caller.role)) +
                       "; this needs " + std::string(role_name(need.role)) + " (" + caller.rule +
                       ").",
                   "sudo " + need.command);
  }
  const std::string scope = caller.name + " is for " + listed(caller.services) + " only";
  return refusal(
      403, "token_scope", "This token is not for that",
      scope + (need.service.empty() ? "; this concerns all services."
                                    : "; this concerns " + need.service.substr(0, 64) + "."),
      "sudo " + need.command);
}

// On the machine itself, by the socket: over TCP whoever has no token cannot make one.
std::string token_command(const Need& need) {
  return "sudo switchback token new NAME --role " + std::string(role_name(need.role));
}

}  // namespace

bool loopback_host(std::string_view host) {
  std::string name = lower_case(host);
  const auto colon = name.rfind(':');
  const bool has_port = colon != std::string::npos && name.find(']', colon) == std::string::npos;
  if (has_port) {
    const std::string port = name.substr(colon + 1);
    if (port.empty() || port.find_first_not_of("0123456789") != std::string::npos) return false;
    name.resize(colon);
  }
  return name == "127.0.0.1" || name == "localhost" || name == "[::1]";
}

bool cross_site(const web::Request& request) {
  const auto fetch_site = lower_case(request.field("Sec-Fetch-Site"));
  if (!fetch_site.empty() && fetch_site != "same-origin" && fetch_site != "none") return true;
  const std::string_view origin = request.field("Origin");
  if (origin.empty()) return false;
  const auto scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos) return true;  // "null"
  return lower_case(origin.substr(scheme_end + 3)) != lower_case(request.field("Host"));
}

bool FailureLimit::note(const std::string& address, Nanos now_ns) {
  if (entries_.size() >= most_addresses && entries_.find(address) == entries_.end()) {
    std::erase_if(entries_, [&](const auto& e) { return now_ns - e.second.begun_ns >= minute_ns; });
    if (entries_.size() >= most_addresses) entries_.erase(entries_.begin());
  }
  Entry& entry = entries_[address];
  if (entry.count == 0 || now_ns - entry.begun_ns >= minute_ns) entry = {now_ns, 0};
  return ++entry.count > per_minute;
}

bool PrincipalLimit::take(const std::string& principal, Nanos now_ns) {
  if (buckets_.size() >= most_principals && buckets_.find(principal) == buckets_.end()) {
    // A bucket left alone is full again, and needs no memory.
    const auto full = static_cast<Nanos>(burst / per_second * 1e9);
    std::erase_if(buckets_, [&](const auto& b) { return now_ns - b.second.at_ns > full; });
    if (buckets_.size() >= most_principals) buckets_.erase(buckets_.begin());
  }
  Bucket& bucket = buckets_[principal];
  if (bucket.at_ns != 0) {
    const double filled = static_cast<double>(now_ns - bucket.at_ns) * 1e-9 * per_second;
    bucket.left = std::min(burst, bucket.left + filled);
  }
  bucket.at_ns = now_ns;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

Decision Authenticator::decide(const web::Request& request, const Need& need, Nanos now_ns) {
  if (need.change && cross_site(request)) {
    ++counters_.cross_site;
    return refusal(403, "cross_site", "A request from another web site changes nothing here",
                   "The browser says that another site sent this (Origin or Sec-Fetch-Site).",
                   need.command);
  }
  if (request.peer.kind == web::Peer::Kind::unix_socket) return decide_unix(request, need);
  Decision decision = decide_tcp(request, need, now_ns);
  const auto* caller = std::get_if<Caller>(&decision);
  if (caller == nullptr || caller->person.empty() || need.rollback) return decision;
  if (principals_.take(caller->name, now_ns)) return decision;
  ++counters_.limited;
  auto refused = refusal(429, "too_many_requests", "You ask more than you may",
                         caller->name + " may ask 100 times a second. A rollback is never limited.",
                         need.command);
  refused.fields.emplace_back("Retry-After", "1");
  return refused;
}

Decision Authenticator::permit(Caller caller, const Need& need) {
  if (need.gate == Gate::open || covers(caller, need)) return caller;
  ++counters_.forbidden;
  Refusal refused = forbid(caller, need);
  refused.actor = caller.name;
  refused.auth = caller.auth;
  return refused;
}

Decision Authenticator::decide_unix(const web::Request& request, const Need& need) {
  const auto& access = people_.access();
  const auto& peer = request.peer;
  const auto grant = access.grant(peer);
  Caller caller;
  const auto name = peer.credentials ? access.user_name(peer.uid) : "";
  caller.name = peer.credentials ? "uid " + std::to_string(peer.uid) : "unknown uid";
  caller.person = name.empty() ? caller.name : name;
  if (!name.empty()) caller.name += " (" + name + ")";
  caller.auth = "peer";
  if (grant) {
    caller.role = grant->role;
    caller.rule = grant->rule;
  }
  if (!grant || !covers(caller, need)) {
    const auto text = bearer_of(request);
    const auto now = wall_us();
    const auto* token = text.empty() ? nullptr : people_.tokens().find(text, now);
    if (token != nullptr && token->usable(now) && (!grant || token->role > grant->role))
      return permit(token_caller(*token), need);
  }
  if (grant) return permit(std::move(caller), need);
  if (need.gate == Gate::open) return anybody(caller.name, caller.auth);
  ++counters_.failed;
  return refusal(403, "access_denied", "You are not in admin.access",
                 caller.name + " matches no rule of admin.access; add one such as { user: " +
                     (name.empty() ? "NAME" : name) +
                     ", role: " + std::string(role_name(need.role)) +
                     " } and reload, or ask somebody who is in it.",
                 "sudo " + need.command);
}

Decision Authenticator::decide_tcp(const web::Request& request, const Need& need, Nanos now_ns) {
  const auto now = wall_us();
  if (!people_.tcp_is_guarded()) return without_tokens(request, need);
  const auto text = bearer_of(request);
  const auto* token = text.empty() ? nullptr : people_.tokens().find(text, now);
  const bool good_token = token != nullptr && token->usable(now);
  auto by_certificate = certificate_caller(request.peer, people_.access());
  if (good_token) {
    Caller by_token = token_caller(*token);
    const bool other_is_better =
        by_certificate && !covers(by_token, need) && covers(*by_certificate, need);
    return permit(other_is_better ? std::move(*by_certificate) : std::move(by_token), need);
  }
  if (by_certificate) return permit(std::move(*by_certificate), need);
  if (need.gate == Gate::open) return anybody("anybody", "none");
  if (token != nullptr) return ended_token(*token, need);
  return stranger(request, need, now_ns);
}

Decision Authenticator::stranger(const web::Request& request, const Need& need, Nanos now_ns) {
  const bool sent = !request.field("Authorization").empty();
  const bool near = request.peer.loopback && loopback_host(request.field("Host"));
  if (need.gate == Gate::metrics && near && !sent) return anybody("local", "loopback");
  if (request.peer.certificate && !sent) return failed_certificate(*request.peer.certificate, need);
  if (sent) return failed_token(request, need, now_ns);
  ++counters_.failed;
  auto refused =
      refusal(401, "token_missing", "A token is needed",
              "Send Authorization: Bearer sbt_…, or use the unix socket.", token_command(need));
  refused.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"switchback\"");
  return refused;
}

Decision Authenticator::without_tokens(const web::Request& request, const Need& need) {
  const auto no = [&](std::string detail) {
    ++counters_.failed;
    auto refused = refusal(401, "tokens_not_configured", "No admin.tokens are configured",
                           std::move(detail), token_command(need));
    refused.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"switchback\"");
    return refused;
  };
  if (need.gate == Gate::open) return anybody("anybody", "none");
  if (need.change) {
    return no(
        "Over TCP nothing can be changed without a token; make one and put the line it prints "
        "under admin.tokens, or use the unix socket.");
  }
  if (!request.peer.loopback) {
    return no(
        "Without tokens the admin address answers this machine only; make one and put the line "
        "it prints under admin.tokens.");
  }
  if (!loopback_host(request.field("Host"))) {
    ++counters_.cross_site;
    return refusal(
        403, "foreign_host", "This Host is not answered without a token",
        "Without tokens the admin address answers to 127.0.0.1, localhost and [::1] only, so that "
        "no web page can read it through a name of its own.",
        token_command(need));
  }
  return anybody("local", "loopback");
}

Refusal Authenticator::failed_token(const web::Request& request, const Need& need, Nanos now_ns) {
  ++counters_.failed;
  if (failures_.note(request.peer.ip, now_ns)) {
    ++counters_.limited;
    auto refused =
        refusal(429, "too_many_failures", "Too many wrong tokens from this address",
                "Wait a minute, or use the unix socket, which is never limited.", need.command);
    refused.fields.emplace_back("Retry-After", "60");
    return refused;
  }
  std::string detail = "No token in force has its SHA-256; was it renewed or removed?";
  if (!people_.tokens().restored())
    detail += " The ledger has not been read yet: tokens made at run time come with it.";
  auto refused = refusal(401, "token_unknown", "This token is not known", std::move(detail),
                         token_command(need));
  refused.fields.emplace_back("WWW-Authenticate",
                              "Bearer realm=\"switchback\", error=\"invalid_token\"");
  return refused;
}

// Whoever holds the text of a token that has ended is told so: it was theirs.
Refusal Authenticator::ended_token(const people::TokenEntry& token, const Need& need) {
  ++counters_.failed;
  const bool revoked = token.revoked_us != 0;
  auto refused =
      revoked
          ? refusal(401, "token_revoked", "This token was revoked",
                    "Token " + token.id + " was revoked " +
                        config::format_instant(token.revoked_us) + " by " + token.revoked_by + ".",
                    token_command(need))
          : refusal(401, "token_expired", "This token has expired",
                    "Token " + token.id + " expired " + config::format_instant(token.expires_us) +
                        (token.configured ? "; admin.tokens says when." : "."),
                    token_command(need));
  refused.fields.emplace_back("WWW-Authenticate",
                              "Bearer realm=\"switchback\", error=\"invalid_token\"");
  return refused;
}

Refusal Authenticator::failed_certificate(const web::Peer::Certificate& shown, const Need& need) {
  ++counters_.failed;
  const std::string names = shown.names.empty() ? "(no name)" : listed(shown.names).substr(0, 300);
  const bool ended = shown.fault.empty() && shown.expires_us <= wall_us();
  if (!shown.fault.empty() || ended) {
    return refusal(401, "certificate_refused", "This client certificate does not hold",
                   names + ": " + (ended ? "it has expired" : shown.fault) +
                       ". It has to lead to admin.client_ca and be in force.",
                   token_command(need));
  }
  return refusal(403, "certificate_unknown", "This client certificate has no rule",
                 "No entry of admin.certificates has one of its names: " + names + ".",
                 "sudo " + need.command);
}

}  // namespace switchback::api
