#include "proxy/guard/client_table.hpp"

#include <sys/mman.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <bit>
#include <new>
#include <system_error>

#include "proxy/base/assert.hpp"

namespace switchback::guard {
namespace {

// An entry's word: tag (32) | changes (12) | connections (20). The count of changes makes a word
// that has come back to the same tag and count differ from what it was.
constexpr unsigned count_bits = 20, change_bits = 12;
constexpr std::uint64_t count_mask = (std::uint64_t{1} << count_bits) - 1;
constexpr std::uint64_t change_mask = (std::uint64_t{1} << change_bits) - 1;

constexpr std::uint32_t tag_in(std::uint64_t word) {
  return static_cast<std::uint32_t>(word >> (count_bits + change_bits));
}
constexpr std::uint64_t changes_in(std::uint64_t word) {
  return word >> count_bits & change_mask;
}
constexpr std::uint64_t count_in(std::uint64_t word) {
  return word & count_mask;
}
constexpr std::uint64_t changed(std::uint64_t word, std::uint32_t tag, std::uint64_t count) {
  const std::uint64_t changes = (changes_in(word) + 1) & change_mask;
  return std::uint64_t{tag} << (count_bits + change_bits) | changes << count_bits | count;
}

// A claim's word: tag (32) | slot (4) | the slot's changes when it was chosen (12) | number (15) |
// open (1). The number makes each claim differ from the ones before.
constexpr std::uint64_t open_claim = 1;
constexpr std::uint64_t number_mask = (std::uint64_t{1} << 15) - 1;

constexpr std::uint64_t make_claim(std::uint64_t before, std::uint32_t tag, std::size_t slot,
                                   std::uint64_t changes) {
  const std::uint64_t number = ((before >> 1) + 1) & number_mask;
  return std::uint64_t{tag} << 32 | std::uint64_t{slot} << 28 | changes << 16 | number << 1 |
         open_claim;
}

}  // namespace

HashKey random_hash_key() {
  HashKey key;
  if (::getentropy(key.data(), sizeof key) != 0) {
    throw std::system_error(errno, std::generic_category(), "getentropy");
  }
  return key;
}

net::IpBytes counted_as(const net::IpBytes& ip, unsigned ipv6_prefix) {
  static constexpr std::array<std::uint8_t, 12> v4_mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(v4_mapped.begin(), v4_mapped.end(), ip.begin())) return ip;
  net::IpBytes out{};
  const std::size_t whole = std::min<std::size_t>(ipv6_prefix / 8, out.size());
  std::copy_n(ip.begin(), whole, out.begin());
  if (whole < out.size()) {
    out[whole] = static_cast<std::uint8_t>(ip[whole] & (0xff00u >> (ipv6_prefix % 8)));
  }
  return out;
}

bool Rate::take(std::atomic<Nanos>& paid_at, Nanos now_ns) const {
  Nanos seen = paid_at.load(std::memory_order_relaxed);
  for (;;) {
    const Nanos next = std::max(seen, now_ns) + step_ns_;
    if (next - now_ns > burst_ns_) return false;
    if (paid_at.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return true;
  }
}

struct ClientTable::Entry {
  std::atomic<std::uint64_t> word{0};
  std::atomic<Nanos> connections_paid_at{0};
  std::atomic<Nanos> requests_paid_at{0};
  std::uint64_t unused = 0;  // half a cache line each

  bool at_rest(Nanos now_ns) const {
    return connections_paid_at.load() <= now_ns && requests_paid_at.load() <= now_ns;
  }
};

struct alignas(64) ClientTable::Neighbourhood {
  std::array<Entry, neighbourhood> entries;
  std::atomic<std::uint64_t> claim{0};
};

ClientTable::ClientTable(HashKey key, std::size_t entries) : key_(key) {
  const std::size_t places = std::bit_ceil(std::max<std::size_t>(1, entries / neighbourhood));
  mask_ = places - 1;
  // Fresh pages are zero, which is what an unused entry is, and cost nothing before they are used.
  void* memory = ::mmap(nullptr, places * sizeof(Neighbourhood), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  places_ = static_cast<Neighbourhood*>(memory);
}

ClientTable::~ClientTable() {
  ::munmap(places_, (mask_ + 1) * sizeof(Neighbourhood));
}

// Tags change here and nowhere else, one claim at a time in a neighbourhood; everybody who comes by
// an open claim finishes it. So a tag that was not there when a claim was opened is not there when
// it is carried out, and no address ever has two entries.
void ClientTable::help(Neighbourhood& place, std::uint64_t claim) {
  const auto tag = static_cast<std::uint32_t>(claim >> 32);
  Entry& entry = place.entries[claim >> 28 & 15];
  std::uint64_t word = entry.word.load();
  if (place.claim.load() != claim) return;  // over: what was read may be another claim's
  // Somebody's connection may have come to the entry since it was chosen; then nothing is done.
  if (changes_in(word) == (claim >> 16 & change_mask) && count_in(word) == 0) {
    entry.word.compare_exchange_strong(word, changed(word, tag, 0));
  }
  place.claim.compare_exchange_strong(claim, claim & ~open_claim);
}

ClientTable::Entry* ClientTable::find_or_claim(std::uint64_t hash, unsigned limit, Nanos now_ns,
                                               Verdict& verdict) {
  Neighbourhood& place = places_[hash & mask_];
  // Tag 0 is what unused entries have: nobody may find himself there.
  const auto tag = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(hash >> 32));
  for (;;) {
    const std::uint64_t claim = place.claim.load();
    if (claim & open_claim) {
      help(place, claim);
      continue;
    }
    Entry* found = nullptr;
    std::uint64_t word = 0;
    for (Entry& entry : place.entries) {
      word = entry.word.load();
      if (tag_in(word) != tag) continue;
      found = &entry;
      break;
    }
    if (found) {
      const std::uint64_t count = count_in(word);
      if (count == count_mask) break;
      if (limit != 0 && count >= limit) {
        verdict = Verdict::over_limit;
        return nullptr;
      }
      if (!found->word.compare_exchange_strong(word, changed(word, tag, count + 1))) continue;
      verdict = Verdict::counted;
      return found;
    }
    std::size_t slot = 0;
    for (; slot < neighbourhood; ++slot) {
      word = place.entries[slot].word.load();
      if (count_in(word) == 0 && place.entries[slot].at_rest(now_ns)) break;
    }
    if (slot == neighbourhood) break;
    std::uint64_t expected = claim;
    const std::uint64_t mine = make_claim(claim, tag, slot, changes_in(word));
    if (place.claim.compare_exchange_strong(expected, mine)) help(place, mine);
  }
  verdict = Verdict::no_room;
  return nullptr;
}

ClientTable::Admission ClientTable::enter(const net::IpBytes& counted_ip, unsigned limit, Rate rate,
                                          Nanos now_ns) {
  Admission out{Verdict::no_room};
  out.entry = find_or_claim(keyed_hash(key_, counted_ip), limit, now_ns, out.verdict);
  if (out.entry && rate.limited() && !rate.take(out.entry->connections_paid_at, now_ns)) {
    leave(*out.entry);
    return {Verdict::over_limit};
  }
  return out;
}

ClientTable::Admission ClientTable::join(const net::IpBytes& counted_ip, Nanos now_ns) {
  return enter(counted_ip, 0, {}, now_ns);
}

void ClientTable::leave(Entry& entry) {
  std::uint64_t word = entry.word.load();
  for (;;) {
    SB_ASSERT(count_in(word) > 0);
    if (entry.word.compare_exchange_weak(word, changed(word, tag_in(word), count_in(word) - 1))) {
      return;
    }
  }
}

bool ClientTable::take_request(Entry& entry, Rate rate, Nanos now_ns) {
  return !rate.limited() || rate.take(entry.requests_paid_at, now_ns);
}

ClientTable::Verdict ClientTable::take_request_of(const net::IpBytes& counted_ip, Rate rate,
                                                  Nanos now_ns) {
  const Admission got = join(counted_ip, now_ns);
  if (!got.entry) return got.verdict;
  const bool taken = take_request(*got.entry, rate, now_ns);
  leave(*got.entry);
  return taken ? Verdict::counted : Verdict::over_limit;
}

unsigned ClientTable::connections(const net::IpBytes& counted_ip) const {
  const std::uint64_t hash = keyed_hash(key_, counted_ip);
  const auto tag = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(hash >> 32));
  for (const Entry& entry : places_[hash & mask_].entries) {
    const std::uint64_t word = entry.word.load();
    if (tag_in(word) == tag) return static_cast<unsigned>(count_in(word));
  }
  return 0;
}

}  // namespace switchback::guard
