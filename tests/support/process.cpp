#include "tests/support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>

extern char** environ;

namespace switchback::test {
namespace {

struct Pipe {
  int read_end = -1, write_end = -1;
  Pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    read_end = fds[0];
    write_end = fds[1];
  }
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

pid_t spawn(std::vector<std::string> arguments, const ProcessOptions& options, int out, int err) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry; ++entry) environment.emplace_back(*entry);
  environment.insert(environment.end(), options.environment.begin(), options.environment.end());
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
  // From copies far up: a source may have the number that another one is to get.
  std::vector<int> copies;
  for (const int fd : options.descriptors) {
    copies.push_back(::fcntl(fd, F_DUPFD_CLOEXEC, 100));
    posix_spawn_file_actions_adddup2(&files, copies.back(), 2 + static_cast<int>(copies.size()));
  }
  // Nothing else: a listener that came along would go on listening when the test closes it.
  posix_spawn_file_actions_addclosefrom_np(&files, 3 + static_cast<int>(copies.size()));
  if (!options.directory.empty()) {
    posix_spawn_file_actions_addchdir_np(&files, options.directory.c_str());
  }
  // The child begins with no signal blocked or ignored, whatever this thread does.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigaddset(&signals, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int code = ::posix_spawnp(&pid, arguments[0].c_str(), &files, &attributes,
                                  pointers(arguments).data(), pointers(environment).data());
  for (const int copy : copies) ::close(copy);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) {
    throw std::runtime_error("spawn " + arguments[0] + ": " +
                             std::generic_category().message(code));
  }
  return pid;
}

std::optional<std::string> line_with(const std::string& text, const std::string& wanted) {
  const auto at = text.find(wanted);
  if (at == std::string::npos) return std::nullopt;
  const auto end = text.find('\n', at);
  if (end == std::string::npos) return std::nullopt;  // the line is not complete yet
  const auto before = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
  const auto begin = before == std::string::npos ? 0 : before + 1;
  return text.substr(begin, end - begin);
}

}  // namespace

struct Process::Impl {
  pid_t pid = -1;
  std::string name;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::string out, err;
  int open_pipes = 2;
  bool blocked = false;  // nobody reads
  std::optional<int> code;
  std::thread out_reader, err_reader, waiter;

  void read_all(int fd, std::string& into) {
    char piece[4096];
    for (;;) {
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return !blocked || code; });
      }
      // Non-blocking while others may be told to leave the rest: poll says when there is something.
      pollfd ready{fd, POLLIN, 0};
      ::poll(&ready, 1, -1);
      std::lock_guard lock(mutex);
      if (blocked && !code) continue;
      const auto n = ::read(fd, piece, sizeof piece);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      into.append(piece, static_cast<std::size_t>(n));
      changed.notify_all();
    }
    std::lock_guard lock(mutex);
    ::close(fd);
    --open_pipes;
    changed.notify_all();
  }

  // The child is reaped under the lock, so that nobody signals a pid that is someone else's by now.
  void wait_for_end() {
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 &&
           errno == EINTR) {
    }
    std::lock_guard lock(mutex);
    int status = 0;
    ::waitpid(pid, &status, 0);
    code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    changed.notify_all();
  }

  void signal(int number) {
    std::lock_guard lock(mutex);
    if (!code) ::kill(pid, number);
  }
};

Process::Process(std::vector<std::string> arguments, ProcessOptions options)
    : impl_(std::make_unique<Impl>()) {
  Pipe out, err;
  impl_->name = arguments.at(0);
  try {
    impl_->pid = spawn(std::move(arguments), options, out.write_end, err.write_end);
  } catch (...) {
    for (const int fd : {out.read_end, out.write_end, err.read_end, err.write_end}) ::close(fd);
    throw;
  }
  ::close(out.write_end);
  ::close(err.write_end);
  auto* impl = impl_.get();
  impl->out_reader = std::thread([impl, fd = out.read_end] { impl->read_all(fd, impl->out); });
  impl->err_reader = std::thread([impl, fd = err.read_end] { impl->read_all(fd, impl->err); });
  impl->waiter = std::thread([impl] { impl->wait_for_end(); });
}

Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

Process::~Process() {
  if (!impl_) return;
  impl_->signal(SIGKILL);
  impl_->waiter.join();
  impl_->out_reader.join();
  impl_->err_reader.join();
}

pid_t Process::pid() const {
  return impl_->pid;
}
void Process::signal(int number) {
  impl_->signal(number);
}

bool Process::running() const {
  std::lock_guard lock(impl_->mutex);
  return !impl_->code;
}

std::optional<int> Process::wait(std::chrono::milliseconds limit) {
  std::unique_lock lock(impl_->mutex);
  const bool ended = impl_->changed.wait_for(
      lock, limit, [this] { return impl_->code && impl_->open_pipes == 0; });
  return ended ? impl_->code : std::nullopt;
}

std::optional<std::string> Process::wait_for_line(const std::string& text,
                                                  std::chrono::milliseconds limit) {
  std::unique_lock lock(impl_->mutex);
  std::optional<std::string> line;
  impl_->changed.wait_for(lock, limit, [&] {
    line = line_with(impl_->out, text);
    if (!line) line = line_with(impl_->err, text);
    return line || (impl_->code && impl_->open_pipes == 0);
  });
  return line;
}

void Process::block_output() {
  std::lock_guard lock(impl_->mutex);
  impl_->blocked = true;
  for (const int stream : {1, 2}) {
    // The child's end of the pipe, opened anew for this process.
    const std::string path =
        "/proc/" + std::to_string(impl_->pid) + "/fd/" + std::to_string(stream);
    const int fd = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) throw std::runtime_error("cannot open " + path);
    ::fcntl(fd, F_SETPIPE_SZ, 4096);
    const std::string line(63, '.');
    while (::write(fd, (line + "\n").data(), line.size() + 1) > 0) {
    }
    while (::write(fd, "\n", 1) > 0) {
    }
    ::close(fd);
  }
}

std::string Process::out() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->out;
}
std::string Process::err() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->err;
}

Finished run(std::vector<std::string> arguments, ProcessOptions options,
             std::chrono::milliseconds limit) {
  const std::string name = arguments.at(0);
  Process process(std::move(arguments), std::move(options));
  const auto code = process.wait(limit);
  if (!code) throw std::runtime_error(name + " did not end in time; stderr: " + process.err());
  return {*code, process.out(), process.err()};
}

}  // namespace switchback::test
