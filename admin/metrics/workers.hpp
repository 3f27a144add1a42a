// What belongs to no service: workers, TLS with clients, the admin plane, the process.
#pragma once

#include "admin/metrics/collect.hpp"
#include "admin/metrics/exposition.hpp"

namespace switchback::metrics {

void workers(Exposition& out, const worker::StatsView& stats);
void tls_handshakes(Exposition& out, const worker::StatsView& stats);
void admin_plane(Exposition& out, const AdminCounts& counts);
void process(Exposition& out);

}  // namespace switchback::metrics
