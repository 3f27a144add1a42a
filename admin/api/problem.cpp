#include "admin/api/problem.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace switchback::api {
namespace {

int exit_code_of(unsigned status) {
  if (status == 401 || status == 403 || status == 429) return 4;
  if (status == 412) return 10;
  return status < 500 ? 2 : 10;
}

}  // namespace

Refusal refusal(unsigned status, std::string code, std::string title, std::string detail,
                std::string next) {
  Refusal refused;
  refused.problem.status = status;
  refused.problem.code = std::move(code);
  refused.problem.title = std::move(title);
  refused.problem.detail = std::move(detail);
  refused.problem.next = std::move(next);
  refused.problem.exit_code = exit_code_of(status);
  return refused;
}

web::Response problem_response(const Refusal& refused, std::string_view instance) {
  const auto& p = refused.problem;
  std::string type = "urn:switchback:" + p.code;
  std::replace(type.begin(), type.end(), '_', '-');
  boost::json::object body{{"type", type},     {"title", p.title}, {"status", p.status},
                           {"detail", p.detail}, {"instance", instance}, {"code", p.code},
                           {"moved", p.moved}, {"next", p.next},   {"exit_code", p.exit_code}};
  for (const auto& [key, value] : refused.more) body.emplace(key, value);
  auto response = json_response(body, p.status);
  response.content_type = "application/problem+json";
  response.fields.insert(response.fields.end(), refused.fields.begin(), refused.fields.end());
  return response;
}

web::Response json_response(const boost::json::object& body, unsigned status) {
  web::Response response;
  response.status = status;
  response.body = boost::json::serialize(body) + "\n";
  response.fields.emplace_back("Cache-Control", "no-store");
  return response;
}

std::string_view role_name(config::Role role) {
  switch (role) {
    case config::Role::read: return "read";
    case config::Role::operate: return "operate";
    case config::Role::deploy: return "deploy";
    case config::Role::admin: return "admin";
  }
  return "read";
}

}  // namespace switchback::api
