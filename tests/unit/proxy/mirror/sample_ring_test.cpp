// The ring of differences: the newest stay, and no reader ever sees half of one.
#include "proxy/mirror/sample_ring.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "tests/support/catch.hpp"

using namespace switchback;
using mirror::Sample;
using mirror::SampleRing;

namespace {

// Everything in it says the same number.
Sample sample_of(std::int64_t n) {
  Sample sample{};
  sample.wall_us = n;
  sample.bytes[0] = sample.bytes[1] = static_cast<std::uint64_t>(n);
  sample.hash[0] = sample.hash[1] = static_cast<std::uint64_t>(n);
  std::memset(sample.target, static_cast<int>(n & 0xff), sizeof sample.target);
  return sample;
}

bool whole(const Sample& sample) {
  const auto n = static_cast<std::uint64_t>(sample.wall_us);
  return sample.bytes[0] == n && sample.hash[1] == n &&
         std::all_of(std::begin(sample.target), std::end(sample.target),
                     [n](char c) { return static_cast<unsigned char>(c) == (n & 0xff); });
}

}  // namespace

TEST_CASE("the newest are kept, and nothing before the first") {
  const auto ring = std::make_unique<SampleRing>();
  std::vector<Sample> read;
  ring->read(read);
  CHECK(read.empty());
  ring->push(sample_of(1));
  ring->read(read);
  REQUIRE(read.size() == 1);
  CHECK(read[0].wall_us == 1);
  for (int i = 2; i <= 200; ++i) ring->push(sample_of(i));
  read.clear();
  ring->read(read);
  REQUIRE(read.size() == SampleRing::size);
  for (const Sample& sample : read) CHECK(sample.wall_us > 200 - 64);
}

TEST_CASE("a reader beside the writer sees whole samples only") {
  const auto ring = std::make_unique<SampleRing>();
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::int64_t n = 1; !stop; ++n) ring->push(sample_of(n));
  });
  std::size_t seen = 0, torn = 0;
  while (seen < 100'000) {  // the writer comes first, or there is nothing to see
    std::vector<Sample> read;
    ring->read(read);
    seen += read.size();
    torn += static_cast<std::size_t>(
        std::count_if(read.begin(), read.end(), [](const Sample& s) { return !whole(s); }));
  }
  stop = true;
  writer.join();
  CHECK(seen > 0);
  CHECK(torn == 0);
}

TEST_CASE("what is too long is cut") {
  char into[4];
  CHECK(mirror::put(into, "ab") == 2);
  CHECK(mirror::put(into, "abcdef") == 4);
  CHECK(std::string_view(into, 4) == "abcd");
}
