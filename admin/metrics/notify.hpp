// How messages to others fare, in Prometheus text.
#pragma once

#include "admin/metrics/exposition.hpp"
#include "admin/notify/notifier.hpp"

namespace switchback::metrics {

void notify_metrics(Exposition& out, const notify::Notifier& notifier);

}  // namespace switchback::metrics
