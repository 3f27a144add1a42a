#include "proxy/upstream/pool_shared.hpp"

#include <algorithm>

namespace switchback::upstream {

unsigned ServerShared::share(Nanos now_ns, Nanos slow_start_ns) const {
  if (slow_start_ns == 0) return full_share;
  unsigned share = full_share;
  const auto since = [&](Nanos begun_ns, unsigned from) {
    if (begun_ns != 0) share = std::min(share, ramp(now_ns - begun_ns, slow_start_ns, from));
  };
  since(state->recovered_ns(), slow_start_share);
  since(standing.ejected_until_ns.load(std::memory_order_relaxed), slow_start_share);
  since(standing.raised_ns.load(std::memory_order_relaxed),
        standing.raised_from.load(std::memory_order_relaxed));
  return share;
}

PoolShared::PoolShared(std::string service, Color color, unsigned workers, OnEjection on_ejection)
    : service_(std::move(service)),
      color_(color),
      on_ejection_(std::move(on_ejection)),
      slots_(workers) {}

// A weight that is raised goes on from what it was, so that the server is not sent less than
// before.
void PoolShared::begin_slow_starts(const std::vector<PoolMember>& members, Nanos now_ns) const {
  const Nanos slow_start = slow_start_ns();
  for (const PoolMember& member : members) {
    const auto known = std::find_if(members_.begin(), members_.end(),
                                    [&](const auto& m) { return m.shared == member.shared; });
    unsigned from = slow_start_share;
    if (known != members_.end()) {
      if (member.weight <= known->weight) continue;
      const unsigned before = known->weight * member.shared->share(now_ns, slow_start);
      from = std::max(from, before / member.weight);
    }
    member.shared->standing.raised_from.store(from, std::memory_order_relaxed);
    member.shared->standing.raised_ns.store(now_ns, std::memory_order_relaxed);
  }
}

void PoolShared::configure(const config::Service& service, std::vector<PoolMember> members,
                           Nanos now_ns) {
  std::vector<SlotQueue::Member> places;
  for (const PoolMember& member : members) places.push_back({member.shared, member.weight});
  std::vector<PoolMember> before;  // freed when nothing is locked
  {
    const std::lock_guard lock(mutex_);
    if (configured_) begin_slow_starts(members, now_ns);
    configured_ = true;
    slow_start_ns_.store(to_nanos(service.health_check.slow_start), std::memory_order_relaxed);
    rule_.consecutive_failures = service.outlier.consecutive_failures;
    rule_.ejection_ns = to_nanos(service.outlier.ejection);
    rule_.max_ejected_percent = service.outlier.max_ejected;
    consecutive_failures_.store(rule_.consecutive_failures, std::memory_order_relaxed);
    before = std::move(members_);
    members_ = std::move(members);
    if (rule_.consecutive_failures == 0 || rule_.max_ejected_percent == 0) {
      for (const PoolMember& member : members_) {  // switched off: who is out comes back
        Standing& standing = member.shared->standing;
        if (standing.ejected(now_ns)) {
          standing.ejected_until_ns.store(now_ns, std::memory_order_relaxed);
        }
      }
    }
  }
  slots_.configure({service.limits.connections_per_server, service.limits.queue,
                    to_nanos(service.health_check.slow_start)},
                   std::move(places), now_ns);
}

// Not when it is out already, when it would be one too many, or when no other could take over.
bool PoolShared::may_eject(const ServerShared& server, Nanos now_ns) const {
  std::size_t servers = 0;
  unsigned out = 0, others = 0;
  bool member_of_it = false;
  for (const PoolMember& member : members_) {
    if (member.weight == 0) continue;
    ++servers;
    const bool is_out = member.shared->standing.ejected(now_ns);
    out += is_out;
    if (member.shared.get() == &server) {
      member_of_it = true;
    } else {
      others += !is_out && member.shared->state->usable();
    }
  }
  return member_of_it && others > 0 && out < ejections_allowed(servers, rule_.max_ejected_percent);
}

void PoolShared::failed(ServerShared& server, LastFailure what, Nanos now_ns) {
  Standing& standing = server.standing;
  const unsigned threshold = consecutive_failures_.load(std::memory_order_relaxed);
  // What was under way when it was ejected is no news.
  if (standing.ejected(now_ns)) return;
  standing.remember(what);
  if (threshold == 0) return;
  const std::uint32_t failures = standing.failures.fetch_add(1, std::memory_order_relaxed) + 1;
  if (failures % threshold != 0) return;
  Ejection ejection;
  {
    const std::lock_guard lock(mutex_);
    if (standing.ejected(now_ns)) return;
    if (!may_eject(server, now_ns)) {
      standing.withheld.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    const unsigned row = next_in_row(standing.in_row.load(std::memory_order_relaxed),
                                     standing.ejected_until_ns.load(std::memory_order_relaxed),
                                     now_ns, rule_.ejection_ns);
    ejection = {service_, color_,      server.state->identity,
                failures, what.text(), rule_.ejection_ns * row};
    standing.in_row.store(row, std::memory_order_relaxed);
    standing.ejected_after.store(failures, std::memory_order_relaxed);
    standing.ejections.fetch_add(1, std::memory_order_relaxed);
    standing.failures.store(0, std::memory_order_relaxed);
    standing.ejected_until_ns.store(now_ns + ejection.for_ns, std::memory_order_relaxed);
  }
  if (on_ejection_) on_ejection_(ejection);
}

}  // namespace switchback::upstream
