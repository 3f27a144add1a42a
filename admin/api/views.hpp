// What the API shows of a service, from the data plane's view and the controller's memory.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>

#include "admin/events/alarms.hpp"
#include "admin/release/controller.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::api {

// The shape of GET /v1/services/{s}. `healthy` says the last check passed; `health` says which of
// unknown, healthy, failing, unreachable. `last_flip` and `rollback_target` are null when there is
// none.
boost::json::object service_object(const worker::ServiceView& view,
                                   const release::Controller& controller);
// [{"code","text","since"}]; of a service: its own ("regressed:shop") and those of nobody's.
boost::json::array alarms_array(const events::Alarms& alarms, const std::string& service = "");
boost::json::object services_object(const worker::DataPlane& plane,
                                    const release::Controller& controller,
                                    const events::Alarms& alarms);
boost::json::object flips_object(const std::vector<release::Receipt>& receipts);

// "" when every service's active pool has a server that may be used; else one line per service that
// has none.
std::string not_ready(const worker::DataPlane& plane);

std::uint64_t in_flight_of(const worker::PoolView& pool);

}  // namespace switchback::api
