#include "proxy/mirror/sample_ring.hpp"

namespace switchback::mirror {

void SampleRing::push(const Sample& sample) {
  Slot& slot = slots_[next_];
  next_ = (next_ + 1) % size;
  std::uint64_t copy[words] = {};
  std::memcpy(copy, &sample, sizeof sample);
  const std::uint64_t before = slot.sequence.load(std::memory_order_relaxed);
  slot.sequence.store(before + 1, std::memory_order_relaxed);
  // Released words, so that whoever sees one of them sees the odd number too.
  for (std::size_t i = 0; i < words; ++i) slot.data[i].store(copy[i], std::memory_order_release);
  slot.sequence.store(before + 2, std::memory_order_release);
}

bool SampleRing::read(const Slot& slot, Sample& out) {
  for (int attempt = 0; attempt < 4; ++attempt) {
    const std::uint64_t before = slot.sequence.load(std::memory_order_acquire);
    if (before == 0) return false;
    if (before % 2 != 0) continue;
    std::uint64_t copy[words];
    for (std::size_t i = 0; i < words; ++i) copy[i] = slot.data[i].load(std::memory_order_acquire);
    if (slot.sequence.load(std::memory_order_relaxed) != before) continue;
    std::memcpy(&out, copy, sizeof out);
    return true;
  }
  return false;
}

void SampleRing::read(std::vector<Sample>& out) const {
  Sample sample;
  for (const Slot& slot : slots_) {
    if (read(slot, sample)) out.push_back(sample);
  }
}

}  // namespace switchback::mirror
