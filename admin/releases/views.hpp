// Releases, holds, fitness and null flips as the API's JSON.
#pragma once

#include <boost/json/object.hpp>

#include "admin/releases/model.hpp"
#include "admin/releases/null_flips.hpp"

namespace switchback::releases {

using events::hold_object;
using events::release_object;
// `needed_rps`: what the active side takes now.
boost::json::object fitness_object(const Fitness& fitness, double needed_rps);
boost::json::object null_flip_object(const NullFlip& flip);
boost::json::object hour_object(const NullFlipHour& hour);

}  // namespace switchback::releases
