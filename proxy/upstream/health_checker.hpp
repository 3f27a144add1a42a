// Checks every server of every pool, active and standby, on a thread of its own with a stock
// asio::io_context: a saturated worker cannot make a server look dead, and a hanging server cannot
// hold a worker. HTTP checks when health_check.path is set, else a TCP connect. Where the pool has
// TLS, a check shakes hands too, by the same rules as traffic; where it has PROXY headers, a check
// says LOCAL (version 2) or UNKNOWN (version 1).
//
// Names are none of its business: a server of a name is one target for each of its addresses
// (proxy/dns). Where one server has several (localhost), the one in use stays in use while it
// accepts connections, else the next one that does is taken. A check that fails for want of our own
// descriptors or memory counts for nothing. When checks come, and how many at once to one address,
// says check_schedule.hpp; who is used although it fails them, panic.hpp.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/color.hpp"
#include "proxy/upstream/panic.hpp"
#include "proxy/upstream/server_state.hpp"
#include "proxy/upstream/wire.hpp"

namespace switchback::upstream {

struct HealthTarget {
  std::string service;
  Color color;
  config::HealthCheck check;
  std::shared_ptr<ServerState> server;
  Wire wire;            // how connections begin
  unsigned weight = 1;  // 0: it is checked, and counts for nothing
};

struct HealthChange {
  std::string service;
  Color color;
  std::string server;
  Health from, to;
  std::string reason;
};

class HealthChecker {
 public:
  using OnChange = std::function<void(const HealthChange&)>;  // called on the checker's thread
  using OnPanic = std::function<void(const PanicChange&)>;    // likewise
  explicit HealthChecker(OnChange on_change, OnPanic on_panic = {});
  ~HealthChecker();  // joins
  HealthChecker(const HealthChecker&) = delete;
  // Replaces the set of targets; those that stay keep their rise/fall counts. Any thread.
  void set_targets(std::vector<HealthTarget> targets);
  // Connects once to each server, now; calls `done` on the checker's thread with how many accept,
  // after all answered or `timeout`. Any thread. For the rollback's last look at a standby that
  // seems dead. With TLS in `wire`, a server accepts when the handshake succeeds.
  void probe_connect(std::vector<std::shared_ptr<ServerState>> servers, config::Duration timeout,
                     std::function<void(unsigned accepting)> done, Wire wire = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The Host field of a check, and the addresses to try: the one in use first.
std::string probe_host(const config::HealthCheck& check, const config::Address& address);
std::vector<ResolvedAddress> probe_order(const ServerState& server);

// Sans-IO rise/fall logic, tested without sockets.
class RiseFall {
 public:
  RiseFall(unsigned rise, unsigned fall) : rise_(rise), fall_(fall) {}
  // The first pass brings a server in; what fell after that needs `rise` passes in a row. `fall`
  // failures in a row take it out, the first ones too: one slow check after the start is no end.
  // `connected` tells failing from unreachable. A down server changes between the two at once.
  Health record(Health current, bool passed, bool connected);
  bool has_passed() const { return has_passed_; }
  // The last result speaks against `current`, and was not enough to change it.
  bool in_doubt(Health current) const;
  // Changed thresholds (a reload) apply from the next result; what was counted so far stays.
  void set_thresholds(unsigned rise, unsigned fall) {
    rise_ = rise;
    fall_ = fall;
  }

 private:
  unsigned rise_, fall_;
  unsigned passes_ = 0, failures_ = 0;
  bool has_passed_ = false;
};

}  // namespace switchback::upstream
