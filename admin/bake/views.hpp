// What the API shows of a bake window and of its audit.
#pragma once

#include <boost/json/object.hpp>

#include "admin/bake/baker.hpp"

namespace switchback::bake {

// {"flip","release","color","mode","open","since","until","ended","outcome","verdict",
//  "would_go_back_at","objections","rollback","guards":[{"name","ok","text"}]}
boost::json::object view_object(const View& view);
// {"watched","would","confirmed","false_alarms","missed","needed","recommend","advice",
//  "releases":[{…,"judgement","person_after_ms"}]}
boost::json::object audit_object(const Audit& audit);
boost::json::object cost_object(const Cost& cost);

}  // namespace switchback::bake
