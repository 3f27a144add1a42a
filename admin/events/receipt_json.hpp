// A receipt on the wire (the shape of the API's contract). Stages not reached are left out;
// `forced`, `superseded` and `lagging_workers` appear only when they say something; `at` is the
// wall time of the request, UTC, RFC 3339 with milliseconds.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "admin/events/receipt.hpp"

namespace switchback::events {

boost::json::object receipt_object(const Receipt& receipt);
std::string receipt_json(const Receipt& receipt);  // one line
// nullopt: not a receipt. Members that are missing keep their defaults.
std::optional<Receipt> receipt_from_json(std::string_view text);

// RFC 3339, UTC, milliseconds: "2026-11-22T15:41:23.042Z".
std::string rfc3339(std::int64_t wall_us);

}  // namespace switchback::events
