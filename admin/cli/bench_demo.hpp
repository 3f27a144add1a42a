// The demo that `bench flip` measures when it is given nothing else: servers of the benchmark's own
// and a `switchback serve` before them, with and without TLS, in a folder that goes with it.
//
// Threads: the caller's. Errors: CommandFailed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/base/clock.hpp"

namespace switchback::bench {
class Responder;
}

namespace switchback::cli {

// The servers behind the demo, or behind a driver's proxy.
std::unique_ptr<bench::Responder> start_responder(Nanos delay);

class BenchDemo {
 public:
  // Starts it all; returns when it answers.
  BenchDemo(const bench::Responder& servers, unsigned workers);
  ~BenchDemo();

  std::string admin() const;
  const std::vector<std::string>& targets() const;  // http://…, https://…

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace switchback::cli
