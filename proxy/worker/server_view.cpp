// What is told about one server: health, standing, share.
#include "proxy/worker/server_view.hpp"

namespace switchback::worker {

ServerView server_view(const upstream::PoolMember& member, const upstream::PoolShared& pool,
                       Nanos now_ns) {
  const upstream::ServerShared& shared = *member.shared;
  const upstream::Standing& standing = shared.standing;
  ServerView view;
  view.address = shared.state->identity;
  view.weight = member.weight;
  view.health = shared.state->health();
  view.reason = shared.state->last_reason();
  view.in_flight = shared.in_flight();
  view.connections = shared.connections.load(std::memory_order_relaxed);
  view.failures_in_row = standing.failures.load(std::memory_order_relaxed);
  const auto last =
      upstream::LastFailure::of_code(standing.last_failure.load(std::memory_order_relaxed));
  view.last_failure = last.text();
  view.ejections = standing.ejections.load(std::memory_order_relaxed);
  view.ejections_withheld = standing.withheld.load(std::memory_order_relaxed);
  if (standing.ejected(now_ns)) {
    const Nanos left = standing.ejected_until_ns.load(std::memory_order_relaxed) - now_ns;
    const auto failures = standing.ejected_after.load(std::memory_order_relaxed);
    view.ejected_for = std::chrono::ceil<config::Duration>(std::chrono::nanoseconds(left));
    view.ejection = std::to_string(failures) + (failures == 1 ? " failure" : " failures in a row") +
                    ", the last: " + last.text();
  }
  if (member.weight > 0 && shared.usable(now_ns)) {
    view.share_percent = shared.share(now_ns, pool.slow_start_ns()) * 100 / upstream::full_share;
  }
  return view;
}

}  // namespace switchback::worker
