// One side's answer, remembered as what can be compared: status, a hash of each chosen field, the
// body's length and hash, when its head came. Nothing of the answer itself is kept.
//
// The hash is XXH3-64: fast enough for every byte (memory's own speed), and not for secrets: a
// server that wants to look equal can.
#pragma once

#define XXH_STATIC_LINKING_ONLY  // for the state's size
#include <xxhash.h>

#include <array>
#include <string>
#include <vector>

#include "proxy/exchange/ports.hpp"
#include "proxy/mirror/verdict.hpp"

namespace switchback::mirror {

inline constexpr std::size_t max_headers = 32;  // of mirror.headers
inline constexpr std::uint8_t no_header = 0xff;

class Answer {
 public:
  void reset();
  // `names`: at most max_headers are looked at.
  void add_head(const http::ResponseHead& head, const std::vector<std::string>& names,
                Nanos now_ns);
  void add_body(const exchange::BodyPiece& piece);

  bool has_head() const { return status_ != 0; }
  bool ended() const { return ended_; }
  unsigned status() const { return status_; }
  Nanos head_ns() const { return head_ns_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t body_hash() const;

 private:
  friend struct Comparison;
  // Initialised by reset(), which looks at what matters only.
  alignas(64) XXH3_state_t hash_;
  std::array<std::uint64_t, max_headers> headers_;  // all values of a name in order; 0: absent
  std::uint64_t bytes_ = 0;
  Nanos head_ns_ = 0;
  std::uint16_t status_ = 0;
  std::uint8_t header_count_ = 0;
  bool ended_ = false;
};

// Of two answers that have both ended. `header`: index of the first name that differs.
struct Comparison {
  Comparison(const Answer& original, const Answer& copy);
  Verdict verdict = Verdict::equal;
  std::uint8_t header = no_header;
};

}  // namespace switchback::mirror
