#include "admin/verify/hooks.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <cstring>
#include <thread>

extern char** environ;

namespace switchback::verify {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// The child's pid, or 0 with `fault`.
pid_t start(HookJob& job, std::string& fault) {
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
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
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) job.environment.push_back(*at);
  auto words = pointers(job.exec);
  auto environment = pointers(job.environment);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, job.exec.front().c_str(), &files, &how, words.data(), environment.data());
  ::posix_spawnattr_destroy(&how);
  ::posix_spawn_file_actions_destroy(&files);
  if (error == 0) return pid;
  fault = job.exec.front() + ": " + std::strerror(error);
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
    const pid_t got = ::waitpid(pid, &status, WNOHANG);
    if (got == pid) {
      ::kill(-pid, SIGKILL);  // what it left behind ends with it
      return describe(status);
    }
    if (got < 0 && errno != EINTR) return "cannot be waited for";
    if (ending || std::chrono::steady_clock::now() >= end) break;
    ::poll(nullptr, 0, pause_ms);
    pause_ms = std::min(pause_ms * 2, 20);
  }
  ::kill(-pid, SIGKILL);
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return "took longer than " + std::to_string(timeout.count()) + " ms and was killed";
}

}  // namespace

struct Hooks::Impl {
  explicit Impl(boost::asio::io_context& c) : control(c) {}
  boost::asio::io_context& control;
  std::atomic<bool> ending{false};
  std::atomic<unsigned> running{0};
  const std::shared_ptr<int> alive = std::make_shared<int>(0);
};

Hooks::Hooks(boost::asio::io_context& control) : impl_(std::make_shared<Impl>(control)) {}

Hooks::~Hooks() {
  impl_->ending = true;
  while (impl_->running.load() > 0) ::poll(nullptr, 0, 1);  // each is killed within 20 ms
}

void Hooks::run(HookJob job, OnEnd done) {
  const auto impl = impl_;
  const auto tell = [impl](const OnEnd& to, std::string fault) {
    boost::asio::post(impl->control,
                      [weak = std::weak_ptr(impl->alive), to, fault = std::move(fault)]() mutable {
                        if (!weak.expired()) to(std::move(fault));
                      });
  };
  if (impl->running.fetch_add(1) >= most_running) {
    impl->running.fetch_sub(1);
    return tell(done, "too many hooks are running");
  }
  std::thread([impl, job = std::move(job), done = std::move(done), tell]() mutable {
    std::string fault;
    const pid_t pid = start(job, fault);
    if (pid != 0) fault = await(pid, job.timeout, impl->ending);
    if (!impl->ending) tell(done, std::move(fault));
    impl->running.fetch_sub(1);
  }).detach();
}

}  // namespace switchback::verify
