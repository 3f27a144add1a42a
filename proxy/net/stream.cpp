#include "proxy/net/stream.hpp"

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

void Stream::shutdown_write() {
  if (fd_ < 0) return;
  if (layer_) layer_->end_write(*this);
  ::shutdown(fd_, SHUT_WR);
  writable_ = false;
}

}  // namespace switchback::net
