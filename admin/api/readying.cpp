// The bake window, its audit, and readiness: what is asked before somebody goes back.
#include <boost/json/object.hpp>

#include "admin/api/api.hpp"
#include "admin/bake/views.hpp"
#include "admin/readiness/views.hpp"

namespace switchback::api {

namespace json = boost::json;

std::optional<Answer> Api::readying(const Call& call) {
  const Operation operation = call.route.operation;
  if (operation != Operation::get_bake && operation != Operation::get_bake_audit &&
      operation != Operation::get_readiness) {
    return std::nullopt;
  }
  if (const auto refused = unknown_service(call.parameter)) return refuse(call.request, *refused);
  if (rooms_.baker == nullptr || rooms_.readiness == nullptr)
    return refuse(call.request, refusal(503, "not_here", "This is not there yet", ""));
  if (operation == Operation::get_bake_audit)
    return json_response(bake::audit_object(rooms_.baker->audit(call.parameter)));
  if (operation == Operation::get_bake) {
    const auto view = rooms_.baker->view(call.parameter);
    return json_response({{"service", call.parameter},
                          {"window", view ? json::value(bake::view_object(*view)) : json::value()},
                          {"cost", bake::cost_object(rooms_.baker->cost(call.parameter))}});
  }
  const auto view = rooms_.readiness->view(call.parameter);
  if (!view)
    return refuse(call.request, refusal(404, "unknown_service", "There is no such service", ""));
  return json_response(readiness::view_object(*view));
}

}  // namespace switchback::api
