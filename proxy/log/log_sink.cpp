#include "proxy/log/log_sink.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <stdexcept>
#include <system_error>

namespace switchback::log {
namespace {

std::string error_text(int number) {
  return std::generic_category().message(number);
}

int open_file(const std::string& path) {
  // O_NONBLOCK: a FIFO without a reader is an error at once, not a start that hangs.
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                0640);
}

}  // namespace

LogSink::LogSink(std::string path) : path_(std::move(path)) {
  if (path_ == "stdout" || path_ == "stderr") {
    is_stream_ = true;
    open_stream(path_ == "stdout" ? STDOUT_FILENO : STDERR_FILENO);
  } else {
    adopt(open_file(path_));
  }
  if (fd_ < 0) {
    throw std::runtime_error("log.path " + path_ +
                             ": cannot be opened for writing: " + error_text(errno));
  }
}

LogSink::~LogSink() {
  if (fd_ >= 0) ::close(fd_);
}

// A pipe or terminal is opened anew, because O_NONBLOCK on the inherited descriptor would be seen
// by every process that shares it. Files are duplicated, so that the offset stays common.
void LogSink::open_stream(int stream) {
  struct stat st {};
  if (::fstat(stream, &st) != 0) return;
  if (S_ISFIFO(st.st_mode) || ::isatty(stream)) {
    const std::string self = "/proc/self/fd/" + std::to_string(stream);
    adopt(::open(self.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  }
  if (fd_ < 0) adopt(::fcntl(stream, F_DUPFD_CLOEXEC, 3));
}

void LogSink::adopt(int fd) {
  if (fd < 0) return;
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  struct stat st {};
  kind_ = Kind::other;
  non_blocking_ = (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
  if (::fstat(fd, &st) != 0) return;
  if (S_ISREG(st.st_mode)) kind_ = Kind::file;
  if (S_ISSOCK(st.st_mode)) kind_ = Kind::socket;
}

std::string LogSink::reopen() {
  if (is_stream_) return {};
  const int fd = open_file(path_);
  if (fd < 0) return error_text(errno);
  adopt(fd);
  return {};
}

long LogSink::write_some(std::string_view bytes) {
  if (kind_ == Kind::file) return ::write(fd_, bytes.data(), bytes.size());
  if (kind_ == Kind::socket) {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (non_blocking_) return ::write(fd_, bytes.data(), bytes.size());
  // A blocking descriptor, shared with others: a pipe said to be writable takes PIPE_BUF at least.
  pollfd ready{fd_, POLLOUT, 0};
  if (::poll(&ready, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return ::write(fd_, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
}

int LogSink::write(std::string_view bytes, std::size_t& written) {
  written = 0;
  while (written < bytes.size()) {
    const long n = write_some(bytes.substr(written));
    if (n > 0) {
      written += static_cast<std::size_t>(n);
    } else if (n == 0) {
      return EIO;  // not a thing files do; never spin on it
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace switchback::log
