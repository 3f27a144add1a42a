#include "admin/exec/children.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

#include "admin/exec/program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/until.hpp"

using namespace switchback;
using test::until;

namespace {

exec::Program shell(const std::string& script) {
  exec::Program program;
  program.words = {"/bin/sh", "-c", script};
  return program;
}

pid_t ending_with(int code) {
  return exec::start_child([code] {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(code);
    return pid;
  });
}

// It has ended, and nobody took its status.
bool waits_to_be_reaped(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid;
}

}  // namespace

TEST_CASE("a reaper keeps the status of a program for whoever waits for it") {
  const pid_t pid = ending_with(7);
  REQUIRE(pid > 0);
  REQUIRE(until([&] { return waits_to_be_reaped(pid); }));
  CHECK(exec::reap_orphans() == 0);
  int status = 0;
  CHECK(exec::poll_child(pid, status) == exec::Wait::ended);
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(exec::poll_child(pid, status) == exec::Wait::lost);
}

TEST_CASE("without a reaper the status comes as ever") {
  const pid_t pid = ending_with(3);
  int status = 0;
  CHECK(until([&] { return exec::poll_child(pid, status) == exec::Wait::ended; }));
  CHECK(WEXITSTATUS(status) == 3);
}

TEST_CASE("orphans that come to a subreaper are reaped, beside programs that are waited for") {
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
  CHECK(exec::inherits_orphans());
  std::atomic<bool> stop{false};
  std::atomic<unsigned> reaped{0};
  std::thread reaper([&] {
    while (!stop) {
      reaped += exec::reap_orphans();
      std::this_thread::yield();
    }
  });
  const std::atomic<bool> ending{false};
  for (int i = 0; i < 20; ++i) {
    // setsid: it is out of the group that ends with the program.
    CHECK(exec::run(shell("setsid sh -c 'exit 0' & exit " + std::to_string(i % 3)), ending) ==
          (i % 3 == 0 ? "" : "ended with exit code " + std::to_string(i % 3)));
  }
  CHECK(until([&] {
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
  }));
  stop = true;
  reaper.join();
  CHECK(reaped > 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
  CHECK_FALSE(exec::inherits_orphans());
}
