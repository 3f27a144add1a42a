#include "proxy/drain/switch_record.hpp"

#include <algorithm>
#include <utility>

#include "proxy/base/assert.hpp"

namespace switchback::drain {
namespace {

using Stage = std::atomic<Nanos> SwitchShard::*;

// Acquire pairs with the worker's release: who sees a stage's time sees every count before it.
Nanos read(const SwitchShard& shard, Stage stage) {
  return (shard.*stage).load(std::memory_order_acquire);
}

// The latest time of a stage, 0 until every shard has one.
Nanos latest(const std::vector<SwitchShard>& shards, Stage stage) {
  Nanos result = 0;
  for (const SwitchShard& shard : shards) {
    const Nanos at = read(shard, stage);
    if (at == 0) return 0;
    result = std::max(result, at);
  }
  return result;
}

}  // namespace

std::string_view to_string(TrafficClass c) {
  switch (c) {
    case TrafficClass::request:
      return "request";
    case TrafficClass::stream:
      return "stream";
    case TrafficClass::tunnel:
      return "tunnel";
  }
  return "unknown";
}

std::string_view to_string(Outcome o) {
  switch (o) {
    case Outcome::completed:
      return "completed";
    case Outcome::failed:
      return "failed";
    case Outcome::client_gone:
      return "client_gone";
    case Outcome::moved:
      return "moved";
    case Outcome::forced:
      return "forced";
  }
  return "unknown";
}

std::uint64_t ClassCounts::in_flight() const {
  std::uint64_t done = 0;
  for (const std::uint64_t n : ended) done += n;
  return accepted > done ? accepted - done : 0;
}

SwitchRecord::SwitchRecord(std::string service_name, Color from_color, Color to_color,
                           std::uint64_t new_epoch, unsigned workers)
    : service(std::move(service_name)),
      from(from_color),
      to(to_color),
      epoch(new_epoch),
      shards(workers) {
  SB_ASSERT(from != to);
  SB_ASSERT(workers > 0);
}

bool SwitchRecord::switched() const {
  return switched_ns() != 0;
}

bool SwitchRecord::drained() const {
  return drained_ns() != 0;
}

std::vector<unsigned> SwitchRecord::lagging() const {
  std::vector<unsigned> result;
  for (unsigned worker = 0; worker < shards.size(); ++worker) {
    if (read(shards[worker], &SwitchShard::barrier_ns) == 0) result.push_back(worker);
  }
  return result;
}

Nanos SwitchRecord::switched_ns() const {
  return latest(shards, &SwitchShard::barrier_ns);
}

Nanos SwitchRecord::first_new_ns() const {
  Nanos result = 0;
  for (const SwitchShard& shard : shards) {
    const Nanos at = read(shard, &SwitchShard::first_new_ns);
    if (at != 0 && (result == 0 || at < result)) result = at;
  }
  return result;
}

Nanos SwitchRecord::last_old_ns() const {
  return latest(shards, &SwitchShard::last_old_ns);
}

Nanos SwitchRecord::drained_ns() const {
  return latest(shards, &SwitchShard::drained_ns);
}

// Ends are read before `accepted`: a ticket that changed its class and then ended is thus seen
// either as not ended or with its class changed, and a class never shows more ends than tickets.
Counts SwitchRecord::counts() const {
  Counts result{};
  for (const SwitchShard& shard : shards) {
    for (std::size_t c = 0; c < class_count; ++c) {
      for (std::size_t o = 0; o < outcome_count; ++o) {
        result[c].ended[o] += shard.ended[c][o].load(std::memory_order_acquire);
      }
      result[c].accepted += shard.accepted[c].load(std::memory_order_acquire);
      result[c].retried += shard.retried[c].load(std::memory_order_acquire);
    }
  }
  return result;
}

}  // namespace switchback::drain
