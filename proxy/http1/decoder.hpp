// HTTP/1.x decoders, sans-IO: bytes in, heads and body slices out. Strict by RFC 9112 and the
// smuggling list (docs/framing.md): whatever two parsers could read in two ways is refused. Servers
// are forgiven what can be read in one way only (proxy/http/lapse.hpp), where the service wants so.
//
// Threads: none of their own. No allocation. Views point into the caller's buffer.
// Use: call again with the same bytes and more until the status is not need_more; `scanned` lets a
// decoder go on where it stopped, so that a head that comes byte by byte costs linear time.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/http/fault.hpp"
#include "proxy/http/head.hpp"
#include "proxy/http/reject.hpp"

namespace switchback::http1 {

enum class DecodeStatus : std::uint8_t { need_more, complete, rejected };

// Who sent it, and so by which rules it is read.
enum class Sender : std::uint8_t {
  client,
  server,           // answers: strict
  forgiven_server,  // answers: lenient
};

// Interim answers (1xx) passed over in front of one final answer; one more is a flood. Of traffic,
// checks and probes alike.
inline constexpr unsigned max_interim_answers = 16;

struct HeadLimits {
  std::size_t head_bytes = 64 * 1024;
  unsigned fields = 100;                 // <= http::max_fields
  std::size_t target_bytes = 16 * 1024;  // over it: 414
};

struct DecodeResult {
  DecodeStatus status;
  http::Reason reason = http::Reason::none;  // when rejected
  http::Fault fault = http::Fault::none;     // when rejected; none: the reason says all
  std::size_t consumed = 0;  // bytes of the head, when complete; when rejected: where the fault is
};

// One request head at data[0]. Leading empty lines (RFC 9112 §2.2) are consumed, at most 8 bytes.
// `scanned`: start with 0, pass back unchanged between calls for the same head.
DecodeResult decode_request_head(const char* data, std::size_t size, const HeadLimits& limits,
                                 std::size_t& scanned, http::FieldTable& table,
                                 http::RequestHead& out);

// Bytes above ASCII in path or query of the target that data[0..size) begins with, so far as it is
// there (clients that know no percent-encoding send them, and no two parsers differ about them).
// 0: none, or in an authority, where they stay what they are.
std::size_t count_raw_target_bytes(const char* data, std::size_t size);
// Percent-encodes them in place (RFC 3986 §2.1): two bytes more for each, for which there is room
// behind data[0..size).
void encode_raw_target(char* data, std::size_t size, std::size_t raw_bytes);

// One response head. `request_method` decides about bodies (RFC 9112 §6.3). `sender`: one of the
// two kinds of server. Folded lines are joined in place when the head is complete, so `data` is
// written to.
DecodeResult decode_response_head(char* data, std::size_t size, const HeadLimits& limits,
                                  std::size_t& scanned, http::Method request_method,
                                  http::FieldTable& table, http::ResponseHead& out,
                                  Sender sender = Sender::server);

// A body's bytes. Slices point into `data`, in order; small chunks that lie close together are
// moved together in place, so `data` is written to.
class BodyDecoder {
 public:
  static constexpr std::size_t max_slices = 32;
  struct Result {
    DecodeStatus status;  // complete: body and trailers are over
    http::Reason reason = http::Reason::none;
    http::Fault fault = http::Fault::none;
    std::size_t consumed = 0;  // bytes used up; what is left must be offered again with more
    std::size_t slice_count = 0;
    std::size_t body_bytes = 0;  // sum of the slices
  };
  // `named`: of the head, whose Connection may name trailers too (RFC 9110 §7.6.1).
  void start(http::BodyKind kind, std::uint64_t content_length, const HeadLimits& limits,
             std::uint64_t named = 0, Sender sender = Sender::client);
  // Stops early (need_more, consumed < size) when `slices` is full: call again.
  Result decode(char* data, std::size_t size, iovec (&slices)[max_slices]);
  // Tells an end of stream: complete for until_close, rejected(response_truncated) otherwise.
  DecodeStatus end_of_stream();
  bool finished() const { return state_ == State::finished; }
  // Bytes that need not be seen: the rest of a body of known length, or of one that ends with its
  // connection. 0 where framing has to be read. pass(): so many of them went by.
  std::uint64_t opaque() const {
    if (state_ == State::fixed) return remaining_;
    return state_ == State::until_close ? UINT64_MAX : 0;
  }
  void pass(std::uint64_t bytes) {
    if (state_ != State::fixed) return;
    remaining_ -= bytes;
    if (remaining_ == 0) state_ = State::finished;
  }
  std::uint64_t remaining() const { return remaining_; }  // of a length body, or the current chunk
  http::Lapses lapses() const { return lapses_; }         // what was forgiven so far
  std::uint64_t offset() const { return offset_; }  // bytes used up of a chunked body, as sent

  // A trailer section is used up only as a whole: until then `consumed` stops before it, so the
  // caller's buffer must hold up to limits.head_bytes, or the caller refuses (trailers_too_large).
  // After complete of a chunked body: the trailer fields, filtered of what must not be a trailer
  // (RFC 9110 §6.5.1), as raw "Name: value\r\n" lines inside the last `data`; empty when none.
  const char* trailers() const { return trailers_; }
  std::size_t trailers_size() const { return trailers_size_; }

 private:
  enum class State : std::uint8_t {
    fixed,
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer,
    until_close,
    finished,
    failed
  };
  // Where in chunk-ext (RFC 9112 §7.1.1) reading stands.
  enum class Extension : std::uint8_t {
    semicolon,
    before_name,
    name,
    after_name,
    before_value,
    value,
    quoted,
    quoted_pair,
    after_quoted,
    odd  // not by the grammar: passed over to the line's end
  };
  struct Cursor;
  http::Reason read_size(Cursor& at);
  http::Reason end_size();
  http::Reason read_extension(Cursor& at);
  bool step_extension(char c);
  bool may_end_size_line() const;
  bool forgives() const { return sender_ == Sender::forgiven_server; }
  void note(http::Lapse lapse) { lapses_ = static_cast<http::Lapses>(lapses_ | bit_of(lapse)); }
  http::Reason read_line_feed(Cursor& at);
  bool take_data(Cursor& at, Result& result, iovec (&slices)[max_slices]);
  http::Reason read_data_end(Cursor& at);
  DecodeStatus read_trailers(Cursor& at, http::Reason& reason);
  void decode_chunked(char* data, std::size_t size, Result& result, iovec (&slices)[max_slices]);

  State state_ = State::finished;
  Extension extension_ = Extension::semicolon;
  Sender sender_ = Sender::client;
  http::Fault fault_ = http::Fault::none;
  http::Lapses lapses_ = 0;
  std::uint8_t size_digits_ = 0;
  std::uint16_t extension_bytes_ = 0;  // of this chunk; over 256: bad_chunk
  std::uint64_t extension_total_ = 0;  // of this body; over 16 KiB: bad_chunk
  std::uint64_t remaining_ = 0;
  std::uint64_t offset_ = 0;
  std::size_t scanned_ = 0;
  HeadLimits limits_;
  std::uint64_t named_ = 0;
  const char* trailers_ = nullptr;
  std::size_t trailers_size_ = 0;
};

// Fields that may not come after the content: framing, routing, trust, control of the request,
// authentication, and how content is to be read (RFC 9110 §6.5.1).
bool may_be_trailer(http::FieldId id, std::string_view name);

}  // namespace switchback::http1
