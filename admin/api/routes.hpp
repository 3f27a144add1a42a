// Every path of the admin API, in one table: matching, guarding, the Allow field, the near paths of
// a 404 and the OpenAPI test all read it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/api/auth.hpp"

namespace switchback::api {

enum class Operation : std::uint8_t {
  status_page,
  list_services,
  get_service,
  get_mirror,
  get_verification,
  run_verification,
  promote,
  rollback,
  service_flips,
  all_flips,
  get_flip,
  pause,
  resume,
  events,
  whoami,
  openapi,
  healthz,
  readyz,
  metrics,
  // releasing.cpp
  list_releases,
  get_release,
  add_release,
  stage_release,
  requalify_release,
  retire_release,
  get_hold,
  place_hold,
  lift_hold,
  null_flips,
  durations,
  // readying.cpp
  get_bake,
  get_bake_audit,
  get_readiness,
  // notifying.cpp
  list_notify,
  test_notify,
  // people_calls.cpp
  people,
  list_tokens,
  create_token,
  rotate_token,
  expire_token,
  revoke_token,
  audit_page,
  audit_anchors,
};

struct Route {
  std::string_view method;   // GET routes also answer HEAD
  std::string_view pattern;  // "/v1/services/{s}/flips"; {…} is one segment
  Operation operation;
  Gate gate;
  config::Role role;
  std::string_view command;             // for people who may not: "switchback flip {s}"
  std::vector<std::string_view> query;  // parameters it knows
};

std::span<const Route> routes();

struct RouteMatch {
  const Route* route = nullptr;         // nullptr: see allow
  std::string parameter;                // the value of the first {…}
  std::string item;                     // of the second, where there is one
  std::vector<std::string_view> allow;  // methods of that path, when only the method is wrong
};
RouteMatch match_route(std::string_view method, std::string_view path);

// Paths that may have been meant, nearest first, at most 5. `services`: to fill {s} in.
std::vector<std::string> near_paths(std::string_view path,
                                    const std::vector<std::string>& services);

// `command` with {s} filled in.
std::string command_of(const Route& route, std::string_view parameter);

}  // namespace switchback::api
