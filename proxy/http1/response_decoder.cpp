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

using http::FieldId;
using http::Method;
using http::Reason;

// "HTTP/1.1 200 OK" CR LF. The space before an empty reason may be missing (RFC 9112 §4 lets a
// recipient read words): servers do so, and it can be read in one way only.
Progress read_status_line(const char* p, const char* end, http::ResponseHead& out) {
  constexpr std::string_view pattern = "HTTP/1.0 000";  // 0: any digit
  const bool plain = end - p >= 12 && std::memcmp(p, "HTTP/1.1 ", 9) == 0;
  for (std::size_t i = plain ? 9 : 0; i < pattern.size(); ++i) {
    if (p + i == end) return Progress::more();
    if (!(pattern[i] == '0' ? http::is_digit(p[i]) : p[i] == pattern[i]))
      return Progress::reject(Reason::bad_response);
  }
  out.minor_version = p[7] == '0' ? 0 : 1;
  out.status = static_cast<unsigned>((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
  if (out.status < 100 || out.status > 599) return Progress::reject(Reason::bad_response);
  p += pattern.size();
  if (p == end) return Progress::more();
  if (*p == ' ') {
    ++p;
  } else if (*p != '\r') {
    return Progress::reject(Reason::bad_response);
  }
  const char* const stop = scan::value_end(p, end);
  if (stop == end) return Progress::more();
  if (*stop != '\r') return Progress::reject(Reason::bad_response);
  if (end - stop < 2) return Progress::more();
  if (stop[1] != '\n') return Progress::reject(Reason::bad_response);
  out.reason = {p, static_cast<std::size_t>(stop - p)};
  return Progress::done(stop + 2);
}

// RFC 9112 §6.3, 1. and 2.: no body whatever the fields say.
bool never_has_body(unsigned status, Method request_method) {
  return status < 200 || status == 204 || status == 304 || request_method == Method::head ||
         (request_method == Method::connect && status < 300);
}

// RFC 9112 §6.3 for responses. A server that says two things is not believed in either.
Reason judge_framing(http::FieldTable& table, const FieldFacts& facts, Method request_method,
                     http::ResponseHead& out) {
  const TransferEncoding coding = read_transfer_encoding(table, facts);
  const ContentLength length = read_content_length(table, facts, out.content_length);
  const bool chunked = coding == TransferEncoding::chunked;
  if (coding != TransferEncoding::absent &&
      (!chunked || out.minor_version == 0 || length != ContentLength::absent))
    return Reason::bad_response;
  if (length == ContentLength::invalid) return Reason::bad_response;

  if (never_has_body(out.status, request_method)) {
    out.body = http::BodyKind::none;
    const bool announces = chunked || out.content_length != 0;
    // Bytes announced where none may come (RFC 9110 §8.6, RFC 9112 §6.1): before a final response
    // they would be read as that response; after one the connection is not used again.
    if (announces && out.status < 200) return Reason::bad_response;
    if (announces && out.status == 204) out.keep_alive = false;
  } else if (chunked) {
    out.body = http::BodyKind::chunked;
  } else if (length == ContentLength::valid) {
    out.body = http::BodyKind::length;
  } else {
    out.body = http::BodyKind::until_close;
    out.keep_alive = false;
  }
  return Reason::none;
}

Reason judge(http::FieldTable& table, const FieldFacts& facts, Method request_method,
             http::ResponseHead& out) {
  out.fields = {table.fields.data(), facts.count};
  out.present = facts.present;
  ConnectionOptions options;
  if (read_connection(table, facts, needed_fields, options) != Reason::none)
    return Reason::bad_response;
  out.named = options.named;
  out.keep_alive = !options.close && (out.minor_version == 1 || options.keep_alive);
  if (out.status == 101) {
    // RFC 9110 §15.2.2: a switch without a protocol, or from HTTP/1.0, cannot be followed.
    if (!facts.has(FieldId::upgrade) || !options.upgrade || out.minor_version == 0)
      return Reason::bad_response;
    out.upgrade = true;
  }
  return judge_framing(table, facts, request_method, out);
}

Progress read_head(const char* p, const char* end, const HeadLimits& limits, Method request_method,
                   http::FieldTable& table, http::ResponseHead& out) {
  const Progress line = read_status_line(p, end, out);
  if (line.status != DecodeStatus::complete) return line;
  FieldFacts facts;
  const unsigned limit = std::min<unsigned>(limits.fields, http::max_fields);
  const Progress fields = read_fields(line.at, end, limit, table, facts, BeforeColon::white_space);
  if (fields.status != DecodeStatus::complete) return fields;
  const Reason reason = judge(table, facts, request_method, out);
  return reason == Reason::none ? fields : Progress::reject(reason);
}

Reason seen_from_here(Reason reason) {
  return reason == Reason::head_too_large || reason == Reason::too_many_fields
             ? Reason::response_too_large
             : Reason::bad_response;
}

}  // namespace

DecodeResult decode_response_head(const char* data, std::size_t size, const HeadLimits& limits,
                                  std::size_t& scanned, Method request_method,
                                  http::FieldTable& table, http::ResponseHead& out) {
  if (size < limits.head_bytes && !worth_reading(data, size, scanned)) {
    scanned = size;
    return {DecodeStatus::need_more};
  }
  out = {};
  const char* const end = data + std::min(size, limits.head_bytes);
  const Progress head = read_head(data, end, limits, request_method, table, out);
  if (head.status == DecodeStatus::rejected)
    return {DecodeStatus::rejected, seen_from_here(head.reason)};
  if (head.status == DecodeStatus::complete)
    return {DecodeStatus::complete, Reason::none, static_cast<std::size_t>(head.at - data)};
  if (size >= limits.head_bytes) return {DecodeStatus::rejected, Reason::response_too_large};
  scanned = size;
  return {DecodeStatus::need_more};
}

}  // namespace switchback::http1
