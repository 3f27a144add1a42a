// The plain status page: one look says which color answers, whether its servers do, what is still
// draining, and what to type to go back. Rendered here, no script, no external file.
#pragma once

#include <string>
#include <string_view>

#include "admin/events/alarms.hpp"
#include "admin/release/controller.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::api {

std::string status_html(const worker::DataPlane& plane, const release::Controller& controller,
                        const events::Alarms& alarms, const release::Actor& reader);
// & < > " ' as character references.
std::string escape_html(std::string_view text);

}  // namespace switchback::api
