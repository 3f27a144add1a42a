#include "proxy/guard/client_table.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/catch.hpp"

using namespace switchback;
using guard::ClientTable;
using guard::Rate;
using Verdict = ClientTable::Verdict;

namespace {
constexpr Nanos second = 1'000'000'000;
constexpr Nanos start = 1'000 * second;
constexpr guard::HashKey fixed_key{0x0706050403020100, 0x0f0e0d0c0b0a0908};

net::IpBytes v4(unsigned n) {
  return {0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0xff,
          0xff,
          10,
          static_cast<std::uint8_t>(n >> 16),
          static_cast<std::uint8_t>(n >> 8),
          static_cast<std::uint8_t>(n)};
}

// What the limits mean, said as simply as possible.
struct Client {
  std::deque<ClientTable::Entry*> open;
  std::deque<Nanos> connects, requests;  // that were allowed
};

// GCRA allows an event exactly when the bucket it drains has room: recomputed from all history.
bool model_allows(const std::deque<Nanos>& history, unsigned per_second, Nanos now) {
  if (per_second == 0) return true;
  const Nanos step = second / per_second;
  Nanos paid_at = 0;
  for (const Nanos at : history) paid_at = std::max(paid_at, at) + step;
  return std::max(paid_at, now) + step - now <= step * per_second;
}
}  // namespace

TEST_CASE("the hash is SipHash-1-3", "[guard]") {
  // As Python 3.11 hashes bytes with PYTHONHASHSEED=0, an implementation that is not ours.
  std::array<std::uint8_t, 16> low, high;
  for (std::size_t i = 0; i < 16; ++i) {
    low[i] = static_cast<std::uint8_t>(i);
    high[i] = static_cast<std::uint8_t>(100 + i);
  }
  CHECK(guard::keyed_hash({0, 0}, low) == 0x8972188433a5c5b7);
  CHECK(guard::keyed_hash({0, 0}, high) == 0x1a2b8f844456dfb0);
  CHECK(guard::keyed_hash(fixed_key, low) != guard::keyed_hash({1, 2}, low));
  std::map<std::uint64_t, int> seen;
  for (unsigned n = 0; n < 10'000; ++n) ++seen[guard::keyed_hash(fixed_key, v4(n))];
  CHECK(seen.size() == 10'000);
  CHECK(guard::random_hash_key() != guard::random_hash_key());
}

TEST_CASE("IPv4 addresses count each, IPv6 by network", "[guard]") {
  CHECK(guard::counted_as(v4(7), 64) == v4(7));
  CHECK(guard::counted_as(v4(7), 1) == v4(7));
  net::IpBytes a{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9};
  net::IpBytes b = a;
  b[15] = 10;
  CHECK(guard::counted_as(a, 64) == guard::counted_as(b, 64));
  CHECK(guard::counted_as(a, 128) != guard::counted_as(b, 128));
  CHECK(guard::counted_as(a, 126) == guard::counted_as({a}, 126));
  b = a;
  b[7] = 2;
  CHECK(guard::counted_as(a, 64) != guard::counted_as(b, 64));
  b[7] = 0;  // 1 and 0 differ in the last bit of /64
  CHECK(guard::counted_as(a, 63) == guard::counted_as(b, 63));
}

TEST_CASE("a second's worth may come at once, then one at a time", "[guard]") {
  const unsigned per_second = GENERATE(1u, 3u, 10u, 999u);
  const Rate rate(per_second);
  std::atomic<Nanos> paid_at{0};
  unsigned passed = 0;
  for (unsigned i = 0; i < 3 * per_second; ++i) passed += rate.take(paid_at, start);
  CHECK(passed == per_second);
  const Nanos step = second / per_second;
  CHECK_FALSE(rate.take(paid_at, start + step - 1));
  CHECK(rate.take(paid_at, start + step));
  CHECK_FALSE(rate.take(paid_at, start + step));
  passed = 0;  // rest is not saved up beyond a second's worth
  for (unsigned i = 0; i < 3 * per_second; ++i) passed += rate.take(paid_at, start + 100 * second);
  CHECK(passed == per_second);
  CHECK_FALSE(Rate().limited());
  CHECK_FALSE(Rate(0).limited());
}

TEST_CASE("connections are counted, refused over the limit, and given back", "[guard]") {
  ClientTable table(fixed_key, 64);
  auto a = table.enter(v4(1), 2, {}, start), b = table.enter(v4(1), 2, {}, start);
  REQUIRE(a.verdict == Verdict::counted);
  CHECK(a.entry == b.entry);
  CHECK(table.enter(v4(1), 2, {}, start).verdict == Verdict::over_limit);
  CHECK(table.enter(v4(2), 2, {}, start).verdict == Verdict::counted);
  CHECK(table.connections(v4(1)) == 2);
  ClientTable::leave(*a.entry);
  CHECK(table.enter(v4(1), 2, {}, start).verdict == Verdict::counted);
  CHECK(table.join(v4(1), start).verdict == Verdict::counted);  // no limit holds for what is there
  CHECK(table.connections(v4(1)) == 3);
}

TEST_CASE("a connection refused for its rate holds nothing", "[guard]") {
  ClientTable table(fixed_key, 64);
  const Rate rate(2);
  CHECK(table.enter(v4(1), 0, rate, start).verdict == Verdict::counted);
  CHECK(table.enter(v4(1), 0, rate, start).verdict == Verdict::counted);
  CHECK(table.enter(v4(1), 0, rate, start).verdict == Verdict::over_limit);
  CHECK(table.connections(v4(1)) == 2);
  CHECK(table.enter(v4(1), 0, rate, start + second / 2).verdict == Verdict::counted);
}

TEST_CASE("a full neighbourhood lets everybody else pass, and is free again when at rest",
          "[guard]") {
  ClientTable table(fixed_key, 16);
  REQUIRE(table.capacity() == 16);
  std::vector<ClientTable::Entry*> entries;
  for (unsigned n = 0; n < 16; ++n) {
    const auto got = table.enter(v4(n), 5, Rate(5), start);
    REQUIRE(got.verdict == Verdict::counted);
    entries.push_back(got.entry);
  }
  CHECK(table.enter(v4(99), 5, Rate(5), start).verdict == Verdict::no_room);
  CHECK(table.enter(v4(3), 5, Rate(5), start).verdict == Verdict::counted);  // who is there stays
  ClientTable::leave(*entries[0]);
  // Its rate still remembers it: were it forgotten, a new burst would be free.
  CHECK(table.enter(v4(99), 5, Rate(5), start).verdict == Verdict::no_room);
  const auto late = table.enter(v4(99), 5, Rate(5), start + second);
  CHECK(late.verdict == Verdict::counted);
  CHECK(table.connections(v4(0)) == 0);
  CHECK(table.connections(v4(99)) == 1);
}

TEST_CASE("a table does what its model does", "[guard]") {
  const unsigned seed = GENERATE(1u, 2u, 3u, 4u);
  const unsigned limit = GENERATE(0u, 1u, 4u), connect_rate = GENERATE(0u, 3u);
  constexpr unsigned request_rate = 5, addresses = 60;
  std::mt19937 random(seed);
  ClientTable table(fixed_key, 4096);
  std::map<unsigned, Client> model;
  Nanos now = start;
  for (int step = 0; step < 3000; ++step) {
    now += random() % (second / 20);
    const unsigned who = random() % addresses;
    Client& client = model[who];
    switch (random() % 4) {
      case 0:
      case 1: {
        const auto got = table.enter(v4(who), limit, Rate(connect_rate), now);
        const bool wanted = (limit == 0 || client.open.size() < limit) &&
                            model_allows(client.connects, connect_rate, now);
        REQUIRE(got.verdict == (wanted ? Verdict::counted : Verdict::over_limit));
        if (!wanted) break;
        client.open.push_back(got.entry);
        client.connects.push_back(now);
        break;
      }
      case 2:
        if (client.open.empty()) break;
        ClientTable::leave(*client.open.front());
        client.open.pop_front();
        break;
      default:
        if (client.open.empty()) break;
        const bool wanted = model_allows(client.requests, request_rate, now);
        REQUIRE(ClientTable::take_request(*client.open.front(), Rate(request_rate), now) == wanted);
        if (wanted) client.requests.push_back(now);
    }
    REQUIRE(table.connections(v4(who)) == client.open.size());
  }
}

TEST_CASE("a crowded table never counts wrong", "[guard]") {
  // Three times as many addresses as entries: entries change hands all the time.
  std::mt19937 random(GENERATE(11u, 12u, 13u));
  ClientTable table(fixed_key, 16);
  std::map<unsigned, Client> model;
  Nanos now = start;
  int full = 0, recycled = 0;
  for (int step = 0; step < 20'000; ++step) {
    now += random() % second;
    const unsigned who = random() % 48;
    Client& client = model[who];
    if (random() % 2 && !client.open.empty()) {
      ClientTable::leave(*client.open.front());
      client.open.pop_front();
      continue;
    }
    const auto got = table.enter(v4(who), 2, Rate(4), now);
    if (got.verdict == Verdict::no_room) {
      REQUIRE(client.open.empty());  // who has an entry is always found
      ++full;
    } else if (got.verdict == Verdict::counted) {
      REQUIRE(client.open.size() < 2);
      recycled += client.open.empty();
      client.open.push_back(got.entry);
    }
    for (const auto& [n, other] : model) {
      if (!other.open.empty()) REQUIRE(table.connections(v4(n)) == other.open.size());
    }
  }
  CHECK(full > 100);
  CHECK(recycled > 100);
}

TEST_CASE("threads never count past a limit, and lose nothing", "[guard]") {
  constexpr unsigned threads = 6, addresses = 24, limit = 3;
  ClientTable table(fixed_key, 16);  // one neighbourhood, always contended, entries recycled
  std::array<std::atomic<int>, addresses> open{};
  std::atomic<int> worst{0}, counted{0};
  std::vector<std::thread> all;
  for (unsigned t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      std::mt19937 random(t);
      std::vector<std::pair<unsigned, ClientTable::Entry*>> mine;
      for (int step = 0; step < 4000; ++step) {
        const unsigned who = random() % addresses;
        const auto got = table.enter(v4(who), limit, {}, start + step);
        if (got.verdict == Verdict::counted) {
          counted.fetch_add(1);
          const int now_open = open[who].fetch_add(1) + 1;
          int seen = worst.load();
          while (now_open > seen && !worst.compare_exchange_weak(seen, now_open)) {
          }
          mine.emplace_back(who, got.entry);
        }
        while (mine.size() > random() % 4) {
          open[mine.back().first].fetch_sub(1);
          ClientTable::leave(*mine.back().second);
          mine.pop_back();
        }
      }
      for (const auto& [who, entry] : mine) {
        open[who].fetch_sub(1);
        ClientTable::leave(*entry);
      }
    });
  }
  for (std::thread& thread : all) thread.join();
  CHECK(counted.load() > 1000);
  CHECK(worst.load() <= static_cast<int>(limit));
  for (unsigned n = 0; n < addresses; ++n) CHECK(table.connections(v4(n)) == 0);
  // And no entry was lost or doubled: all sixteen can be had again, by anybody.
  for (unsigned n = 100; n < 116; ++n) {
    CHECK(table.enter(v4(n), limit, {}, start + second).verdict == Verdict::counted);
  }
  CHECK(table.enter(v4(200), limit, {}, start + second).verdict == Verdict::no_room);
}

TEST_CASE("threads that come at the same instant share one burst", "[guard]") {
  constexpr unsigned threads = 4, per_second = 500;
  for (int round = 0; round < 20; ++round) {
    ClientTable table(fixed_key, 16);
    std::atomic<unsigned> passed{0}, connected{0};
    std::atomic<unsigned> ready{0};
    std::vector<std::thread> all;
    for (unsigned t = 0; t < threads; ++t) {
      all.emplace_back([&] {
        ready.fetch_add(1);
        while (ready.load() < threads) {
        }
        const auto got = table.enter(v4(1), threads - 1, {}, start);
        if (got.verdict != Verdict::counted) return;
        connected.fetch_add(1);
        for (unsigned i = 0; i < per_second; ++i) {
          passed.fetch_add(ClientTable::take_request(*got.entry, Rate(per_second), start));
        }
      });
    }
    for (std::thread& thread : all) thread.join();
    CHECK(connected.load() == threads - 1);  // never less: nobody is refused for nothing
    CHECK(passed.load() == per_second);
    CHECK(table.connections(v4(1)) == threads - 1);
  }
}
