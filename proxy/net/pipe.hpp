// Pipes through which the kernel moves large bodies from one socket to another, splice(2): their
// bytes are never copied into this process.
//
// Threads: a pool and its pipes belong to one worker. Ownership: PipeRef is the only handle; it
// gives the pipe back, and one that still holds bytes is closed instead of kept: they are
// somebody's. Limits: so many pipes a worker, and none while descriptors are scarce. Who gets none
// copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace switchback::net {

class PipePool;

struct Pipe {
  PipePool* pool;
  int read_fd, write_fd;
  std::size_t held = 0;  // bytes in it
};

class PipeRef {
 public:
  PipeRef() = default;
  explicit PipeRef(Pipe* adopted) : pipe_(adopted) {}
  PipeRef(PipeRef&& o) noexcept : pipe_(std::exchange(o.pipe_, nullptr)) {}
  PipeRef& operator=(PipeRef&& o) noexcept {
    std::swap(pipe_, o.pipe_);
    return *this;
  }
  ~PipeRef() { reset(); }
  void reset();
  explicit operator bool() const { return pipe_ != nullptr; }
  Pipe& operator*() const { return *pipe_; }
  Pipe* operator->() const { return pipe_; }

 private:
  Pipe* pipe_ = nullptr;
};

class PipePool {
 public:
  // Bytes in a pipe at most: what a reader that stalls keeps of the kernel's memory.
  static constexpr std::size_t pipe_bytes = 256 * 1024;
  static constexpr std::size_t worth_bytes = 64 * 1024;  // of what is left of a body
  static constexpr std::size_t most_pipes = 64;          // lent at a time
  static constexpr std::size_t most_free = 32;           // kept for later

  static std::size_t share_of(std::uint64_t bytes) {  // of what is left, in one pipe
    return bytes < pipe_bytes ? static_cast<std::size_t>(bytes) : pipe_bytes;
  }

  PipePool() = default;
  ~PipePool();
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  PipeRef take();  // empty: too many are lent, or descriptors are scarce
  bool trim();     // closes those that are free; false: there were none
  std::size_t open() const { return lent_ + free_.size(); }

 private:
  friend class PipeRef;
  void give_back(Pipe* pipe);
  Pipe* make();
  static void close(Pipe* pipe);
  std::vector<Pipe*> free_;
  std::size_t lent_ = 0;
  int first_scarce_fd_ = -1;  // -1: not asked for yet
};

inline void PipeRef::reset() {
  if (pipe_) pipe_->pool->give_back(pipe_);
  pipe_ = nullptr;
}

}  // namespace switchback::net
