// Readiness as the API shows it.
#pragma once

#include <boost/json/object.hpp>

#include "admin/readiness/keeper.hpp"

namespace switchback::readiness {

// {"service","overall","active","release","since","baking_until","target","target_release",
//  "questions":{"who":{"grade","lines":[],"trouble":[],"facts":[{"name","value","at","age_ms",
//  "source"}]},…},"cost_of_waiting","cost":{…},"ready_30d":{"share","watched_ms","gaps",
//  "by_question"},"gap":{"from","question","reason"}|null,"command","verdict"}
boost::json::object view_object(const View& view);

}  // namespace switchback::readiness
