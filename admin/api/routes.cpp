#include "admin/api/routes.hpp"

#include <algorithm>

#include "config/suggest.hpp"

namespace switchback::api {
namespace {

using config::Role;
using Op = Operation;

using Query = std::vector<std::string_view>;

Route look(std::string_view pattern, Op operation, std::string_view command, Query query = {}) {
  return {"GET", pattern, operation, Gate::guarded, Role::read, command, std::move(query)};
}

Route change(std::string_view pattern, Op operation, std::string_view command, Query query = {}) {
  return {"POST", pattern, operation, Gate::guarded, Role::operate, command, std::move(query)};
}

Route deploy(std::string_view pattern, Op operation, std::string_view command) {
  return {"POST", pattern, operation, Gate::guarded, Role::deploy, command, {}};
}

Route admin(std::string_view method, std::string_view pattern, Op operation,
            std::string_view command) {
  return {method, pattern, operation, Gate::guarded, Role::admin, command, {}};
}

Route probe(std::string_view pattern, Op operation, Gate gate) {
  return {"GET", pattern, operation, gate, Role::read, "switchback status", {}};
}

const std::vector<Route>& table() {
  static const std::vector<Route> routes = {
      look("/", Op::status_page, "switchback status"),
      look("/v1/services", Op::list_services, "switchback status"),
      look("/v1/services/{s}", Op::get_service, "switchback status {s}"),
      look("/v1/services/{s}/verification", Op::get_verification, "switchback verify {s}"),
      change("/v1/services/{s}/verification", Op::run_verification, "switchback verify {s}",
             {"color"}),
      look("/v1/services/{s}/mirror", Op::get_mirror, "switchback mirror {s}"),
      change("/v1/services/{s}/flips", Op::promote, "switchback flip {s}", {"wait"}),
      look("/v1/services/{s}/flips", Op::service_flips, "switchback history {s}",
           {"limit", "kind"}),
      change("/v1/services/{s}/rollback", Op::rollback, "switchback rollback {s}", {"wait"}),
      change("/v1/services/{s}/pause", Op::pause, "switchback pause {s}"),
      change("/v1/services/{s}/resume", Op::resume, "switchback resume {s}"),
      look("/v1/services/{s}/releases", Op::list_releases, "switchback release list {s}"),
      deploy("/v1/services/{s}/releases", Op::add_release, "switchback release add {s}"),
      look("/v1/services/{s}/releases/{v}", Op::get_release, "switchback release show {s} VERSION"),
      deploy("/v1/services/{s}/releases/{v}/stage", Op::stage_release,
             "switchback release stage {s} VERSION"),
      deploy("/v1/services/{s}/releases/{v}/requalify", Op::requalify_release,
             "switchback release requalify {s} VERSION"),
      deploy("/v1/services/{s}/releases/{v}/retire", Op::retire_release,
             "switchback release retire {s} VERSION"),
      look("/v1/services/{s}/hold", Op::get_hold, "switchback hold {s} --show"),
      change("/v1/services/{s}/hold", Op::place_hold, "switchback hold {s}"),
      {"DELETE",
       "/v1/services/{s}/hold",
       Op::lift_hold,
       Gate::guarded,
       Role::operate,
       "switchback hold {s} --release",
       {}},
      look("/v1/services/{s}/null-flips", Op::null_flips, "switchback report rollbacks {s}"),
      look("/v1/services/{s}/durations", Op::durations, "switchback report rollbacks {s}"),
      look("/v1/services/{s}/bake", Op::get_bake, "switchback bake {s}"),
      look("/v1/services/{s}/bake/audit", Op::get_bake_audit, "switchback bake audit {s}"),
      look("/v1/services/{s}/readiness", Op::get_readiness, "switchback readiness {s}"),
      look("/v1/notify", Op::list_notify, "switchback notify list"),
      change("/v1/notify/{id}/test", Op::test_notify, "switchback notify test NAME"),
      look("/v1/flips", Op::all_flips, "switchback history", {"limit", "kind"}),
      look("/v1/flips/{id}", Op::get_flip, "switchback history"),
      look("/v1/events", Op::events, "switchback events", {"last_event_id"}),
      look("/v1/whoami", Op::whoami, "switchback status"),
      look("/v1/people", Op::people, "switchback people"),
      admin("GET", "/v1/tokens", Op::list_tokens, "switchback token list"),
      admin("POST", "/v1/tokens", Op::create_token, "switchback token new NAME"),
      admin("POST", "/v1/tokens/{id}/rotate", Op::rotate_token, "switchback token rotate NAME"),
      admin("POST", "/v1/tokens/{id}/expire", Op::expire_token, "switchback token expire NAME"),
      admin("DELETE", "/v1/tokens/{id}", Op::revoke_token, "switchback token revoke NAME"),
      look("/v1/audit", Op::audit_page, "switchback audit list", {"after", "limit"}),
      look("/v1/audit/anchors", Op::audit_anchors, "switchback audit verify"),
      look("/v1/openapi.json", Op::openapi, "switchback status"),
      probe("/healthz", Op::healthz, Gate::open),
      probe("/readyz", Op::readyz, Gate::open),
      probe("/metrics", Op::metrics, Gate::metrics),
  };
  return routes;
}

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> out;
  while (true) {
    const auto slash = path.find('/');
    out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

bool matches(std::string_view pattern, const std::vector<std::string_view>& path,
             std::string& parameter, std::string& item) {
  const auto wanted = segments(pattern);
  if (wanted.size() != path.size()) return false;
  bool first = true;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].starts_with('{')) {
      if (path[i].empty()) return false;
      (first ? parameter : item) = std::string(path[i]);
      first = false;
    } else if (wanted[i] != path[i]) {
      return false;
    }
  }
  return true;
}

std::string filled(std::string_view text, std::string_view name, std::string_view value) {
  std::string out(text);
  if (const auto place = out.find(name); place != std::string::npos)
    out.replace(place, name.size(), value);
  return out;
}

}  // namespace

std::span<const Route> routes() {
  return table();
}

RouteMatch match_route(std::string_view method, std::string_view path) {
  const auto parts = segments(path);
  RouteMatch found;
  for (const Route& route : table()) {
    std::string parameter, item;
    if (!matches(route.pattern, parts, parameter, item)) continue;
    if (route.method == method || (route.method == "GET" && method == "HEAD")) {
      return {&route, std::move(parameter), std::move(item), {}};
    }
    found.allow.push_back(route.method);
    if (route.method == "GET") found.allow.push_back("HEAD");
  }
  return found;
}

std::vector<std::string> near_paths(std::string_view path,
                                    const std::vector<std::string>& services) {
  std::vector<std::string> all;
  for (const Route& route : table()) {
    if (route.pattern.find("{v}") != std::string_view::npos) continue;  // nobody knows which
    if (route.pattern.find("{s}") == std::string_view::npos) {
      all.emplace_back(route.pattern);
      continue;
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(services.size(), 16); ++i) {
      all.push_back(filled(route.pattern, "{s}", services[i]));
    }
  }
  std::vector<std::string> near;
  const auto add = [&near](std::string text) {
    if (near.size() < 5 && std::find(near.begin(), near.end(), text) == near.end()) {
      near.push_back(std::move(text));
    }
  };
  const std::vector<std::string_view> names(all.begin(), all.end());
  if (auto nearest = config::nearest_name(path, names); !nearest.empty()) add(std::move(nearest));
  // A forgotten /v1, or a trailing slash.
  std::string trimmed(path);
  while (trimmed.size() > 1 && trimmed.ends_with('/')) trimmed.pop_back();
  for (const auto& text : all) {
    if (text == trimmed || text == "/v1" + trimmed) add(text);
  }
  // What else begins the same way.
  const auto parent = trimmed.substr(0, std::max<std::size_t>(trimmed.rfind('/'), 1));
  for (const auto& text : all) {
    if (parent.size() > 1 && text.starts_with(parent)) add(text);
  }
  if (near.empty()) add("/v1/services");
  return near;
}

std::string command_of(const Route& route, std::string_view parameter) {
  return filled(route.command, "{s}", parameter);
}

}  // namespace switchback::api
