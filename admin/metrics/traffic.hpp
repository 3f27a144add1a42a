// What requests have left behind, by service and color: counters and histograms of the data plane.
#pragma once

#include "admin/metrics/exposition.hpp"
#include "config/model.hpp"
#include "proxy/worker/data_plane.hpp"

namespace switchback::metrics {

void requests(Exposition& out, const worker::StatsView& stats);
void tunnels(Exposition& out, const worker::StatsView& stats);
void paused_requests(Exposition& out, const worker::StatsView& stats);
void histograms(Exposition& out, const worker::StatsView& stats, config::MetricsHistograms kind);

}  // namespace switchback::metrics
