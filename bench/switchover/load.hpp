// The load of a flip benchmark: lanes of requests, each sent at its own intended times whatever the
// answers do (open loop), so that a proxy that stalls cannot hide it by being asked less.
//
// A lane is one way of asking one target: over kept-alive connections, over a new connection per
// request, or by a WebSocket that is opened, pinged and closed. Request i of a lane is meant to
// begin at start + i/rate; it begins when a connection is free. Latency counts from the intended
// time. What is more than a second behind its time is not sent any more and counted as `late`.
//
// Threads: one of its own, an epoll loop. Bounded: `connections` per lane, a few KiB each.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/switchover/color_reader.hpp"
#include "bench/switchover/flip_log.hpp"
#include "bench/switchover/link.hpp"
#include "bench/switchover/target.hpp"

namespace switchback::bench {

enum class Protocol : std::uint8_t { keep_alive, fresh, websocket };
const char* to_string(Protocol protocol);  // "keep-alive", "new connection", "WebSocket"

struct LaneOptions {
  Target target;
  Protocol protocol = Protocol::keep_alive;
  double rate = 100;  // a second
  unsigned connections = 16;
};
std::string name_of(const LaneOptions& lane);  // "https keep-alive"

struct LoadOptions {
  std::vector<LaneOptions> lanes;
  Fields fields;  // more request fields
  Nanos timeout = 10'000'000'000;
  bool verify_tls = true;
};

class Load {
 public:
  // `colors` and `log` outlive it. log's lanes are options.lanes, in order.
  Load(LoadOptions options, const ColorReader& colors, FlipLog& log);
  ~Load();  // stops; what is open is dropped without being counted
  Load(const Load&) = delete;

  std::string start();  // "" or one line
  // Begins nothing new from now on; drained() tells when everything begun has ended.
  void end() { ending_ = true; }
  bool drained() const { return ending_seen_ && log_.open() == 0; }

 private:
  struct Engine;
  std::unique_ptr<Engine> engine_;
  FlipLog& log_;
  std::atomic<bool> ending_{false}, ending_seen_{false}, stopping_{false};
  std::thread thread_;
};

}  // namespace switchback::bench
