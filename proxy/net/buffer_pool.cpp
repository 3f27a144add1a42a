#include "proxy/net/buffer_pool.hpp"

#include <cstdlib>
#include <new>

#include "proxy/base/assert.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
// Under AddressSanitizer a buffer that lies in the pool is as forbidden as freed memory.
#define SB_POISON(at, bytes) __asan_poison_memory_region(at, bytes)
#define SB_UNPOISON(at, bytes) __asan_unpoison_memory_region(at, bytes)
#else
#define SB_POISON(at, bytes) static_cast<void>(0)
#define SB_UNPOISON(at, bytes) static_cast<void>(0)
#endif

namespace switchback::net {
namespace {

constexpr std::size_t bytes_of(BufferSize size) {
  return size == BufferSize::small ? small_buffer_bytes : large_buffer_bytes;
}

constexpr std::size_t index_of(BufferSize size) {
  return static_cast<std::size_t>(size);
}

}  // namespace

BufferPool::BufferPool(std::size_t keep_free_bytes) : keep_free_bytes_(keep_free_bytes) {
  // Room for every buffer that may be kept, so that giving one back never allocates.
  for (BufferSize size : {BufferSize::small, BufferSize::large}) {
    free_[index_of(size)].reserve(keep_free_bytes / bytes_of(size));
  }
}

BufferPool::~BufferPool() {
  SB_ASSERT(lent_bytes_ == 0);  // a BufferRef that outlives its pool would write to freed memory
  for (auto& list : free_) {
    for (Buffer* buffer : list) {
      SB_UNPOISON(buffer->data(), buffer->capacity);
      std::free(buffer);
    }
  }
}

BufferRef BufferPool::take(BufferSize size) {
  const std::size_t bytes = bytes_of(size);
  auto& list = free_[index_of(size)];
  lent_bytes_ += bytes;
  if (!list.empty()) {
    Buffer* buffer = list.back();
    list.pop_back();
    free_bytes_[index_of(size)] -= bytes;
    SB_UNPOISON(buffer->data(), bytes);
    buffer->references = 1;
    return BufferRef(buffer);
  }
  void* memory = std::malloc(sizeof(Buffer) + bytes);
  SB_ASSERT(memory != nullptr);
  return BufferRef(new (memory) Buffer{this, 1, size, bytes});
}

void BufferPool::give_back(Buffer* buffer) {
  const std::size_t bytes = buffer->capacity;
  const std::size_t index = index_of(buffer->size_class);
  lent_bytes_ -= bytes;
  if (free_bytes_[index] + bytes > keep_free_bytes_) {
    std::free(buffer);
    return;
  }
  free_bytes_[index] += bytes;
  free_[index].push_back(buffer);
  SB_POISON(buffer->data(), bytes);
}

}  // namespace switchback::net
