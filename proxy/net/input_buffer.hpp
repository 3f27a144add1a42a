// A window of received, not yet consumed bytes in a lent buffer.
//
// Holds a buffer only while there is something in it (or a read is under way): release_if_empty()
// after each turn is what keeps idle connections free of buffers.
#pragma once

#include <cstring>

#include "proxy/base/assert.hpp"
#include "proxy/net/buffer_pool.hpp"

namespace switchback::net {

class InputBuffer {
 public:
  char* data() const { return buffer_.data() + begin_; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return end_ == begin_; }
  BufferRef& owner() { return buffer_; }
  bool held() const { return static_cast<bool>(buffer_); }

  // Makes room for a read of at least one byte: takes a buffer, moves what is left to its front, or
  // grows from small to large. False: the largest buffer is full.
  bool prepare(BufferPool& pool, BufferSize wanted) {
    if (!buffer_) {
      buffer_ = pool.take(wanted);
      begin_ = end_ = 0;
      return true;
    }
    if (begin_ == end_ && buffer_.unique()) begin_ = end_ = 0;
    if (end_ < buffer_.capacity()) return true;
    if (begin_ > 0 && buffer_.unique()) {
      std::memmove(buffer_.data(), data(), size());
      end_ -= begin_;
      begin_ = 0;
      return true;
    }
    return grow(pool);
  }
  // The same for `bytes` at once. False: they do not fit into the largest buffer.
  bool prepare_more(BufferPool& pool, std::size_t bytes) {
    if (room_size() >= bytes) return true;
    if (size() + bytes > large_buffer_bytes) return false;
    if (begin_ > 0 && buffer_.unique() && size() + bytes <= buffer_.capacity()) {
      std::memmove(buffer_.data(), data(), size());
      end_ -= begin_;
      begin_ = 0;
      return true;
    }
    return grow(pool);
  }
  char* room() const { return buffer_.data() + end_; }
  std::size_t room_size() const { return buffer_.capacity() - end_; }
  void commit(std::size_t bytes) { end_ += static_cast<std::uint32_t>(bytes); }
  void consume(std::size_t bytes) {
    SB_ASSERT(bytes <= size());
    begin_ += static_cast<std::uint32_t>(bytes);
  }
  void release() {
    buffer_.reset();
    begin_ = end_ = 0;
  }
  void release_if_empty() {
    if (buffer_ && empty()) release();
  }
  void take_over(InputBuffer& from) {
    buffer_ = std::move(from.buffer_);
    begin_ = from.begin_;
    end_ = from.end_;
    from.begin_ = from.end_ = 0;
  }

 private:
  bool grow(BufferPool& pool) {
    if (size() >= large_buffer_bytes) return false;
    BufferRef larger = pool.take(BufferSize::large);
    std::memcpy(larger.data(), data(), size());
    end_ -= begin_;
    begin_ = 0;
    buffer_ = std::move(larger);
    return true;
  }
  BufferRef buffer_;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
};

}  // namespace switchback::net
