#include "proxy/net/stream.hpp"

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
  return written_ > static_cast<std::uint64_t>(held) ? written_ - static_cast<std::uint64_t>(held) : 0;
}

void Stream::shutdown_write() {
  if (fd_ < 0) return;
  if (layer_) layer_->end_write(*this);
  ::shutdown(fd_, SHUT_WR);
  writable_ = false;
}

}  // namespace switchback::net
