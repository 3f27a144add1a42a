#include "admin/api/problem.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "admin/metrics/exposition.hpp"

namespace switchback::api {
namespace {

int exit_code_of(unsigned status) {
  if (status == 401 || status == 403 || status == 429) return 4;
  if (status == 412) return 10;
  return status < 500 ? 2 : 10;
}

// Boost.JSON writes 48.5 as 4.85E1; whoever reads an answer at night is served better by 48.5.
void write(const boost::json::value& value, std::string& out) {
  if (const auto* number = value.if_double()) {
    out += metrics::number_text(*number);
  } else if (const auto* object = value.if_object()) {
    char before = '{';
    for (const auto& member : *object) {
      out += std::exchange(before, ',');
      out += boost::json::serialize(boost::json::string(member.key())) + ":";
      write(member.value(), out);
    }
    out += before == '{' ? "{}" : "}";
  } else if (const auto* array = value.if_array()) {
    char before = '[';
    for (const auto& item : *array) {
      out += std::exchange(before, ',');
      write(item, out);
    }
    out += before == '[' ? "[]" : "]";
  } else {
    out += boost::json::serialize(value);
  }
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

Answer problem_response(const Refusal& refused, std::string_view instance) {
  const auto& p = refused.problem;
  std::string type = "urn:switchback:" + p.code;
  std::replace(type.begin(), type.end(), '_', '-');
  boost::json::object body{
      {"type", type},       {"title", p.title},     {"status", p.status},
      {"detail", p.detail}, {"instance", instance}, {"code", p.code},
      {"moved", p.moved},   {"next", p.next},       {"exit_code", p.exit_code}};
  for (const auto& [key, value] : refused.more) body.emplace(key, value);
  auto response = json_response(std::move(body), p.status);
  response.content_type = "application/problem+json";
  response.fields.insert(response.fields.end(), refused.fields.begin(), refused.fields.end());
  return response;
}

Answer json_response(boost::json::object body, unsigned status) {
  Answer response;
  response.status = status;
  write(body, response.body);
  response.body += "\n";
  response.members = std::move(body);
  response.fields.emplace_back("Cache-Control", "no-store");
  return response;
}

std::string_view role_name(config::Role role) {
  switch (role) {
    case config::Role::read:
      return "read";
    case config::Role::operate:
      return "operate";
    case config::Role::deploy:
      return "deploy";
    case config::Role::admin:
      return "admin";
  }
  return "read";
}

}  // namespace switchback::api
