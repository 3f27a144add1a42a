// Hooks: programs of the user's, started with a bounded time on threads of their own.
//
// A hook gets nothing on stdin, its output goes to /dev/null, and SWITCHBACK_* in its environment
// says what happened. It runs in a process group of its own, which is killed when its time is over.
// Limits: `most_running` at once; more fail at once.
// Threads: run() on the control thread, which also gets the result; a hook that hangs holds its own
// thread only. Ends with what still runs killed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace switchback::verify {

struct HookJob {
  std::vector<std::string> exec;
  std::vector<std::string> environment;  // "SWITCHBACK_FLIP=01J…"
  std::chrono::milliseconds timeout{10'000};
};

class Hooks {
 public:
  static constexpr unsigned most_running = 16;
  using OnEnd = std::function<void(std::string fault)>;  // "": it ended with 0

  explicit Hooks(boost::asio::io_context& control);
  ~Hooks();
  void run(HookJob job, OnEnd done);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace switchback::verify
