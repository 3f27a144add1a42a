// Errors on the wire: application/problem+json (RFC 9457). The most important member is `moved`:
// whether traffic moved; then `next`, the exact command to type.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "admin/http/message.hpp"
#include "admin/release/controller.hpp"

namespace switchback::api {

// A Problem and what else its answer carries.
struct Refusal {
  release::Problem problem;
  web::Fields fields;        // Allow, WWW-Authenticate, Retry-After
  boost::json::object more;  // members besides the fixed ones
  std::string actor, auth;   // who was refused, when that is known; for the audit chain
};

// Nothing moved; exit code 2 for a faulty request (4xx), 4 for 401 and 403, 10 for the others.
Refusal refusal(unsigned status, std::string code, std::string title, std::string detail,
                std::string next = {});

// A response, and the members of its JSON for whoever wants to know what it says (the audit chain).
struct Answer : web::Response {
  boost::json::object members;
};

// `instance` is the path that was asked for.
Answer problem_response(const Refusal& refused, std::string_view instance);

Answer json_response(boost::json::object body, unsigned status = 200);

std::string_view role_name(config::Role role);

}  // namespace switchback::api
