#include "proxy/net/stream.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proxy/base/assert.hpp"

namespace switchback::net {

bool Stream::open(Reactor& reactor, int fd, EventHandler& handler) {
  SB_ASSERT(fd_ < 0);
  if (!reactor.add(fd, handler)) {
    const int error = errno;
    ::close(fd);
    errno = error;
    return false;
  }
  reactor_ = &reactor;
  handler_ = &handler;
  fd_ = fd;
  readable_ = writable_ = true;
  peer_closed_ = reset_told_ = false;
  written_ = 0;
  return true;
}

void Stream::close() {
  if (fd_ < 0) return;
  layer_.reset();
  reactor_->remove(fd_, *handler_);
  ::close(fd_);
  fd_ = -1;
  readable_ = writable_ = false;
}

int Stream::detach() {
  if (fd_ < 0 || layer_) return -1;
  reactor_->remove(fd_, *handler_);
  readable_ = writable_ = false;
  return std::exchange(fd_, -1);
}

void Stream::reset() {
  if (fd_ < 0) return;
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

std::uint64_t Stream::taken() const {
  int held = 0;
  if (fd_ < 0 || ::ioctl(fd_, SIOCOUTQ, &held) != 0) return 0;
  // A Unix socket counts its own overhead too.
  return written_ > static_cast<std::uint64_t>(held) ? written_ - static_cast<std::uint64_t>(held)
                                                     : 0;
}

Transfer Stream::nothing_read(ssize_t n) {
  readable_ = false;
  if (n == 0) {
    if (reset_told_) return {IoStatus::error, 0, ECONNRESET};
    return {IoStatus::end};
  }
  if (errno == EAGAIN) return {IoStatus::would_block};
  return {IoStatus::error, 0, errno};
}

Transfer Stream::nothing_written(int error) {
  writable_ = false;
  if (error == EAGAIN) return {IoStatus::would_block};
  if (error != EPIPE) reset_told_ = true;
  return {IoStatus::error, 0, error};
}

Transfer Stream::read_into(Pipe& pipe, std::size_t most) {
  SB_ASSERT(!layer_ && pipe.held == 0);
  if (!readable_) return {IoStatus::would_block};
  ssize_t n;
  do {
    n = ::splice(fd_, nullptr, pipe.write_fd, nullptr, most, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    pipe.held = static_cast<std::size_t>(n);
    return {IoStatus::ok, pipe.held};
  }
  return nothing_read(n);
}

Transfer Stream::write_from(Pipe& pipe) {
  SB_ASSERT(!layer_);
  if (!writable_) return {IoStatus::would_block};
  std::size_t moved = 0;
  while (pipe.held > 0) {
    const ssize_t n =
        ::splice(pipe.read_fd, nullptr, fd_, nullptr, pipe.held, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (n > 0) {  // perhaps not all: only EAGAIN means that an event will follow
      pipe.held -= static_cast<std::size_t>(n);
      written_ += static_cast<std::uint64_t>(n);
      moved += static_cast<std::size_t>(n);
    } else if (n == 0 || errno != EINTR) {
      const Transfer failed = nothing_written(n == 0 ? EPIPE : errno);
      if (failed.status == IoStatus::error || moved == 0) return failed;
      break;
    }
  }
  return {IoStatus::ok, moved};
}

void Stream::shutdown_write() {
  if (fd_ < 0) return;
  if (layer_) layer_->end_write(*this);
  ::shutdown(fd_, SHUT_WR);
  writable_ = false;
}

}  // namespace switchback::net
