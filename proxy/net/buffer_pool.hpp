// Reference-counted I/O buffers, lent by a per-worker pool.
//
// Threads: a pool, its buffers and their counts belong to one worker; nothing here is atomic.
// Ownership: BufferRef is the only handle; the last one gives the memory back to the pool, last in
// first out, so that a busy worker keeps using the same few cache-warm buffers.
// Idle connections hold none: a buffer is taken when a socket is readable and given back as soon
// as what was read has been passed on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace switchback::net {

enum class BufferSize : std::uint8_t {
  small,  // 16 KiB: heads and short bodies from clients
  large,  // 128 KiB: responses, streaming bodies, heads over 16 KiB
};
inline constexpr std::size_t small_buffer_bytes = 16 * 1024;
inline constexpr std::size_t large_buffer_bytes = 128 * 1024;

class BufferPool;

struct Buffer {
  BufferPool* pool;
  std::uint32_t references;
  BufferSize size_class;
  std::size_t capacity;  // bytes at data()
  char* data() { return reinterpret_cast<char*>(this + 1); }
};

class BufferRef {
 public:
  BufferRef() = default;
  explicit BufferRef(Buffer* adopted) : buffer_(adopted) {}  // takes over one reference
  BufferRef(const BufferRef& o) : buffer_(o.buffer_) {
    if (buffer_) ++buffer_->references;
  }
  BufferRef(BufferRef&& o) noexcept : buffer_(std::exchange(o.buffer_, nullptr)) {}
  BufferRef& operator=(BufferRef o) noexcept {
    std::swap(buffer_, o.buffer_);
    return *this;
  }
  ~BufferRef() { reset(); }
  void reset();
  explicit operator bool() const { return buffer_ != nullptr; }
  char* data() const { return buffer_->data(); }
  std::size_t capacity() const { return buffer_->capacity; }
  bool unique() const { return buffer_ && buffer_->references == 1; }
  Buffer* get() const { return buffer_; }

 private:
  Buffer* buffer_ = nullptr;
};

class BufferPool {
 public:
  // Keeps at most this many free bytes of each size class; the rest goes back to the system.
  explicit BufferPool(std::size_t keep_free_bytes = 8 * 1024 * 1024);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  BufferRef take(BufferSize size);  // never fails: out of memory ends the process
  std::size_t lent_bytes() const { return lent_bytes_; }
  std::size_t free_bytes() const { return free_bytes_[0] + free_bytes_[1]; }

 private:
  friend class BufferRef;
  void give_back(Buffer* buffer);
  std::vector<Buffer*> free_[2];
  std::size_t free_bytes_[2] = {0, 0};
  std::size_t lent_bytes_ = 0;
  std::size_t keep_free_bytes_;
};

inline void BufferRef::reset() {
  if (buffer_ && --buffer_->references == 0) buffer_->pool->give_back(buffer_);
  buffer_ = nullptr;
}

}  // namespace switchback::net
