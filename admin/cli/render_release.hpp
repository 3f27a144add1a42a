// Releases, holds and durations as people read them. See render.hpp for the rules.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>

#include "admin/cli/render.hpp"

namespace switchback::cli {

// Of "2026-11-22T15:41:23Z", since 1970; 0: not a time.
std::int64_t time_ms(const std::string& text);

// Of GET /v1/services/{s}/releases.
std::string render_releases(const boost::json::object& answer, const Style& style,
                            std::int64_t now_ms);
std::string render_release(const boost::json::object& release, const Style& style);
std::string render_warnings(const boost::json::object& answer, const Style& style);
// Of GET /v1/services/{s}/hold, and in a service's view ("" when nothing is held).
std::string render_hold(const boost::json::object& answer, const Style& style);
std::string render_hold_line(const boost::json::object& service, const Style& style);
// The newest null flip in a service's view; "" when there was none.
std::string render_null_flip_line(const boost::json::object& service);
// Of GET /v1/services/{s}/durations.
std::string render_durations(const boost::json::object& answer, std::int64_t now_ms);

}  // namespace switchback::cli
