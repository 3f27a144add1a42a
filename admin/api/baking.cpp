// The bake window and its audit.
#include <boost/json/object.hpp>

#include "admin/api/api.hpp"
#include "admin/api/body.hpp"
#include "admin/bake/views.hpp"

namespace switchback::api {

namespace json = boost::json;

std::optional<web::Response> Api::baking(const Call& call) {
  const Operation operation = call.route.operation;
  if (operation != Operation::get_bake && operation != Operation::get_bake_audit)
    return std::nullopt;
  if (auto refused = unknown_service(call.parameter)) return refuse(call.request, *refused);
  if (rooms_.baker == nullptr) return refuse(call.request, not_here("The bake window"));
  if (operation == Operation::get_bake_audit)
    return json_response(200, bake::audit_object(rooms_.baker->audit(call.parameter)));
  const auto view = rooms_.baker->view(call.parameter);
  json::object answer{{"service", call.parameter},
                      {"window", view ? json::value(bake::view_object(*view)) : json::value()},
                      {"cost", bake::cost_object(rooms_.baker->cost(call.parameter))}};
  return json_response(200, answer);
}

}  // namespace switchback::api
