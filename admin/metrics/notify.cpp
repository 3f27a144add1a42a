#include "admin/metrics/notify.hpp"

namespace switchback::metrics {

void notify_metrics(Exposition& out, const notify::Notifier& notifier) {
  const auto targets = notifier.targets();
  if (targets.empty()) return;
  const auto family = [&](const char* name, const char* type, const char* help, auto value) {
    out.family(name, type, help);
    for (const auto& one : targets)
      out.sample({{"target", one.target.name}}, static_cast<std::uint64_t>(value(one)));
  };
  using View = notify::TargetView;
  family("switchback_notify_sent_total", "counter", "Messages that arrived.",
         [](const View& one) { return one.stats.sent; });
  family("switchback_notify_failed_total", "counter", "Messages given up after all attempts.",
         [](const View& one) { return one.stats.failed; });
  family("switchback_notify_dropped_total", "counter", "Messages left out for want of room.",
         [](const View& one) { return one.stats.dropped; });
  family("switchback_notify_attempts_total", "counter", "Attempts, tests included.",
         [](const View& one) { return one.stats.attempts; });
  family("switchback_notify_kept_back_total", "counter",
         "News of what stands that were not told: known already, or over before a minute was.",
         [](const View& one) { return one.kept_back; });
  family("switchback_notify_queue", "gauge", "Messages that wait, the one under way included.",
         [](const View& one) { return one.stats.queued; });
  family("switchback_notify_failing", "gauge", "1 while the newest attempt has failed.",
         [](const View& one) { return one.stats.failing_since_wall_us != 0; });
}

}  // namespace switchback::metrics
