// Verification for people.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "admin/cli/render.hpp"

namespace switchback::cli {

// `standing`: a run of the plan; `known`: GET /v1/services/{s}/verification.
std::string render_verify(const boost::json::object& standing, const boost::json::object& known,
                          const Style& style);
// How a flip's verification ended, or ""; failing checks one a line.
std::string render_verification(const boost::json::object& receipt);

}  // namespace switchback::cli
