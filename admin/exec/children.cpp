#include "admin/exec/children.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <mutex>

namespace switchback::exec {

namespace {

// At most one for each program that is waited for.
struct Known {
  std::mutex mutex;
  std::map<pid_t, std::optional<int>> children;  // its status, when a reaper took it
};

Known& known() {
  static Known table;
  return table;
}

pid_t wait_for(pid_t pid, int& status) {
  for (;;) {
    const pid_t got = ::waitpid(pid, &status, WNOHANG);
    if (got >= 0 || errno != EINTR) return got;
  }
}

}  // namespace

pid_t start_child(const std::function<pid_t()>& start) {
  const std::lock_guard lock(known().mutex);
  const pid_t pid = start();
  if (pid > 0) known().children[pid].reset();
  return pid;
}

Wait poll_child(pid_t pid, int& status) {
  const std::lock_guard lock(known().mutex);
  auto& children = known().children;
  const auto at = children.find(pid);
  Wait result = Wait::running;
  if (at != children.end() && at->second) {
    status = *at->second;
    result = Wait::ended;
  } else if (const pid_t got = wait_for(pid, status); got != 0) {
    result = got == pid ? Wait::ended : Wait::lost;
  }
  if (result != Wait::running && at != children.end()) children.erase(at);
  return result;
}

unsigned reap_orphans() {
  const std::lock_guard lock(known().mutex);
  unsigned orphans = 0;
  int status = 0;
  for (pid_t got = wait_for(-1, status); got > 0; got = wait_for(-1, status)) {
    const auto at = known().children.find(got);
    if (at != known().children.end()) {
      at->second = status;
    } else {
      ++orphans;
    }
  }
  return orphans;
}

bool inherits_orphans() {
  int subreaper = 0;
  return ::getpid() == 1 ||
         (::prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0) == 0 && subreaper != 0);
}

}  // namespace switchback::exec
