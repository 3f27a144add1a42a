#include "admin/metrics/readiness.hpp"

namespace switchback::metrics {

void readiness_metrics(Exposition& out, const readiness::Keeper& room) {
  out.family("switchback_ready", "gauge",
             "1 while the question of the rollback plan is answered (warnings included).");
  for (const auto& [service, grades] : room.grades()) {
    for (std::size_t i = 0; i < grades.size(); ++i) {
      const auto question = static_cast<readiness::Question>(i);
      out.sample({{"service", service}, {"question", readiness::to_string(question)}},
                 std::uint64_t{grades[i] < readiness::Grade::unknown});
    }
  }
  out.family("switchback_ready_share_30d", "gauge",
             "Share of the watched time, within 30 days, in which a fit way back stood.");
  for (const auto& [service, grades] : room.grades())
    out.sample({{"service", service}}, room.summary(service).share);
}

}  // namespace switchback::metrics
