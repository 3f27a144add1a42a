// The newest differences of one worker: written without waiting, read by any thread at any time.
//
// A slot is a sequence lock over words: odd while it is written. A reader that was overtaken tries
// again and then leaves the slot out; the writer never waits and never knows.
// Privacy: no value of a field and nothing of a body is ever in here; the target is.
#pragma once

#include <array>
#include <atomic>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

#include "proxy/mirror/verdict.hpp"

namespace switchback::mirror {

// [0] is the original's, [1] the copy's.
struct Sample {
  std::int64_t wall_us;  // when both had ended
  std::uint64_t bytes[2];
  std::uint64_t hash[2];
  Nanos latency_ns[2];      // to the answer's head; 0: there was none
  std::uint16_t status[2];  // 0: no answer
  std::uint16_t target_size;
  Verdict verdict;
  Fault fault;  // with copy_failed
  bool slower;
  std::uint8_t header;  // index in the run's names, or no_header
  std::uint8_t method_size;
  std::uint8_t id_size;
  char method[16];
  char id[40];       // the original's X-Request-Id, to find both in the logs
  char target[256];  // cut when longer
};
static_assert(std::is_trivially_copyable_v<Sample>);

class SampleRing {
 public:
  static constexpr std::size_t size = 64;

  void push(const Sample& sample);            // one thread
  void read(std::vector<Sample>& out) const;  // any thread; appends, in no order

 private:
  static constexpr std::size_t words = (sizeof(Sample) + 7) / 8;
  struct Slot {
    std::atomic<std::uint64_t> sequence{0};  // 0: never written
    std::array<std::atomic<std::uint64_t>, words> data{};
  };
  static bool read(const Slot& slot, Sample& out);
  std::array<Slot, size> slots_;
  std::size_t next_ = 0;
};

// Copies as much of `text` as fits; returns how much that was.
template <std::size_t N>
std::size_t put(char (&into)[N], std::string_view text) {
  const std::size_t size = text.size() < N ? text.size() : N;
  std::memcpy(into, text.data(), size);
  return size;
}

}  // namespace switchback::mirror
