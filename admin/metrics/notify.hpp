// How messages to others fare, in Prometheus text.
#pragma once

#include <string>

#include "admin/notify/notifier.hpp"

namespace switchback::metrics {

std::string notify_text(const notify::Notifier& notifier);

}  // namespace switchback::metrics
