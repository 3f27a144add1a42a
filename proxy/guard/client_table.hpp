// What each client address takes, counted exactly over all workers: one table of a fixed size, made
// of atomics. Nobody waits for anybody: no locks, every loop ends when another thread got further.
//
// Place: the keyed hash of the address (IPv6: of its network) chooses a neighbourhood of sixteen
// entries; 32 further bits of it are the entry's tag. Two clients share an entry, and so their
// limits, with a chance of 1 in 2^28 for each client, and nobody can bring that about on purpose.
// Pinning: an entry belongs to its address while a connection of it is open. Requests are counted
// on the connection's entry, without another look into the table.
// Recycling: an entry without connections whose rates are back at rest is free for the next address
// that hashes there. A neighbourhood without a free entry lets the client pass uncounted; the
// caller counts that.
// Rates are GCRA (ITU-T I.371): one word holds the time at which a client's debt is paid. A
// second's worth may come at once.
//
// Threads: any, for everything. Time is CLOCK_MONOTONIC as the caller read it; callers whose clocks
// differ are off by that difference, no more.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "proxy/base/clock.hpp"
#include "proxy/guard/keyed_hash.hpp"
#include "proxy/net/socket.hpp"

namespace switchback::guard {

// The address as it is counted: v4 whole, v6 cut to `ipv6_prefix` bits.
net::IpBytes counted_as(const net::IpBytes& ip, unsigned ipv6_prefix);

// So many a second, and as many at once after a second of rest.
class Rate {
 public:
  Rate() = default;
  explicit Rate(unsigned per_second)
      : step_ns_(per_second == 0 ? 0 : 1'000'000'000 / static_cast<Nanos>(per_second)),
        burst_ns_(step_ns_ * per_second) {}
  bool limited() const { return step_ns_ != 0; }
  // Takes one if there is one. `paid_at`: one client's word, shared by all threads.
  bool take(std::atomic<Nanos>& paid_at, Nanos now_ns) const;

 private:
  Nanos step_ns_ = 0;  // 0: no limit
  Nanos burst_ns_ = 0;
};

class ClientTable {
 public:
  struct Entry;

  enum class Verdict : std::uint8_t { counted, over_limit, no_room };
  struct Admission {
    Verdict verdict;
    Entry* entry = nullptr;  // counted: to be left once
  };

  // `entries`: rounded up to whole neighbourhoods and a power of two. 32 bytes each; memory that
  // was never used costs nothing.
  static constexpr std::size_t default_entries = 256 * 1024;
  explicit ClientTable(HashKey key = random_hash_key(), std::size_t entries = default_entries);
  ~ClientTable();
  ClientTable(const ClientTable&) = delete;
  ClientTable& operator=(const ClientTable&) = delete;

  // A new connection. `limit`: open at once, 0 is none.
  Admission enter(const net::IpBytes& counted_ip, unsigned limit, Rate rate, Nanos now_ns);
  // One that is there already, so no limit holds.
  Admission join(const net::IpBytes& counted_ip, Nanos now_ns);
  static void leave(Entry& entry);  // once for each `counted`

  // A request on a connection that was counted.
  static bool take_request(Entry& entry, Rate rate, Nanos now_ns);

  // A request of an address that may have no connection of its own (who named it has): a look into
  // the table for each.
  Verdict take_request_of(const net::IpBytes& counted_ip, Rate rate, Nanos now_ns);

  unsigned connections(const net::IpBytes& counted_ip) const;  // open now; for tests
  std::size_t capacity() const { return (mask_ + 1) * neighbourhood; }

 private:
  static constexpr std::size_t neighbourhood = 16;
  struct Neighbourhood;
  Entry* find_or_claim(std::uint64_t hash, unsigned limit, Nanos now_ns, Verdict& verdict);
  static void help(Neighbourhood& place, std::uint64_t claim);

  const HashKey key_;
  std::size_t mask_;
  Neighbourhood* places_;
};

}  // namespace switchback::guard
