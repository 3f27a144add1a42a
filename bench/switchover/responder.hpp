// The servers behind a benchmark's own proxy: one thread answers for both colors, each on a port of
// its own, every answer after the same delay and marked with its color (X-Demo-Color). It speaks
// just what the proxies under test ask of it: GET without a body, and WebSockets that answer pings
// and Close frames.
//
// It is cheap on purpose: on a small machine the load, the servers and the proxy share the cores.
//
// Threads: one of its own. Bounded: 16 KiB of input per connection.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "proxy/base/clock.hpp"
#include "proxy/base/color.hpp"

namespace switchback::bench {

class Responder {
 public:
  explicit Responder(Nanos delay);
  ~Responder();
  Responder(const Responder&) = delete;

  std::string start();                     // "" or one line
  std::string address(Color color) const;  // "127.0.0.1:40123"

 private:
  struct Engine;
  std::unique_ptr<Engine> engine_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace switchback::bench
