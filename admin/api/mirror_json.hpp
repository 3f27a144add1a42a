// What mirroring has found, as the API's JSON.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "proxy/worker/data_plane.hpp"

namespace switchback::api {

inline constexpr std::size_t most_mirror_samples = 64;

boost::json::object mirror_object(const std::string& service, const mirror::View& view);
// In a service's view: the sums, or null where mirroring is off.
boost::json::value mirror_summary(const mirror::View& view);

}  // namespace switchback::api
