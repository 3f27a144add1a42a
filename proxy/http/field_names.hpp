// Names of fields to ids by one hash and one comparison, inlined into the decoders.
//
// The table also holds frequent names without an id: a name found here needs no further check of
// its characters, since only letters are folded and every other byte is compared as it is.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "proxy/http/head.hpp"

namespace switchback::http {

namespace names {

// A name's bytes as words that overlap, so that no byte outside of it is read.
struct Key {
  std::uint64_t a = 0, b = 0, c = 0;
};

template <class Word>
constexpr Word load(const char* p) {
  if (std::is_constant_evaluated()) {
    Word word = 0;
    for (std::size_t i = 0; i < sizeof(Word); ++i)
      word |= static_cast<Word>(static_cast<unsigned char>(p[i])) << (8 * i);
    return word;
  }
  Word word;
  std::memcpy(&word, p, sizeof word);
  if constexpr (std::endian::native == std::endian::big) {
    Word turned = 0;
    for (std::size_t i = 0; i < sizeof(Word); ++i)
      turned = static_cast<Word>((turned << 8) | ((word >> (8 * i)) & 0xff));
    word = turned;
  }
  return word;
}

inline constexpr std::size_t min_size = 4, max_size = 24;  // te and via are told apart by hand

constexpr Key key_of(const char* p, std::size_t size) {
  if (size < 8) return {load<std::uint32_t>(p), load<std::uint32_t>(p + size - 4), 0};
  return {load<std::uint64_t>(p), load<std::uint64_t>(p + size - 8),
          size > 16 ? load<std::uint64_t>(p + 8) : 0};
}

constexpr Key fold_of(const char* lower, std::size_t size) {
  char fold[max_size] = {};
  for (std::size_t i = 0; i < size; ++i) fold[i] = lower[i] >= 'a' && lower[i] <= 'z' ? 0x20 : 0;
  return key_of(fold, size);
}

constexpr bool folded_equal(const Key& key, const Key& fold, const Key& lower) {
  return (((key.a | fold.a) ^ lower.a) | ((key.b | fold.b) ^ lower.b) |
          ((key.c | fold.c) ^ lower.c)) == 0;
}

inline constexpr unsigned table_bits = 8;

constexpr unsigned hash_of(const char* p, std::size_t size) {
  const std::uint32_t tail = load<std::uint32_t>(p + size - 4) | 0x20202020u;
  const std::uint32_t front = static_cast<unsigned char>(p[0]) | 0x20u;
  const std::uint32_t mixed =
      (tail + static_cast<std::uint32_t>(size) * 0x01000193u + (front << 11)) * 0xA916B24Du;
  return mixed >> (32 - table_bits);
}

struct Entry {
  Key lower, fold;        // fold: 0x20 where the name has a letter
  std::uint8_t size = 0;  // 0: empty slot
  FieldId id = FieldId::other;
};

struct Named {
  std::string_view name;
  FieldId id;
};

inline constexpr Named known[] = {
    {"host", FieldId::host},
    {"connection", FieldId::connection},
    {"keep-alive", FieldId::keep_alive},
    {"proxy-connection", FieldId::proxy_connection},
    {"trailer", FieldId::trailer},
    {"transfer-encoding", FieldId::transfer_encoding},
    {"upgrade", FieldId::upgrade},
    {"content-length", FieldId::content_length},
    {"expect", FieldId::expect},
    {"date", FieldId::date},
    {"server", FieldId::server},
    {"content-type", FieldId::content_type},
    {"cookie", FieldId::cookie},
    {"user-agent", FieldId::user_agent},
    {"referer", FieldId::referer},
    {"forwarded", FieldId::forwarded},
    {"x-forwarded-for", FieldId::x_forwarded_for},
    {"x-forwarded-proto", FieldId::x_forwarded_proto},
    {"x-forwarded-host", FieldId::x_forwarded_host},
    {"x-forwarded-port", FieldId::x_forwarded_port},
    {"x-real-ip", FieldId::x_real_ip},
    {"x-request-id", FieldId::x_request_id},
    {"traceparent", FieldId::traceparent},
    {"tracestate", FieldId::tracestate},
    {"max-forwards", FieldId::max_forwards},
    {"authorization", FieldId::authorization},
    {"location", FieldId::location},
    {"retry-after", FieldId::retry_after},
    {"proxy-authorization", FieldId::proxy_authorization},
    {"proxy-authenticate", FieldId::proxy_authenticate},
    {"sec-websocket-key", FieldId::sec_websocket_key},
    {"http2-settings", FieldId::http2_settings},
    {"www-authenticate", FieldId::www_authenticate},
    // Frequent, and nothing to the proxy.
    {"accept", FieldId::other},
    {"accept-encoding", FieldId::other},
    {"accept-language", FieldId::other},
    {"accept-ranges", FieldId::other},
    {"cache-control", FieldId::other},
    {"content-encoding", FieldId::other},
    {"etag", FieldId::other},
    {"expires", FieldId::other},
    {"if-modified-since", FieldId::other},
    {"if-none-match", FieldId::other},
    {"last-modified", FieldId::other},
    {"origin", FieldId::other},
    {"pragma", FieldId::other},
    {"priority", FieldId::other},
    {"range", FieldId::other},
    {"sec-ch-ua", FieldId::other},
    {"sec-ch-ua-mobile", FieldId::other},
    {"sec-ch-ua-platform", FieldId::other},
    {"sec-fetch-dest", FieldId::other},
    {"sec-fetch-mode", FieldId::other},
    {"sec-fetch-site", FieldId::other},
    {"sec-fetch-user", FieldId::other},
    {"set-cookie", FieldId::other},
    {"vary", FieldId::other},
    {"x-requested-with", FieldId::other},
};

using Table = std::array<Entry, std::size_t{1} << table_bits>;

constexpr Table make_table() {
  Table table{};
  for (const Named& named : known) {
    Entry& entry = table[hash_of(named.name.data(), named.name.size())];
    if (entry.size != 0) throw "two names share a slot: change the multiplier in hash_of";
    entry.lower = key_of(named.name.data(), named.name.size());
    entry.fold = fold_of(named.name.data(), named.name.size());
    entry.size = static_cast<std::uint8_t>(named.name.size());
    entry.id = named.id;
  }
  return table;
}

inline constexpr Table table = make_table();

// The entry of a name, or nullptr. Reads nothing outside of [p, p + size).
inline const Entry* lookup(const char* p, std::size_t size) {
  if (size < min_size || size > max_size) return nullptr;
  const Entry& entry = table[hash_of(p, size)];
  if (entry.size != size) return nullptr;
  return folded_equal(key_of(p, size), entry.fold, entry.lower) ? &entry : nullptr;
}

// A fixed lower-case text of 4 to 24 characters, to compare with in one go.
template <std::size_t N>
struct Text {
  char data[N] = {};
  constexpr Text(const char (&text)[N]) {
    for (std::size_t i = 0; i < N; ++i) data[i] = text[i];
  }
};

// Whether `text` is `Lower` but for case.
template <Text Lower>
inline bool is(std::string_view text) {
  constexpr std::size_t size = sizeof Lower.data - 1;
  static_assert(size >= min_size && size <= max_size);
  constexpr Key lower = key_of(Lower.data, size), fold = fold_of(Lower.data, size);
  return text.size() == size && folded_equal(key_of(text.data(), size), fold, lower);
}

inline FieldId short_id(const char* p, std::size_t size) {
  if (size == 2 && (p[0] | 0x20) == 't' && (p[1] | 0x20) == 'e') return FieldId::te;
  if (size == 3 && (p[0] | 0x20) == 'v' && (p[1] | 0x20) == 'i' && (p[2] | 0x20) == 'a')
    return FieldId::via;
  return FieldId::other;
}

}  // namespace names

// Fields that belong to one connection and are never passed on (RFC 9110 §7.6.1, RFC 9112 §C.2.2).
// Proxy-Authorization and Proxy-Authenticate are for the nearest proxy only (RFC 9110 §11.7).
inline constexpr std::uint64_t hop_by_hop =
    bit_of(FieldId::connection) | bit_of(FieldId::keep_alive) | bit_of(FieldId::proxy_connection) |
    bit_of(FieldId::te) | bit_of(FieldId::transfer_encoding) | bit_of(FieldId::upgrade) |
    bit_of(FieldId::http2_settings) | bit_of(FieldId::proxy_authorization) |
    bit_of(FieldId::proxy_authenticate);

}  // namespace switchback::http
