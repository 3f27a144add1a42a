// What the tests of tunnels share.
#pragma once

#include <atomic>

#include "tests/integration/plane.hpp"
#include "tests/support/websocket.hpp"

namespace switchback::test {

class Signal {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience, [&] { return set_; })) {
      throw std::runtime_error("a signal did not come");
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

// A WebSocket server that hands each connection to the test, behind its 101.
class WebSocketServer {
 public:
  using Script = std::function<void(WebSocketPeer&)>;
  explicit WebSocketServer(std::string name, Script script, std::string fields = "") {
    TestServerOptions options;
    fields += "X-Served-By: " + name + "\r\n";
    options.name = std::move(name);
    options.raw = [this, script = std::move(script), fields](RawClient& stream) {
      if (stream_is_a_check(stream)) return;
      WebSocketPeer peer = WebSocketPeer::accept(stream, fields);
      try {
        script(peer);
      } catch (const std::exception& fault) {
        const std::lock_guard lock(mutex_);
        faults_.push_back(fault.what());
      }
    };
    server_ = std::make_unique<TestServer>(options);
  }
  std::string address() const { return server_->address(); }
  std::vector<std::string> faults() const {
    const std::lock_guard lock(mutex_);
    return faults_;
  }

 private:
  // Health checks connect and say nothing.
  static bool stream_is_a_check(RawClient& stream) {
    char byte;
    pollfd ready{stream.fd(), POLLIN, 0};
    return ::poll(&ready, 1, static_cast<int>(patience.count())) <= 0 ||
           ::recv(stream.fd(), &byte, 1, MSG_PEEK) <= 0;
  }
  mutable std::mutex mutex_;
  std::vector<std::string> faults_;
  std::unique_ptr<TestServer> server_;
};

inline std::uint64_t ended(const drain::Counts& counts, drain::TrafficClass c, drain::Outcome o) {
  return counts[static_cast<std::size_t>(c)].ended[static_cast<std::size_t>(o)];
}
inline std::uint64_t tunnels_ended(const std::shared_ptr<drain::SwitchRecord>& record,
                                   drain::Outcome outcome) {
  return ended(record->counts(), drain::TrafficClass::tunnel, outcome);
}
inline std::uint64_t tunnels_accepted(const std::shared_ptr<drain::SwitchRecord>& record) {
  return record->counts()[static_cast<std::size_t>(drain::TrafficClass::tunnel)].accepted;
}
inline bool adds_up(const std::shared_ptr<drain::SwitchRecord>& record) {
  for (const drain::ClassCounts& counts : record->counts()) {
    std::uint64_t sum = counts.in_flight();
    for (const std::uint64_t n : counts.ended) sum += n;
    if (sum != counts.accepted) return false;
  }
  return true;
}

// One of the tunnel counters, all workers.
template <class Read>
std::uint64_t tunnel_count(Plane& plane, Color color, Read read) {
  std::uint64_t sum = 0;
  const worker::StatsView stats = plane->stats();
  for (const auto* shard : stats.services.front().shards) {
    sum += read(shard->color[index_of(color)].tunnels).read();
  }
  return sum;
}

}  // namespace switchback::test
