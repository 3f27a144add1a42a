// Releases, holds, fitness and null flips as the API's JSON.
#pragma once

#include <boost/json/object.hpp>

#include "admin/releases/model.hpp"
#include "admin/releases/null_flips.hpp"

namespace switchback::releases {

// Members that nobody told are left out.
boost::json::object release_object(const Release& release);
boost::json::object hold_object(const Hold& hold);
// `needed_rps`: what the active side takes now.
boost::json::object fitness_object(const Fitness& fitness, double needed_rps);
boost::json::object null_flip_object(const NullFlip& flip);
boost::json::object hour_object(const NullFlipHour& hour);

}  // namespace switchback::releases
