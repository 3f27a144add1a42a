// Counters and histograms: one shard per worker, written by that worker only, read by anybody.
//
// A write is a relaxed load and store (no lock prefix, no shared cache line). Readers add shards.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "proxy/base/clock.hpp"
#include "proxy/base/color.hpp"
#include "proxy/http/lapse.hpp"
#include "proxy/http/reject.hpp"
#include "proxy/stats/outcome_ring.hpp"
#include "proxy/tls/failure.hpp"

namespace switchback::stats {

class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void add(std::int64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::int64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Log-linear: one bucket per microsecond below 8, then 8 sub-buckets per power of two, to 268 s
// (2^28 µs); so a value read back is at most 12.5 % too high. The last bucket holds what is longer.
class Histogram {
 public:
  static constexpr std::size_t bucket_count = 8 + 25 * 8;

  static constexpr std::size_t bucket_of(std::uint64_t micros) {
    if (micros < 8) return static_cast<std::size_t>(micros);
    const auto octave = static_cast<std::size_t>(std::bit_width(micros)) - 4;  // 0 for 8..15
    if (octave >= 25) return bucket_count - 1;
    return 8 + octave * 8 + (static_cast<std::size_t>(micros >> octave) & 7);
  }

  // The largest number of microseconds that falls into the bucket (inclusive, as Prometheus' `le`).
  static constexpr std::uint64_t upper_bound_us(std::size_t bucket) {
    if (bucket < 8) return bucket;
    const std::size_t octave = (bucket - 8) / 8;
    const std::uint64_t sub = (bucket - 8) % 8;
    return ((8 + sub + 1) << octave) - 1;
  }

  void record(Nanos duration) {
    const auto us = duration <= 0 ? 0 : static_cast<std::uint64_t>(duration) / 1000;
    buckets_[bucket_of(us)].add();
    sum_us_.add(us);
  }
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].read(); }
  std::uint64_t sum_us() const { return sum_us_.read(); }

 private:
  std::array<Counter, bucket_count> buckets_;
  Counter sum_us_;
};

// Tunnels of one color. Arrays: by the side told or asked, the client's first.
struct TunnelStats {
  Counter begun;
  std::array<Counter, 2> closes_sent;      // Close frames of the proxy's own
  std::array<Counter, 2> closes_answered;  // by a Close of that side's own
  Counter cut;                             // at the cap behind the Close, or at the process's end
  Counter not_followed;                    // WebSockets whose frames broke the rules
};

// Per worker, service and color.
struct ColorStats {
  Counter requests;                        // exchanges begun
  std::array<Counter, 6> by_status_class;  // [1..5]: 1xx.. 5xx final answers; [0]: none sent
  Counter retries;
  Counter connects, connect_failures;
  Counter queued;       // waited for a connection to a server
  Gauge queue_waiting;  // waiting now
  Counter queue_timeouts;
  Counter queue_moved;          // of them, gone to the other color at a flip
  Counter bytes_in, bytes_out;  // bodies, from and to clients
  Histogram total;              // head complete .. answer handed over
  Histogram first_byte;         // .. response head
  Histogram queue_wait;         // each wait for a connection, however it ended
  TunnelStats tunnels;
};

// Per worker and service (both colors), for what happens before a color is chosen.
struct ServiceStats {
  std::array<ColorStats, 2> color;
  OutcomeRingHolder outcomes;  // bad ones, where releases are judged
  Counter paused_total;        // requests that waited at the door
  Gauge waiting;               // waiting now
};

// Per worker: TLS towards clients.
struct TlsStats {
  Counter handshakes_1_2, handshakes_1_3;  // completed; resumed ones among them
  Counter resumed;
  std::array<Counter, static_cast<std::size_t>(tls::Failure::count_)> failures;
  Gauge handshaking;  // connections between accept and the end of their handshake
  Counter waits;      // turns of the loop that left handshakes for the next one
};

// Per worker.
struct WorkerStats {
  Counter connections;  // accepted
  Gauge open_connections;
  Counter accept_pauses;                     // out of descriptors
  Counter evicted_clients, evicted_servers;  // idle connections closed for want of descriptors
  Counter ceiling_waits;                     // times accepting stopped at clients.max_connections
  Counter uncounted_clients;  // connections that found no room in the table of clients
  // Own answers and early ends, by http::Reason.
  std::array<Counter, static_cast<std::size_t>(http::Reason::count_)> reasons;
  std::array<Counter, http::lapse_count> lapses;  // forgiven to servers, by http::Lapse
  TlsStats tls;
  Counter access_dropped;       // access records that did not fit
  Counter spliced_bytes;        // of bodies that passed through pipes
  Counter pipes_refused;        // none was left, or descriptors were scarce: copied instead
  Counter private_connections;  // to servers that tied an identity to them
  Gauge upstream_idle;          // kept-alive connections to servers
  Counter server_handshakes, server_handshakes_resumed, server_handshake_failures;  // TLS
};

}  // namespace switchback::stats
