#include "proxy/net/pipe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "proxy/base/assert.hpp"
#include "proxy/net/socket.hpp"

namespace switchback::net {

PipePool::~PipePool() {
  SB_ASSERT(lent_ == 0);
  trim();
}

void PipePool::close(Pipe* pipe) {
  ::close(pipe->read_fd);
  ::close(pipe->write_fd);
  delete pipe;
}

bool PipePool::trim() {
  const bool any = !free_.empty();
  for (Pipe* pipe : free_) close(pipe);
  free_.clear();
  return any;
}

Pipe* PipePool::make() {
  if (first_scarce_fd_ < 0) first_scarce_fd_ = net::first_scarce_fd();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return nullptr;
  Pipe* const pipe = new Pipe{this, ends[0], ends[1]};
  if (ends[0] >= first_scarce_fd_ || ends[1] >= first_scarce_fd_) {  // they are for clients
    close(pipe);
    return nullptr;
  }
  // May be refused (fs.pipe-user-pages-soft): then it is one of the kernel's usual 64 KiB.
  ::fcntl(pipe->write_fd, F_SETPIPE_SZ, static_cast<int>(pipe_bytes));
  return pipe;
}

PipeRef PipePool::take() {
  Pipe* pipe = nullptr;
  if (!free_.empty()) {
    pipe = free_.back();
    free_.pop_back();
  } else if (lent_ < most_pipes) {
    pipe = make();
  }
  if (pipe == nullptr) return {};
  ++lent_;
  return PipeRef(pipe);
}

void PipePool::give_back(Pipe* pipe) {
  --lent_;
  if (pipe->held > 0 || free_.size() >= most_free) {
    close(pipe);
  } else {
    free_.push_back(pipe);
  }
}

}  // namespace switchback::net
