// Servers that are processes of their own, to be killed: SIGKILL in the middle of everything, and
// back again on the same port.
//
// A window of excuses is open from just before the kill until the storm has gone on behind it. What
// failed in one may be owed to it, if it could not be repeated: the Storm judges that.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace switchback::test {

using Moment = std::chrono::steady_clock::time_point;

class Casualties {
 public:
  // `name` is the server's X-Served-By. Returns its address. All on one thread, for life: the
  // processes end when the thread that started them does.
  std::string add(const std::string& name);
  void kill(const std::string& name);  // SIGKILL, and gone when this returns. Any thread.
  void revive(const std::string& name);

  void open_window(const std::string& name);
  void close_window(const std::string& name);
  // Whether a window of that server ("": of any) touches the time from `begin` until now.
  bool excuse(const std::string& name, Moment begin) const;
  unsigned kills() const { return kills_; }

 private:
  struct Backend {
    std::unique_ptr<Process> process;
    std::string port = "0";
  };
  struct Window {
    std::string name;
    Moment from, to;
  };
  static std::unique_ptr<Process> start(const std::string& name, std::string& port);
  std::map<std::string, Backend> backends_;
  unsigned kills_ = 0;
  mutable std::mutex mutex_;
  std::vector<Window> windows_;
};

}  // namespace switchback::test
