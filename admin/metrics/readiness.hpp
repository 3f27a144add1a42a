// switchback_ready*: whether a way back stands, by service and question.
#pragma once

#include <string>

#include "admin/readiness/keeper.hpp"

namespace switchback::metrics {

std::string readiness_text(const readiness::Keeper& readiness);

}  // namespace switchback::metrics
