// What copies to the standby have shown, for people: the shapes are the API's (mirror view).
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "admin/cli/render.hpp"

namespace switchback::cli {

// `most_samples`: the newest differences, one or two lines each.
std::string render_mirror(const boost::json::object& mirror, const Style& style,
                          std::int64_t now_ms, std::size_t most_samples);
// One line of `status`, from the summary in a service's view; "" where mirroring is off.
std::string render_mirror_line(const boost::json::object& service);

// Milliseconds since 1970 of "2026-11-22T19:00:00.123Z"; nullopt: not such a time.
std::optional<std::int64_t> rfc3339_ms(std::string_view text);
std::string grouped(std::uint64_t n);  // "10,000"

}  // namespace switchback::cli
