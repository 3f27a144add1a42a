// What all workers share about one color's servers as a whole: who is ejected, who may connect.
//
// Ownership: shared_ptr; lives as long as its service, over reloads and flips. Threads: configure
// on the control thread, the rest on any; everything but a server's failures and its connections'
// begin and end stays off the path of a request.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/color.hpp"
#include "proxy/upstream/slot_queue.hpp"
#include "proxy/upstream/worker_server.hpp"

namespace switchback::upstream {

struct PoolMember {
  std::shared_ptr<ServerShared> shared;
  unsigned weight = 1;
};

// A server was taken out.
struct Ejection {
  std::string service;
  Color color = Color::blue;
  std::string server;
  unsigned failures = 0;  // in a row
  std::string last;       // what the last one was
  Nanos for_ns = 0;
};

class PoolShared {
 public:
  using OnEjection = std::function<void(const Ejection&)>;  // on the worker that saw the failure
  PoolShared(std::string service, Color color, unsigned workers, OnEjection on_ejection = {});

  // The configuration of the first snapshot or of a reload. Servers that are new, or whose weight
  // is higher than before, begin their slow start now; those of the first call do not.
  void configure(const config::Service& service, std::vector<PoolMember> members, Nanos now_ns);

  void failed(ServerShared& server, LastFailure what, Nanos now_ns);
  void succeeded(ServerShared& server) { server.standing.succeeded(); }

  SlotQueue& slots() { return slots_; }
  const SlotQueue& slots() const { return slots_; }
  Nanos slow_start_ns() const { return slow_start_ns_.load(std::memory_order_relaxed); }

 private:
  bool may_eject(const ServerShared& server, Nanos now_ns) const;
  void begin_slow_starts(const std::vector<PoolMember>& members, Nanos now_ns) const;

  const std::string service_;
  const Color color_;
  const OnEjection on_ejection_;
  std::atomic<unsigned> consecutive_failures_{0};
  std::atomic<Nanos> slow_start_ns_{0};
  std::mutex mutex_;  // rule and members; held while an ejection is decided
  OutlierRule rule_;
  std::vector<PoolMember> members_;
  bool configured_ = false;
  SlotQueue slots_;
};

}  // namespace switchback::upstream
