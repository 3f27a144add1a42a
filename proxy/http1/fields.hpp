// Field lines of heads and trailers (RFC 9112 §5): the part of decoding all of them share.
// Internal to proxy/http1.
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/http/head.hpp"
#include "proxy/http/reject.hpp"
#include "proxy/http1/decoder.hpp"

namespace switchback::http1 {

inline constexpr std::size_t max_name_size = 1024;      // over it: 431, like a head too large
inline constexpr unsigned max_connection_options = 32;  // names a stranger can make us look up

// What was met while the field lines were read.
struct FieldFacts {
  std::size_t count = 0;
  std::uint64_t present = 0;                // http::bit_of each id
  std::uint64_t repeated = 0;               // ids met more than once
  http::Lapses lapses = 0;                  // what was forgiven
  std::uint16_t folds = 0;                  // lines that went on with the one before
  std::uint8_t last[http::field_id_count];  // index of the last field with that id, if present
  bool has(http::FieldId id) const { return (present & http::bit_of(id)) != 0; }
  bool several(http::FieldId id) const { return (repeated & http::bit_of(id)) != 0; }
};

// Where reading came to. `at` is the next byte to read, when complete.
struct Progress {
  DecodeStatus status;
  http::Reason reason;
  http::Fault fault;
  const char* at;
  static Progress more() {
    return {DecodeStatus::need_more, http::Reason::none, http::Fault::none, nullptr};
  }
  // `at`: where the fault is, if that is known.
  static Progress reject(http::Reason why, http::Fault fault = http::Fault::none,
                         const char* at = nullptr) {
    return {DecodeStatus::rejected, why, fault, at};
  }
  static Progress done(const char* at) {
    return {DecodeStatus::complete, http::Reason::none, http::Fault::none, at};
  }
};

// Reads field lines from `p` to the empty line that ends them. The first fault by position is what
// is told, whatever the bytes are cut into. White space between a name and its colon: a client is
// refused with it, from a server it is taken away (RFC 9112 §5.1). A folded value holds its line
// ends until join_folds().
Progress read_fields(const char* p, const char* end, unsigned limit, http::FieldTable& table,
                     FieldFacts& facts, Sender sender = Sender::client);

// The rest of a line from a server that is forgiven; `stop` goes on to where its text ends.
Progress read_forgiven_line(const char*& stop, const char* end, http::Lapses& lapses);

// Writes spaces over the line ends within values (RFC 9112 §5.2). `data`: what was decoded.
void join_folds(char* data, const http::FieldTable& table, const FieldFacts& facts);

// True when a full read of data[0..size) may now tell more than it did when only `scanned` bytes
// were there: a line ended, a control character came, or the size doubled. So what is wrong is told
// as soon as its line is there, and a head that trickles in is read once a line at most.
bool worth_reading(const char* data, std::size_t size, std::size_t scanned);

// What Connection says (RFC 9110 §7.6.1).
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool refused = false;     // named a field of those refused
  std::uint64_t named = 0;  // http::name_bit of every other option
};
// Marks what Connection names as dropped. Refused: an option that is not a token, too many of them,
// and naming a field of `refused`.
// `lapses`: an option that is no token is passed over and noted there; nullptr: refused.
http::Reason read_connection(http::FieldTable& table, const FieldFacts& facts,
                             std::uint64_t refused, ConnectionOptions& out,
                             http::Lapses* lapses = nullptr);

// End-to-end fields without which a message means something else, or comes from somebody else. What
// belongs to one connection anyway (Transfer-Encoding, TE, Upgrade, Keep-Alive) may be named.
inline constexpr std::uint64_t framing_fields =
    http::bit_of(http::FieldId::host) | http::bit_of(http::FieldId::content_length);
inline constexpr std::uint64_t needed_fields = framing_fields |
                                               http::bit_of(http::FieldId::authorization) |
                                               http::bit_of(http::FieldId::cookie);
// Written by trusted proxies in front of us, which may pass Connection on unread: a client must not
// be able to have them removed through us.
inline constexpr std::uint64_t fields_of_proxies =
    http::bit_of(http::FieldId::via) | http::bit_of(http::FieldId::forwarded) |
    http::bit_of(http::FieldId::x_forwarded_for) | http::bit_of(http::FieldId::x_forwarded_proto) |
    http::bit_of(http::FieldId::x_forwarded_host) | http::bit_of(http::FieldId::x_forwarded_port) |
    http::bit_of(http::FieldId::x_real_ip) | http::bit_of(http::FieldId::x_request_id);

enum class ContentLength : std::uint8_t { absent, valid, invalid, different };
// One field line, digits only, at most 2^63-1.
ContentLength read_content_length(const http::FieldTable& table, const FieldFacts& facts,
                                  std::uint64_t& out);
// The same for several lines and lists whose numbers are all equal.
ContentLength read_equal_lengths(const http::FieldTable& table, const FieldFacts& facts,
                                 std::uint64_t& out);

enum class TransferEncoding : std::uint8_t { absent, chunked, unknown_coding, invalid };
// chunked: exactly one field line with exactly that coding. unknown_coding: ends in chunked, but
// with codings before it.
TransferEncoding read_transfer_encoding(const http::FieldTable& table, const FieldFacts& facts);

}  // namespace switchback::http1
