// The five questions, for a terminal.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "admin/cli/render.hpp"

namespace switchback::cli {

// The answer of GET /v1/services/{s}/readiness.
std::string render_readiness(const boost::json::object& readiness, const Style& style,
                             std::int64_t now_ms);

}  // namespace switchback::cli
