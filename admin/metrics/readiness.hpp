// switchback_ready*: whether a way back stands, by service and question.
#pragma once

#include "admin/metrics/exposition.hpp"
#include "admin/readiness/keeper.hpp"

namespace switchback::metrics {

void readiness_metrics(Exposition& out, const readiness::Keeper& room);

}  // namespace switchback::metrics
