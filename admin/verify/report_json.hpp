// Verification as JSON: the API, events and the ledger's evidence share it.
#pragma once

#include <boost/json/object.hpp>

#include "admin/verify/verifier.hpp"

namespace switchback::verify {

boost::json::object standing_object(const Standing& standing);
boost::json::object verdict_object(const ServiceVerdict& verdict);

}  // namespace switchback::verify
