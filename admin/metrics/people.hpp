// The families of /metrics about people, tokens and the audit chain.
#pragma once

#include "admin/metrics/collect.hpp"
#include "admin/metrics/exposition.hpp"

namespace switchback::metrics {

void people(Exposition& out, const PeopleCounts& counts);

}  // namespace switchback::metrics
