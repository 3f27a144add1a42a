// Response heads: RFC 9112 §4, §5, §6. Whatever is wrong with one is the server's fault, so there
// are two reasons only: bad_response and response_too_large.
#include <algorithm>
#include <cstring>

#include "proxy/http/chars.hpp"
#include "proxy/http1/decoder.hpp"
#include "proxy/http1/fields.hpp"
#include "proxy/http1/scan.hpp"

namespace switchback::http1 {
namespace {

using http::Fault;
using http::FieldId;
using http::Lapse;
using http::Method;
using http::Reason;

constexpr std::size_t max_empty_bytes = 8;  // in front of a status line, where that is forgiven
constexpr std::string_view pattern = "HTTP/1.0 000";  // 0: any digit
constexpr std::size_t version_size = 8;

void forgive(http::Lapses& lapses, Lapse lapse) {
  lapses = static_cast<http::Lapses>(lapses | http::bit_of(lapse));
}

Progress no_answer(Fault fault, const char* at) {
  return Progress::reject(Reason::bad_response, fault, at);
}

bool fits(char c, char wanted) {
  return wanted == '0' ? http::is_digit(c) : c == wanted;
}

unsigned number_at(const char* p) {
  return static_cast<unsigned>((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));
}

// "HTTP/1.1 200 OK" CR LF, by the letter.
Progress read_status_line(const char* p, const char* end, http::ResponseHead& out) {
  const bool plain = end - p >= 12 && std::memcmp(p, "HTTP/1.1 ", 9) == 0;
  for (std::size_t i = plain ? 9 : 0; i < pattern.size(); ++i) {
    if (p + i == end) return Progress::more();
    if (!fits(p[i], pattern[i])) {
      return no_answer(i > version_size ? Fault::bad_status : Fault::not_http, p + i);
    }
  }
  out.minor_version = p[7] == '0' ? 0 : 1;
  out.status = number_at(p + 9);
  if (out.status < 100 || out.status > 599) return no_answer(Fault::bad_status, p + 9);
  p += pattern.size();
  if (p == end) return Progress::more();
  if (*p != ' ') {
    return no_answer(http::is_digit(*p) ? Fault::bad_status : Fault::no_space_after_status, p);
  }
  ++p;
  const char* const stop = scan::value_end(p, end);
  if (stop == end) return Progress::more();
  if (*stop == '\n') return no_answer(Fault::line_feed, stop);
  if (*stop != '\r') return no_answer(*stop == 0 ? Fault::nul_byte : Fault::control_byte, stop);
  if (end - stop < 2) return Progress::more();
  if (stop[1] != '\n') return no_answer(Fault::bare_cr, stop);
  out.reason = {p, static_cast<std::size_t>(stop - p)};
  return Progress::done(stop + 2);
}

Progress skip_empty_lines(const char* p, const char* end, http::Lapses& lapses) {
  for (const char* const begin = p; p < end && (*p == '\r' || *p == '\n');) {
    if (*p == '\r' && end - p < 2) return Progress::more();
    if (*p == '\r' && p[1] != '\n') return no_answer(Fault::bare_cr, p);
    p += *p == '\r' ? 2 : 1;
    forgive(lapses, Lapse::empty_line);
    if (static_cast<std::size_t>(p - begin) > max_empty_bytes) return no_answer(Fault::not_http, p);
  }
  return p == end ? Progress::more() : Progress::done(p);
}

// What read_status_line() refuses and every peer takes: empty lines in front, several spaces before
// the status or none behind it, a status up to 999, LF alone, control bytes in the reason (which is
// then left out).
Progress read_forgiven_status_line(const char* p, const char* end, http::Lapses& lapses,
                                   http::ResponseHead& out) {
  const Progress begin = skip_empty_lines(p, end, lapses);
  if (begin.status != DecodeStatus::complete) return begin;
  p = begin.at;
  for (std::size_t i = 0; i < version_size; ++i, ++p) {
    if (p == end) return Progress::more();
    if (!fits(*p, pattern[i])) return no_answer(Fault::not_http, p);
  }
  out.minor_version = p[-1] == '0' ? 0 : 1;
  const char* const gap = p;
  while (p < end && http::is_ows(*p)) ++p;
  if (p == end) return Progress::more();
  if (p == gap) return no_answer(Fault::not_http, p);
  if (p - gap > 1 || *gap != ' ') forgive(lapses, Lapse::status_line);
  for (std::size_t i = 0; i < 3; ++i) {
    if (p + i == end) return Progress::more();
    if (!http::is_digit(p[i])) return no_answer(Fault::bad_status, p + i);
  }
  out.status = number_at(p);
  if (out.status < 100) return no_answer(Fault::bad_status, p);
  if (out.status > 599) forgive(lapses, Lapse::status_line);
  p += 3;
  if (p == end) return Progress::more();
  const char* reason = p;
  if (http::is_ows(*p)) {
    ++reason;
  } else if (*p == '\r' || *p == '\n') {
    forgive(lapses, Lapse::status_line);
  } else {
    return no_answer(http::is_digit(*p) ? Fault::bad_status : Fault::no_space_after_status, p);
  }
  const char* stop = scan::value_end(reason, end);
  const Progress line = read_forgiven_line(stop, end, lapses);
  if (line.status != DecodeStatus::complete) return line;
  const bool clean = (lapses & http::bit_of(Lapse::control_byte)) == 0;
  out.reason = clean ? std::string_view(reason, static_cast<std::size_t>(stop - reason))
                     : std::string_view();
  return line;
}

// RFC 9112 §6.3, 1. and 2.: no body whatever the fields say.
bool never_has_body(unsigned status, Method request_method) {
  return status < 200 || status == 204 || status == 304 || request_method == Method::head ||
         (request_method == Method::connect && status < 300);
}

// Where a field of this kind stands last: the place of what is wrong with it.
const char* place_of(const http::FieldTable& table, const FieldFacts& facts, FieldId id) {
  return facts.has(id) ? table.fields[facts.last[static_cast<std::size_t>(id)]].name_data : nullptr;
}

// Content-Length, where Transfer-Encoding does not come with it.
Progress judge_length(const http::FieldTable& table, FieldFacts& facts, Sender sender, bool& there,
                      std::uint64_t& out) {
  ContentLength length = read_content_length(table, facts, out);
  const char* const at = place_of(table, facts, FieldId::content_length);
  there = length != ContentLength::absent;
  if (length != ContentLength::invalid) return Progress::done(nullptr);
  std::uint64_t same = 0;
  length = read_equal_lengths(table, facts, same);
  if (length == ContentLength::different) return no_answer(Fault::two_lengths, at);
  if (length == ContentLength::invalid) return no_answer(Fault::bad_length, at);
  if (sender != Sender::forgiven_server) return no_answer(Fault::repeated_length, at);
  out = same;
  forgive(facts.lapses, Lapse::repeated_length);
  return Progress::done(nullptr);
}

// Transfer-Encoding. A server that says two things is not believed in either.
Progress judge_coding(const http::FieldTable& table, FieldFacts& facts, Sender sender,
                      http::ResponseHead& out, bool& chunked) {
  const TransferEncoding coding = read_transfer_encoding(table, facts);
  chunked = coding == TransferEncoding::chunked;
  if (coding == TransferEncoding::absent) return Progress::done(nullptr);
  const bool forgiven = sender == Sender::forgiven_server;
  const char* const at = place_of(table, facts, FieldId::transfer_encoding);
  if (facts.has(FieldId::content_length)) return no_answer(Fault::length_and_coding, at);
  if (!chunked) {
    const std::size_t last = facts.last[static_cast<std::size_t>(FieldId::transfer_encoding)];
    const bool identity = http::iequals(table.fields[last].value(), "identity");
    if (!forgiven || !identity || facts.several(FieldId::transfer_encoding)) {
      return no_answer(Fault::unknown_coding, at);
    }
    forgive(facts.lapses, Lapse::identity_coding);
  } else if (out.minor_version == 0) {
    if (!forgiven) return no_answer(Fault::old_chunked, at);
    forgive(facts.lapses, Lapse::old_chunked);
    out.keep_alive = false;  // RFC 9112 §6.1
  }
  return Progress::done(nullptr);
}

// RFC 9112 §6.3 for responses.
Progress judge_framing(http::FieldTable& table, FieldFacts& facts, Method request_method,
                       Sender sender, http::ResponseHead& out) {
  if (out.status == 101) return Progress::done(nullptr);  // what is behind it is another protocol
  bool chunked = false, length = false;
  Progress step = judge_coding(table, facts, sender, out, chunked);
  if (step.status != DecodeStatus::complete) return step;
  step = judge_length(table, facts, sender, length, out.content_length);
  if (step.status != DecodeStatus::complete) return step;
  if (never_has_body(out.status, request_method)) {
    out.body = http::BodyKind::none;
    const bool announces = chunked || out.content_length != 0;
    // Bytes announced where none may come (RFC 9110 §8.6, RFC 9112 §6.1): before a final response
    // they would be read as that response; after one the connection is not used again.
    if (announces && out.status < 200) {
      return no_answer(
          Fault::interim_body,
          place_of(table, facts, chunked ? FieldId::transfer_encoding : FieldId::content_length));
    }
    if (announces && out.status == 204) out.keep_alive = false;
  } else if (chunked) {
    out.body = http::BodyKind::chunked;
  } else if (length) {
    out.body = http::BodyKind::length;
  } else {
    out.body = http::BodyKind::until_close;
    out.keep_alive = false;
  }
  return Progress::done(nullptr);
}

Progress judge(http::FieldTable& table, FieldFacts& facts, Method request_method, Sender sender,
               http::ResponseHead& out) {
  out.fields = {table.fields.data(), facts.count};
  out.present = facts.present;
  ConnectionOptions options;
  const Reason reason =
      read_connection(table, facts, needed_fields, options,
                      sender == Sender::forgiven_server ? &facts.lapses : nullptr);
  if (reason != Reason::none) {
    return no_answer(options.refused ? Fault::connection_names : Fault::bad_connection,
                     place_of(table, facts, FieldId::connection));
  }
  out.named = options.named;
  out.keep_alive = !options.close && (out.minor_version == 1 || options.keep_alive);
  if (out.status == 101) {
    // RFC 9110 §15.2.2: a switch without a protocol, or from HTTP/1.0, cannot be followed. That
    // Connection names Upgrade is not asked for: whether the protocol is the client's is.
    if (!facts.has(FieldId::upgrade)) return no_answer(Fault::no_upgrade, nullptr);
    if (out.minor_version == 0) return no_answer(Fault::old_switch, nullptr);
    out.upgrade = true;
  }
  return judge_framing(table, facts, request_method, sender, out);
}

Progress read_head(char* p, const char* end, const HeadLimits& limits, Method request_method,
                   Sender sender, http::FieldTable& table, http::ResponseHead& out) {
  FieldFacts facts;
  Progress line = read_status_line(p, end, out);
  if (line.status == DecodeStatus::rejected && sender == Sender::forgiven_server) [[unlikely]]
    line = read_forgiven_status_line(p, end, facts.lapses, out);
  if (line.status != DecodeStatus::complete) return line;
  const unsigned limit = std::min<unsigned>(limits.fields, http::max_fields);
  const Progress fields = read_fields(line.at, end, limit, table, facts, sender);
  if (fields.status != DecodeStatus::complete) return fields;
  if ((facts.lapses & http::bit_of(Lapse::folded_line)) != 0) [[unlikely]]
    join_folds(p, table, facts);
  const Progress verdict = judge(table, facts, request_method, sender, out);
  out.lapses = facts.lapses;
  return verdict.status == DecodeStatus::complete ? fields : verdict;
}

Reason seen_from_here(Reason reason) {
  return reason == Reason::head_too_large || reason == Reason::too_many_fields
             ? Reason::response_too_large
             : Reason::bad_response;
}

}  // namespace

DecodeResult decode_response_head(char* data, std::size_t size, const HeadLimits& limits,
                                  std::size_t& scanned, Method request_method,
                                  http::FieldTable& table, http::ResponseHead& out, Sender sender) {
  if (size < limits.head_bytes && !worth_reading(data, size, scanned)) {
    scanned = size;
    return {DecodeStatus::need_more};
  }
  out = {};
  const char* const end = data + std::min(size, limits.head_bytes);
  const Progress head = read_head(data, end, limits, request_method, sender, table, out);
  if (head.status == DecodeStatus::complete)
    return {DecodeStatus::complete, Reason::none, Fault::none,
            static_cast<std::size_t>(head.at - data)};
  if (head.status == DecodeStatus::rejected) {
    const auto place = head.at ? static_cast<std::size_t>(head.at - data) : 0;
    return {DecodeStatus::rejected, seen_from_here(head.reason), head.fault, place};
  }
  if (size >= limits.head_bytes) {
    return {DecodeStatus::rejected, Reason::response_too_large, Fault::head_too_large,
            limits.head_bytes};
  }
  scanned = size;
  return {DecodeStatus::need_more};
}

}  // namespace switchback::http1
