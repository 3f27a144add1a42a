// Bake windows and their audit, for a terminal.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "admin/cli/render.hpp"

namespace switchback::cli {

// The answer of GET /v1/services/{s}/bake.
std::string render_bake(const boost::json::object& bake, const Style& style);
// The answer of GET /v1/services/{s}/bake/audit.
std::string render_bake_audit(const boost::json::object& audit, const Style& style);

}  // namespace switchback::cli
