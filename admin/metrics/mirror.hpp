// switchback_mirror_*: what copies of requests to the standby have shown, over all runs.
#pragma once

#include "admin/metrics/exposition.hpp"
#include "config/model.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::metrics {

// A service has samples once it has been mirrored; `color` is the one that got the copies.
void mirror_metrics(Exposition& out, const worker::DataPlane& plane,
                    config::MetricsHistograms kind);

}  // namespace switchback::metrics
