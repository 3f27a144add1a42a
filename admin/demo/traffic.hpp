// Light traffic for the demo: keep-alive connections that ask /version at a steady rate, and event
// streams that end and are opened again, as a page's would. Every answer says who gave it.
//
// Threads: the io_context's; take() too. Nothing here is tuned: it must be honest, not fast.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>

namespace switchback::demo {

struct TrafficOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  unsigned connections = 5;
  unsigned requests_per_second = 50;  // all connections together
  unsigned streams = 2;
};

// What happened since the last take(), and totals since the start.
struct TrafficSample {
  std::uint64_t blue = 0, green = 0;  // answers by color
  std::uint64_t failed = 0;           // no answer, not 200, or a stream that was cut
  double p50_ms = 0, max_ms = 0;      // of the answers; 0 when there was none
  unsigned streams_open = 0;          // now
  std::uint64_t total = 0, total_failed = 0;
  std::string last_color, last_release;  // of the newest answer
  std::string last_failure;              // why the newest failure failed; "" when none ever did
};

class Traffic {
 public:
  Traffic(boost::asio::io_context& io, TrafficOptions options);
  ~Traffic();  // stops
  Traffic(const Traffic&) = delete;

  void start();
  void stop();
  TrafficSample take();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the coroutines, which may end after this
};

}  // namespace switchback::demo
