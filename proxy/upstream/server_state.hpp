// What all workers, the health checker and the admin plane share about one server: a few atomics.
//
// Ownership: shared_ptr; kept across reloads for a server with the same service, color and address,
// so that health and counters go on. Threads: each field says who writes.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/clock.hpp"

namespace switchback::upstream {

enum class Health : std::uint8_t {
  unknown,  // not checked yet: used, but after healthy ones
  healthy,
  failing,      // accepts connections, fails its check
  unreachable,  // accepts no connection, or its name does not resolve
};
std::string_view to_string(Health h);

struct ResolvedAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string text;  // "10.0.0.7:9000"
};

class ServerState {
 public:
  explicit ServerState(config::Address address);

  const config::Address address;

  // Written by the health checker, read by anybody.
  Health health() const { return health_.load(std::memory_order_relaxed); }
  void set_health(Health h) { health_.store(h, std::memory_order_relaxed); }
  bool usable() const { return health() <= Health::healthy; }
  std::string last_reason() const;  // of the last failed check, "" when none
  void set_last_reason(std::string reason);
  Nanos last_check_ns() const { return last_check_ns_.load(std::memory_order_relaxed); }
  void set_last_check_ns(Nanos t) { last_check_ns_.store(t, std::memory_order_relaxed); }

  // Current address; nullptr while the name has never resolved. Valid as long as this object.
  const ResolvedAddress* resolved() const { return resolved_.load(std::memory_order_acquire); }
  void set_resolved(ResolvedAddress address);  // resolver only; no-op when unchanged

 private:
  std::atomic<Health> health_{Health::unknown};
  std::atomic<Nanos> last_check_ns_{0};
  std::atomic<const ResolvedAddress*> resolved_{nullptr};
  mutable std::mutex mutex_;  // reason and history; never on the request path
  std::string reason_;
  std::vector<std::unique_ptr<ResolvedAddress>> history_;  // readers may still hold older ones
};

// Resolves literals and names, blocking (start-up, and the health thread). "" or what failed.
std::string resolve(const config::Address& address, ResolvedAddress& out);

}  // namespace switchback::upstream
