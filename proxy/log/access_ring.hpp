// Inside of AccessRing: a byte ring for one producer (a worker) and one consumer (the log's
// thread).
//
// Each record is a header and its texts in one piece, 8-byte aligned; one that would reach over the
// end of the ring starts at its front, after a filler. Positions only grow; the ring's size is a
// power of two. The producer publishes by a release store of `head`, the consumer gives room back
// by one of `tail`.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "proxy/log/access_log.hpp"

namespace switchback::log {

inline constexpr std::size_t max_text_bytes = 1024;
inline constexpr std::size_t max_target_bytes = 2048;

struct AccessRing::Impl {
  explicit Impl(std::size_t bytes);

  bool push(const AccessRecord& record);
  // Calls `take` with each record now there, oldest first, until it returns false (that record
  // counts as taken). Views in the record live during the call. Returns how many were taken.
  template <class Take>
  std::size_t consume(Take take);
  bool empty() const {
    return head.load(std::memory_order_acquire) == tail.load(std::memory_order_relaxed);
  }

  const std::size_t size;
  const std::unique_ptr<std::byte[]> bytes;
  int wake_fd = -1;      // eventfd of the consumer; -1: nobody to wake
  bool discard = false;  // access log off: records vanish
  // A wake-up is on its way: so a full ring costs one system call, not one a record.
  std::atomic<bool> woken{false};

  // Producer's line.
  alignas(64) std::atomic<std::uint64_t> head{0};
  std::uint64_t tail_seen = 0;
  // Consumer's line.
  alignas(64) std::atomic<std::uint64_t> tail{0};

 private:
  std::byte* reserve(std::size_t need, std::uint64_t& at);
  void wake_when_half_full(std::uint64_t at);
  static AccessRecord decode(const std::byte* at);
  static std::uint32_t length_at(const std::byte* at, bool& filler);
};

template <class Take>
std::size_t AccessRing::Impl::consume(Take take) {
  std::size_t taken = 0;
  std::uint64_t at = tail.load(std::memory_order_relaxed);
  const std::uint64_t end = head.load(std::memory_order_acquire);
  bool more = true;
  while (at != end && more) {
    const std::byte* record = bytes.get() + (at & (size - 1));
    bool filler = false;
    const std::uint32_t length = length_at(record, filler);
    if (!filler) {
      more = take(decode(record));
      ++taken;
    }
    at += length;
    tail.store(at, std::memory_order_release);
  }
  return taken;
}

}  // namespace switchback::log
