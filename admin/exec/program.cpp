#include "admin/exec/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "admin/exec/children.hpp"

extern char** environ;

namespace switchback::exec {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// The input as a file in memory: nobody waits for a program that does not read it, and nothing is
// written into a pipe that it has closed. -1 with errno.
int input_file(const std::string& text) {
  if (text.empty()) return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int file = ::memfd_create("switchback-input", MFD_CLOEXEC);
  if (file < 0) return -1;
  for (std::size_t done = 0; done < text.size();) {
    const auto n = ::write(file, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) {
      const int error = errno;
      ::close(file);
      errno = error;
      return -1;
    }
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  ::lseek(file, 0, SEEK_SET);
  return file;
}

// The child's pid, or 0 with `fault`.
pid_t start(Program& program, std::string& fault) {
  const int input = input_file(program.input);
  if (input < 0) {
    fault = program.words.front() + ": no stdin for it: " + std::strerror(errno);
    return 0;
  }
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, input, 0);
  ::posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t how;
  ::posix_spawnattr_init(&how);
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&how, &none);
  ::posix_spawnattr_setsigdefault(&how, &all);
  ::posix_spawnattr_setpgroup(&how, 0);
  ::posix_spawnattr_setflags(
      &how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  for (char** at = environ; at != nullptr && *at != nullptr; ++at)
    program.environment.push_back(*at);
  auto words = pointers(program.words);
  auto environment = pointers(program.environment);
  int error = 0;
  const pid_t child = start_child([&] {
    pid_t pid = 0;
    error = ::posix_spawn(&pid, program.words.front().c_str(), &files, &how, words.data(),
                          environment.data());
    return error == 0 ? pid : 0;
  });
  ::posix_spawnattr_destroy(&how);
  ::posix_spawn_file_actions_destroy(&files);
  ::close(input);
  if (error == 0) return child;
  fault = program.words.front() + ": " + std::strerror(error);
  return 0;
}

std::string describe(int status) {
  if (WIFEXITED(status)) {
    const int code = WEXITSTATUS(status);
    return code == 0 ? "" : "ended with exit code " + std::to_string(code);
  }
  return "ended by signal " + std::to_string(WTERMSIG(status));
}

// Waits in short turns: a child that nobody else waits for cannot be waited for with a timeout.
std::string await(pid_t pid, std::chrono::milliseconds timeout, const std::atomic<bool>& ending) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  int status = 0;
  int pause_ms = 1;
  for (;;) {
    const Wait now = poll_child(pid, status);
    if (now == Wait::ended) {
      ::kill(-pid, SIGKILL);
      return describe(status);
    }
    if (now == Wait::lost) return "cannot be waited for";
    if (ending || std::chrono::steady_clock::now() >= end) break;
    ::poll(nullptr, 0, pause_ms);
    pause_ms = std::min(pause_ms * 2, 20);
  }
  ::kill(-pid, SIGKILL);
  while (poll_child(pid, status) == Wait::running) ::poll(nullptr, 0, 1);
  return "took longer than " + std::to_string(timeout.count()) + " ms and was killed";
}

}  // namespace

std::string run(Program program, const std::atomic<bool>& ending) {
  std::string fault;
  const pid_t pid = start(program, fault);
  return pid == 0 ? fault : await(pid, program.timeout, ending);
}

}  // namespace switchback::exec
