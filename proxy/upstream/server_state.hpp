// What all workers, the health checker and the admin plane share about one server: a few atomics.
//
// A configured server whose address is a name has one of these for each address of the name.
// Ownership: shared_ptr; kept across reloads and changes of names for a server with the same
// service, color and identity, so that health and counters go on. Threads: each field says who
// writes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/upstream/resolved_address.hpp"

namespace switchback::upstream {

enum class Health : std::uint8_t {
  unknown,  // not checked yet: used, but after healthy ones (balancer.hpp)
  healthy,
  failing,      // accepts connections, fails its check
  unreachable,  // accepts no connection, or its name does not resolve
};
std::string_view to_string(Health h);

class ServerState {
 public:
  explicit ServerState(config::Address address);             // a literal, a unix path or localhost
  ServerState(config::Address address, const dns::Ip& one);  // one address of a name

  const config::Address address;  // as configured
  const std::string identity;     // "10.0.0.7:9000", "app-blue:9000 (10.0.0.7)"
  // Never changed: more than one for localhost, none for a path that is too long.
  const std::vector<ResolvedAddress> candidates;

  // Written by the health checker, read by anybody.
  Health health() const { return health_.load(std::memory_order_relaxed); }
  void set_health(Health h) {
    if (h == Health::healthy && health() > Health::healthy) {
      recovered_ns_.store(monotonic_ns(), std::memory_order_relaxed);
    }
    health_.store(h, std::memory_order_relaxed);
  }
  // When its checks passed again after they had failed; 0: never.
  Nanos recovered_ns() const { return recovered_ns_.load(std::memory_order_relaxed); }
  bool usable() const {
    const Health now = health();
    return now <= Health::healthy || (now == Health::failing && last_resort());
  }
  // Its pool is in panic (panic.hpp): the same for all servers of a pool.
  bool last_resort() const { return last_resort_.load(std::memory_order_relaxed); }
  void set_last_resort(bool on) { last_resort_.store(on, std::memory_order_relaxed); }
  std::string last_reason() const;  // of the last failed check, "" when none
  void set_last_reason(std::string reason);
  Nanos last_check_ns() const { return last_check_ns_.load(std::memory_order_relaxed); }
  void set_last_check_ns(Nanos t) { last_check_ns_.store(t, std::memory_order_relaxed); }

  // Where to connect; nullptr: nowhere. Valid as long as this object.
  const ResolvedAddress* resolved() const { return resolved_.load(std::memory_order_relaxed); }
  void use(std::size_t candidate);  // health checker only: this one accepts connections

 private:
  std::atomic<Health> health_{Health::unknown};
  std::atomic<bool> last_resort_{false};
  std::atomic<Nanos> last_check_ns_{0};
  std::atomic<Nanos> recovered_ns_{0};
  std::atomic<const ResolvedAddress*> resolved_{nullptr};
  mutable std::mutex mutex_;  // the reason; never on the request path
  std::string reason_;
};

}  // namespace switchback::upstream
