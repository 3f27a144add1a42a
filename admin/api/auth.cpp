#include "admin/api/auth.hpp"

#include <algorithm>

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

release::Actor token_actor(const config::Token& token) {
  return {"token " + token.name, "token", token.role};
}

std::string token_command(const Need& need) {
  return "switchback token new NAME --role " + std::string(role_name(need.role));
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

Decision Authenticator::decide(const web::Request& request, const Need& need, Nanos now_ns) {
  if (need.change && cross_site(request)) {
    ++counters_.cross_site;
    return refusal(403, "cross_site", "A request from another web site changes nothing here",
                   "The browser says that another site sent this (Origin or Sec-Fetch-Site).",
                   need.command);
  }
  return request.peer.kind == web::Peer::Kind::unix_socket ? decide_unix(request, need)
                                                           : decide_tcp(request, need, now_ns);
}

Decision Authenticator::with_role(release::Actor actor, const Need& need,
                                  const std::string& where) {
  if (need.gate == Gate::open || actor.role >= need.role) return actor;
  ++counters_.forbidden;
  return refusal(403, "role_too_low", "This needs more than your role allows",
                 actor.name + " has the role " + std::string(role_name(actor.role)) +
                     "; this needs " + std::string(role_name(need.role)) + " (" + where + ").",
                 "sudo " + need.command);
}

Decision Authenticator::decide_unix(const web::Request& request, const Need& need) {
  const auto role = access_.role_of(request.peer);
  release::Actor actor;
  const auto name = request.peer.credentials ? access_.user_name(request.peer.uid) : "";
  actor.name = request.peer.credentials ? "uid " + std::to_string(request.peer.uid) : "unknown uid";
  if (!name.empty()) actor.name += " (" + name + ")";
  actor.auth = "peer";
  const bool enough = role && *role >= need.role;
  if (!enough) {
    const auto* token = access_.find_token(bearer_of(request));
    if (token != nullptr && (!role || token->role > *role)) {
      return with_role(token_actor(*token), need, "admin.tokens");
    }
  }
  if (role || need.gate == Gate::open) {
    actor.role = role.value_or(config::Role::read);
    return with_role(std::move(actor), need, "admin.access");
  }
  ++counters_.failed;
  return refusal(403, "access_denied", "You are not in admin.access",
                 actor.name + " matches no rule of admin.access; add one such as { user: " +
                     (name.empty() ? "NAME" : name) +
                     ", role: " + std::string(role_name(need.role)) +
                     " } and reload, or ask somebody who is in it.",
                 "sudo " + need.command);
}

Decision Authenticator::decide_tcp(const web::Request& request, const Need& need, Nanos now_ns) {
  if (!access_.has_tokens()) return without_tokens(request, need);
  const auto text = bearer_of(request);
  if (const auto* token = text.empty() ? nullptr : access_.find_token(text)) {
    return with_role(token_actor(*token), need, "admin.tokens");
  }
  if (need.gate == Gate::open) return release::Actor{"anybody", "none", config::Role::read};
  const bool near = request.peer.loopback && loopback_host(request.field("Host"));
  if (need.gate == Gate::metrics && near && request.field("Authorization").empty()) {
    return release::Actor{"local", "loopback", config::Role::read};
  }
  return failed_token(request, need, !request.field("Authorization").empty(), now_ns);
}

Decision Authenticator::without_tokens(const web::Request& request, const Need& need) {
  const auto no = [&](std::string detail) {
    ++counters_.failed;
    auto refused = refusal(401, "tokens_not_configured", "No admin.tokens are configured",
                           std::move(detail), token_command(need));
    refused.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"switchback\"");
    return refused;
  };
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
  return release::Actor{"local", "loopback", config::Role::read};
}

Refusal Authenticator::failed_token(const web::Request& request, const Need& need, bool sent,
                                    Nanos now_ns) {
  ++counters_.failed;
  if (sent && failures_.note(request.peer.ip, now_ns)) {
    ++counters_.limited;
    auto refused =
        refusal(429, "too_many_failures", "Too many wrong tokens from this address",
                "Wait a minute, or use the unix socket, which is never limited.", need.command);
    refused.fields.emplace_back("Retry-After", "60");
    return refused;
  }
  auto refused =
      sent ? refusal(401, "token_unknown", "This token is not known",
                     "No entry of admin.tokens has its SHA-256; was it renewed or removed?",
                     token_command(need))
           : refusal(401, "token_missing", "A token is needed",
                     "Send Authorization: Bearer sbt_…, or use the unix socket.",
                     token_command(need));
  refused.fields.emplace_back("WWW-Authenticate",
                              sent ? "Bearer realm=\"switchback\", error=\"invalid_token\""
                                   : "Bearer realm=\"switchback\"");
  return refused;
}

}  // namespace switchback::api
