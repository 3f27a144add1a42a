#include "proxy/stats/counters.hpp"

#include "tests/support/catch.hpp"

using namespace switchback;
using stats::Histogram;

TEST_CASE("every bucket holds exactly what lies between its neighbours' bounds") {
  std::uint64_t lowest = 0;
  for (std::size_t b = 0; b < Histogram::bucket_count; ++b) {
    const auto highest = Histogram::upper_bound_us(b);
    REQUIRE(highest >= lowest);
    REQUIRE(Histogram::bucket_of(lowest) == b);
    REQUIRE(Histogram::bucket_of(highest) == b);
    // Reading a value back as its bucket's bound is at most 12.5 % too much.
    REQUIRE((highest - lowest) * 8 <= lowest);
    lowest = highest + 1;
  }
  CHECK(lowest == std::uint64_t{1} << 28);
  CHECK(Histogram::bucket_of(lowest) == Histogram::bucket_count - 1);
  CHECK(Histogram::bucket_of(UINT64_MAX) == Histogram::bucket_count - 1);
}

TEST_CASE("recorded durations are counted in microseconds") {
  Histogram h;
  h.record(-5);  // a clock read before another: counts as nothing
  h.record(999);
  h.record(1'000'000);  // 1 ms
  h.record(1'001'999);
  CHECK(h.bucket(0) == 2);
  CHECK(h.bucket(Histogram::bucket_of(1000)) == 2);
  CHECK(h.sum_us() == 2001);
}

TEST_CASE("counters and gauges add up") {
  stats::Counter c;
  c.add();
  c.add(4);
  CHECK(c.read() == 5);
  stats::Gauge g;
  g.add(2);
  g.add(-3);
  CHECK(g.read() == -1);
}
