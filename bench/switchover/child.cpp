#include "bench/switchover/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

namespace switchback::bench {
namespace {

using std::chrono::steady_clock;

void close_end(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

Child::~Child() {
  close_end(to_);
  close_end(from_);
  end();
}

// Between fork and exec: nothing that allocates, since other threads may hold the heap's lock.
void Child::become(int input, int output, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);
  ::signal(SIGPIPE, SIG_DFL);
  if (input >= 0) ::dup2(input, STDIN_FILENO);
  if (output >= 0) ::dup2(output, STDOUT_FILENO);
  if (output >= 0 && !options_.talk) ::dup2(output, STDERR_FILENO);
  std::array<char*, 64> arguments{};
  for (std::size_t i = 0; i < options_.arguments.size() && i + 1 < arguments.size(); ++i) {
    arguments[i] = options_.arguments[i].data();
  }
  for (auto& variable : options_.environment) ::putenv(variable.data());
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

std::string Child::start() {
  int down[2] = {-1, -1}, up[2] = {-1, -1};
  int file = -1;
  if (options_.talk) {
    if (::pipe2(down, O_CLOEXEC) != 0 || ::pipe2(up, O_CLOEXEC) != 0) {
      return std::string("pipe: ") + std::strerror(errno);
    }
  } else if (!options_.output.empty()) {
    file = ::open(options_.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return options_.output + ": " + std::strerror(errno);
  }
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become(down[0], options_.talk ? up[1] : file, parent);
  to_ = down[1];
  from_ = up[0];
  close_end(down[0]);
  close_end(up[1]);
  close_end(file);
  return pid_ > 0 ? "" : std::string("fork: ") + std::strerror(errno);
}

bool Child::running() {
  if (pid_ <= 0) return false;
  if (::waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  pid_ = -1;
  return false;
}

void Child::end() {
  if (!running()) return;
  ::kill(pid_, SIGTERM);
  const auto limit = steady_clock::now() + std::chrono::seconds(5);
  while (running() && steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (!running()) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

bool Child::say(const std::string& line) {
  const std::string bytes = line + "\n";
  return ::write(to_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

std::optional<std::string> Child::hear(std::chrono::milliseconds limit) {
  constexpr std::size_t longest = 64 * 1024;
  const auto until = steady_clock::now() + limit;
  while (true) {
    if (const auto end = heard_.find('\n'); end != std::string::npos) {
      auto line = heard_.substr(0, end);
      heard_.erase(0, end + 1);
      return line;
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_clock::now());
    pollfd entry{from_, POLLIN, 0};
    if (left.count() < 0 || heard_.size() > longest ||
        ::poll(&entry, 1, static_cast<int>(left.count()) + 1) <= 0)
      return std::nullopt;
    std::array<char, 4096> buffer;
    const auto got = ::read(from_, buffer.data(), buffer.size());
    if (got <= 0) return std::nullopt;
    heard_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace switchback::bench
