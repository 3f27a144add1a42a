// Bodies: RFC 9112 §6 and §7.1. Chunk sizes and extensions are read a byte at a time by a machine
// that never looks back, so that they may be cut anywhere; data passes through as slices.
#include <algorithm>
#include <cstring>
#include <limits>

#include "proxy/base/assert.hpp"
#include "proxy/http/chars.hpp"
#include "proxy/http/forwarded.hpp"
#include "proxy/http1/decoder.hpp"
#include "proxy/http1/fields.hpp"

namespace switchback::http1 {

using http::Fault;
using http::Lapse;
using http::Reason;

struct BodyDecoder::Cursor {
  char* p;
  char* const end;
};

namespace {

constexpr std::uint8_t max_size_digits = 16;
constexpr std::uint16_t max_extension_bytes = 256;
constexpr std::uint64_t max_extension_total = 16 * 1024;
// Up to here copying costs less than one more slice to write.
constexpr std::size_t move_at_most = 512;

bool is_text(char c) {  // what a quoted string may hold
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

}  // namespace

void BodyDecoder::start(http::BodyKind kind, std::uint64_t content_length, const HeadLimits& limits,
                        std::uint64_t named, Sender sender) {
  *this = BodyDecoder();
  sender_ = sender;
  limits_ = limits;
  named_ = named;
  switch (kind) {
    case http::BodyKind::none:
      state_ = State::finished;
      break;
    case http::BodyKind::length:
      remaining_ = content_length;
      state_ = content_length == 0 ? State::finished : State::fixed;
      break;
    case http::BodyKind::chunked:
      state_ = State::size;
      break;
    case http::BodyKind::until_close:
      state_ = State::until_close;
      break;
  }
}

BodyDecoder::Result BodyDecoder::decode(char* data, std::size_t size, iovec (&slices)[max_slices]) {
  Result result{DecodeStatus::need_more};
  switch (state_) {
    case State::finished:
      result.status = DecodeStatus::complete;
      return result;
    case State::failed:
      result.status = DecodeStatus::rejected;
      result.reason = Reason::bad_chunk;
      return result;
    case State::fixed:
    case State::until_close: {
      const std::size_t taken =
          state_ == State::fixed
              ? static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, size))
              : size;
      if (taken > 0) slices[result.slice_count++] = {data, taken};
      result.consumed = result.body_bytes = taken;
      if (state_ == State::until_close) return result;
      remaining_ -= taken;
      if (remaining_ > 0) return result;
      state_ = State::finished;
      result.status = DecodeStatus::complete;
      return result;
    }
    default:
      decode_chunked(data, size, result, slices);
      return result;
  }
}

DecodeStatus BodyDecoder::end_of_stream() {
  if (state_ == State::until_close) state_ = State::finished;
  if (state_ == State::finished) return DecodeStatus::complete;
  state_ = State::failed;
  return DecodeStatus::rejected;
}

void BodyDecoder::decode_chunked(char* data, std::size_t size, Result& result,
                                 iovec (&slices)[max_slices]) {
  Cursor at{data, data + size};
  Reason reason = Reason::none;
  bool room = true;
  while (at.p < at.end && room && reason == Reason::none && state_ != State::finished) {
    switch (state_) {
      case State::size:
        reason = read_size(at);
        break;
      case State::extension:
        reason = read_extension(at);
        break;
      case State::size_lf:
        reason = read_line_feed(at);
        break;
      case State::data:
        room = take_data(at, result, slices);
        break;
      case State::data_cr:
      case State::data_lf:
        reason = read_data_end(at);
        break;
      case State::trailer:
        room = read_trailers(at, reason) != DecodeStatus::need_more;
        break;
      default:
        SB_ASSERT(false);
    }
  }
  result.consumed = static_cast<std::size_t>(at.p - data);
  offset_ += result.consumed;
  if (reason != Reason::none) {
    state_ = State::failed;
    result.status = DecodeStatus::rejected;
    result.reason = reason;
    result.fault = fault_;
  } else if (state_ == State::finished) {
    result.status = DecodeStatus::complete;
  }
}

Reason BodyDecoder::read_size(Cursor& at) {
  for (; at.p < at.end; ++at.p) {
    const int digit = http::hex_value(*at.p);
    if (digit < 0 && size_digits_ == 0 && forgives() && http::is_ows(*at.p) &&
        ++extension_total_ <= max_extension_total) {
      note(Lapse::chunk_line);
      continue;
    }
    if (digit < 0) return end_size() != Reason::none ? Reason::bad_chunk : read_extension(at);
    // Seven bits fewer than fit would do for any body; the top bit alone keeps sums signed.
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (++size_digits_ > max_size_digits || remaining_ > most >> 4) {
      fault_ = Fault::chunk_size;
      return Reason::bad_chunk;
    }
    remaining_ = remaining_ << 4 | static_cast<std::uint64_t>(digit);
  }
  return Reason::none;
}

// The first byte behind the digits is read as the beginning of an extension, or its absence.
Reason BodyDecoder::end_size() {
  fault_ = Fault::chunk_size;
  if (size_digits_ == 0) return Reason::bad_chunk;
  state_ = State::extension;
  extension_ = Extension::semicolon;
  extension_bytes_ = 0;
  return Reason::none;
}

Reason BodyDecoder::read_extension(Cursor& at) {
  for (; at.p < at.end; ++at.p) {
    const char c = *at.p;
    fault_ = extension_bytes_ == 0 ? Fault::chunk_size : Fault::chunk_line;
    if (c == '\n') {
      fault_ = Fault::line_feed;
      if (!forgives()) return Reason::bare_cr_or_lf;
      return read_line_feed(at);
    }
    if (c == '\r') {
      if (!may_end_size_line() && !forgives()) return Reason::bad_chunk;
      if (!may_end_size_line()) note(Lapse::chunk_line);
      ++at.p;
      state_ = State::size_lf;
      return Reason::none;
    }
    if (++extension_bytes_ > max_extension_bytes || ++extension_total_ > max_extension_total)
      return Reason::bad_chunk;
    if (step_extension(c)) continue;
    // Beside a size only what cannot be more of it: nobody reads extensions, and none goes on.
    if (!forgives() || extension_ == Extension::semicolon || !is_text(c)) return Reason::bad_chunk;
    note(Lapse::chunk_line);
    extension_ = Extension::odd;
  }
  return Reason::none;
}

// By the grammar: at once, or behind a name or a value.
bool BodyDecoder::may_end_size_line() const {
  return extension_ == Extension::name || extension_ == Extension::value ||
         extension_ == Extension::after_quoted || extension_bytes_ == 0;
}

// One byte of *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ); false: not that.
bool BodyDecoder::step_extension(char c) {
  const auto go = [this](bool allowed, Extension next) {
    if (allowed) extension_ = next;
    return allowed;
  };
  const bool space = http::is_ows(c), token = http::is_token_char(c);
  switch (extension_) {
    case Extension::semicolon:
      return space || go(c == ';', Extension::before_name);
    case Extension::before_name:
      return space || go(token, Extension::name);
    case Extension::name:
      return token || go(space, Extension::after_name) || go(c == ';', Extension::before_name) ||
             go(c == '=', Extension::before_value);
    case Extension::after_name:
      return space || go(c == ';', Extension::before_name) || go(c == '=', Extension::before_value);
    case Extension::before_value:
      return space || go(token, Extension::value) || go(c == '"', Extension::quoted);
    case Extension::value:
      return token || go(space, Extension::semicolon) || go(c == ';', Extension::before_name);
    case Extension::quoted:
      return go(c == '"', Extension::after_quoted) || go(c == '\\', Extension::quoted_pair) ||
             is_text(c);
    case Extension::quoted_pair:
      return go(is_text(c), Extension::quoted);
    case Extension::after_quoted:
      return go(space, Extension::semicolon) || go(c == ';', Extension::before_name);
    case Extension::odd:
      return is_text(c);
  }
  return false;
}

Reason BodyDecoder::read_line_feed(Cursor& at) {
  if (*at.p != '\n') {
    fault_ = Fault::bare_cr;
    return Reason::bare_cr_or_lf;
  }
  if (state_ != State::size_lf) note(Lapse::line_feed);  // without its CR
  ++at.p;
  scanned_ = 0;
  state_ = remaining_ == 0 ? State::trailer : State::data;
  return Reason::none;
}

// False when the slices are full. Small pieces are moved up behind the slice before them: what is
// overwritten has been read.
bool BodyDecoder::take_data(Cursor& at, Result& result, iovec (&slices)[max_slices]) {
  const auto taken = static_cast<std::size_t>(
      std::min<std::uint64_t>(remaining_, static_cast<std::uint64_t>(at.end - at.p)));
  iovec* const last = result.slice_count > 0 ? &slices[result.slice_count - 1] : nullptr;
  if (last != nullptr && taken <= move_at_most) {
    std::memmove(static_cast<char*>(last->iov_base) + last->iov_len, at.p, taken);
    last->iov_len += taken;
  } else if (result.slice_count < max_slices) {
    slices[result.slice_count++] = {at.p, taken};
  } else {
    return false;
  }
  result.body_bytes += taken;
  at.p += taken;
  remaining_ -= taken;
  if (remaining_ == 0) state_ = State::data_cr;
  return true;
}

Reason BodyDecoder::read_data_end(Cursor& at) {
  if (state_ == State::data_cr) {
    fault_ = *at.p == '\n' ? Fault::line_feed : Fault::chunk_end;
    if (*at.p == '\n' && !forgives()) return Reason::bare_cr_or_lf;
    if (*at.p != '\r' && *at.p != '\n') return Reason::bad_chunk;
    if (*at.p == '\n') note(Lapse::line_feed);
    state_ = *at.p == '\n' ? State::size : State::data_lf;
  } else {
    fault_ = Fault::bare_cr;
    if (*at.p != '\n') return Reason::bare_cr_or_lf;
    state_ = State::size;
  }
  size_digits_ = 0;
  ++at.p;
  return Reason::none;
}

namespace {

// Over what was read: a line of at most `next` bytes, returned is the end. Where a line that ended
// with LF alone leaves no room for its CR, the space behind the colon goes, and then the line.
char* write_trailer(char* out, const http::Field& field, const char* next) {
  const auto gap = static_cast<std::size_t>(field.value_data - field.name_data) - field.name_size;
  for (std::size_t space = std::min<std::size_t>(gap, 2); space > 0; --space) {
    const std::size_t size = field.name_size + space + field.value_size + 2;
    if (size > static_cast<std::size_t>(next - out)) continue;
    std::memmove(out, field.name_data, field.name_size);
    std::memcpy(out + field.name_size, ": ", space);
    char* const value = out + field.name_size + space;
    std::memmove(value, field.value_data, field.value_size);
    std::memcpy(value + field.value_size, "\r\n", 2);
    return out + size;
  }
  return out;
}

}  // namespace

// The section is used up only as a whole, so that its lines lie in one piece of memory.
DecodeStatus BodyDecoder::read_trailers(Cursor& at, Reason& reason) {
  const auto there = static_cast<std::size_t>(at.end - at.p);
  if (there < limits_.head_bytes && !worth_reading(at.p, there, scanned_)) {
    scanned_ = there;
    return DecodeStatus::need_more;
  }
  http::FieldTable table;
  FieldFacts facts;
  const unsigned limit = std::min<unsigned>(limits_.fields, http::max_fields);
  const Progress step = read_fields(at.p, at.p + std::min(there, limits_.head_bytes), limit, table,
                                    facts, forgives() ? sender_ : Sender::client);
  if (step.status == DecodeStatus::need_more && there < limits_.head_bytes) {
    scanned_ = there;
    return DecodeStatus::need_more;
  }
  if (step.status != DecodeStatus::complete) {
    const bool too_large = step.status == DecodeStatus::need_more ||
                           step.reason == Reason::too_many_fields ||
                           step.reason == Reason::head_too_large;
    reason = too_large ? Reason::trailers_too_large : step.reason;
    fault_ = too_large ? Fault::trailers_too_large : step.fault;
    if (step.at != nullptr) at.p += step.at - at.p;
    return DecodeStatus::rejected;
  }
  lapses_ = static_cast<http::Lapses>(lapses_ | facts.lapses);
  if ((facts.lapses & bit_of(Lapse::folded_line)) != 0) join_folds(at.p, table, facts);
  char* out = at.p;
  for (std::size_t i = 0; i < facts.count; ++i) {
    const http::Field& field = table.fields[i];
    if (field.drop || !may_be_trailer(field.id, field.name())) continue;
    if (named_ != 0 && (named_ & http::name_bit(field.name())) != 0) continue;
    const bool last = i + 1 == facts.count;
    out = write_trailer(out, field, last ? step.at : table.fields[i + 1].name_data);
  }
  trailers_size_ = static_cast<std::size_t>(out - at.p);
  trailers_ = trailers_size_ > 0 ? at.p : nullptr;
  at.p += step.at - at.p;
  state_ = State::finished;
  return DecodeStatus::complete;
}

bool may_be_trailer(http::FieldId id, std::string_view name) {
  using http::FieldId;
  constexpr std::uint64_t harmless = http::bit_of(FieldId::other) | http::bit_of(FieldId::server) |
                                     http::bit_of(FieldId::user_agent);
  if ((harmless & http::bit_of(id)) == 0) return false;
  constexpr std::string_view forbidden[] = {
      "accept",
      "accept-charset",
      "accept-encoding",
      "accept-language",
      "age",
      "cache-control",
      "content-encoding",
      "content-language",
      "content-location",
      "content-range",
      "cookie2",
      "expires",
      "if-match",
      "if-modified-since",
      "if-none-match",
      "if-range",
      "if-unmodified-since",
      "origin",
      "pragma",
      "range",
      "set-cookie",
      "set-cookie2",
      "vary",
      "warning",
      "www-authenticate",
      "content-disposition",
  };
  for (std::string_view entry : forbidden)
    if (http::iequals(entry, name)) return false;
  return !http::is_forwarding_alias(name);
}

}  // namespace switchback::http1
