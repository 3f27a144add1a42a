// What is known of one name, and what an answer makes of it. Sans-IO: time and chance come in.
//
// Found: the addresses in force are those of the answer. A family (A, AAAA) whose question failed
// keeps what it had, so that a lost packet takes no server away.
// Failed (no answer, SERVFAIL, REFUSED, garbage): everything stays, for ever; asked again with
// back-off. Negative (no such name: RFC 2308 §2.1; or no address: §2.2): what is in force stays for
// a grace of max_ttl from the first such answer on, then the name is `gone`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/clock.hpp"
#include "proxy/dns/ip.hpp"

namespace switchback::dns {

inline constexpr std::size_t max_addresses = 128;  // in force for one name

enum class Outcome : std::uint8_t { found, no_address, no_such_name, failed };

struct FamilyAnswer {
  Outcome outcome = Outcome::failed;
  std::vector<Ip> addresses;  // not empty when found
  std::uint32_t ttl_s = 0;    // the smallest of the chain
  std::string error;          // of a failure, e.g. "timed out"
};

struct Answer {
  FamilyAnswer v4, v6;
};

struct Bounds {
  Nanos min_ttl_ns = 0;
  Nanos max_ttl_ns = 0;
};

struct NameStatus {
  std::vector<Ip> addresses;   // in force, sorted
  std::string error;           // of the newest answer; empty: it was good
  bool resolved = false;       // there has been a good answer
  bool trouble = false;        // worth somebody's attention: no such name, no address, never
                               // resolved, or failed three times in a row; a family that has given
                               // no address yet, beside one that has, is none
  bool gone = false;           // it had addresses once; negative for longer than the grace
  Nanos good_ns = 0;           // when the last good answer came; 0: never
  Nanos expires_ns = 0;        // end of that answer's TTL, as bounded
  Nanos ask_ns = 0;            // when it is asked next
  std::uint64_t lookups = 0;   // answered or given up
  std::uint64_t failures = 0;  // of them, those without a full and good answer
  std::uint64_t changes = 0;   // times the addresses in force became others
  std::uint64_t left_out = 0;  // addresses of the newest answer over max_addresses
};

class NameEntry {
 public:
  const NameStatus& status() const { return status_; }
  void ask_at(Nanos when_ns) { status_.ask_ns = when_ns; }
  // `chance` in [0, 1). True when addresses, error, `trouble` or `gone` have changed.
  bool conclude(Answer answer, const Bounds& bounds, Nanos now_ns, double chance);

 private:
  bool loses_nothing(const Answer& answer) const;
  void adopt(const Answer& answer, const Bounds& bounds, Nanos now_ns, double chance);
  void note_negative(const Bounds& bounds, Nanos now_ns);
  void put_in_force(std::vector<Ip> next);
  Nanos back_off(const Bounds& bounds, double chance);

  NameStatus status_;
  Nanos negative_since_ns_ = 0;  // 0: the newest decisive answer was good
  unsigned in_a_row_ = 0;        // answers that were not good
};

}  // namespace switchback::dns
