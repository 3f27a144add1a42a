// Request heads: RFC 9112 §2, §3, §5, §6 and RFC 9110 §7, read as docs/framing.md says.
#include <algorithm>
#include <cstring>

#include "proxy/http/chars.hpp"
#include "proxy/http/field_names.hpp"
#include "proxy/http/host.hpp"
#include "proxy/http1/decoder.hpp"
#include "proxy/http1/fields.hpp"
#include "proxy/http1/scan.hpp"

namespace switchback::http1 {
namespace {

using http::FieldId;
using http::Method;
using http::Reason;

constexpr std::size_t max_method_size = 64;
constexpr std::size_t max_leading_bytes = 8;
constexpr std::size_t max_before_target = max_leading_bytes + max_method_size + 1;

// Empty lines in front of a request, which some clients send after a body (RFC 9112 §2.2).
Progress skip_empty_lines(const char* p, const char* end) {
  const char* const begin = p;
  while (p < end && *p == '\r') {
    if (end - p < 2) return Progress::more();
    if (p[1] != '\n') return Progress::reject(Reason::bare_cr_or_lf);
    p += 2;
    if (static_cast<std::size_t>(p - begin) > max_leading_bytes)
      return Progress::reject(Reason::bad_request_line);
  }
  if (p == end) return Progress::more();
  return Progress::done(p);
}

Progress read_method(const char* p, const char* end, http::RequestHead& out) {
  const char* q = p;
  const char* const stop =
      end - p > static_cast<std::ptrdiff_t>(max_method_size) ? p + max_method_size + 1 : end;
  while (q < stop && http::is_token_char(*q)) ++q;
  const auto size = static_cast<std::size_t>(q - p);
  if (size > max_method_size) return Progress::reject(Reason::unsupported_method);
  if (q == end) return Progress::more();
  if (*q == '\n') return Progress::reject(Reason::bare_cr_or_lf);
  if (*q != ' ' || size == 0) return Progress::reject(Reason::bad_request_line);
  out.method_text = {p, size};
  out.method = http::method_of(out.method_text);
  return Progress::done(q + 1);
}

Progress read_target(const char* p, const char* end, std::size_t limit, std::string_view& out) {
  const char* const q = scan::target_end(p, end);
  if (static_cast<std::size_t>(q - p) > limit) return Progress::reject(Reason::target_too_long);
  if (q == end) return Progress::more();
  if (*q == '\n') return Progress::reject(Reason::bare_cr_or_lf);
  if (*q == '\r') return Progress::reject(Reason::bad_request_line);  // HTTP/0.9: no version
  if (*q != ' ') return Progress::reject(Reason::bad_target);
  if (q == p) return Progress::reject(Reason::bad_request_line);
  out = {p, static_cast<std::size_t>(q - p)};
  return Progress::done(q + 1);
}

// "HTTP/1.1" CR LF. Any other major version in that form is told apart from nonsense.
Progress read_version(const char* p, const char* end, std::uint8_t& minor) {
  if (end - p >= 10 && std::memcmp(p, "HTTP/1.1\r\n", 10) == 0) [[likely]] {
    minor = 1;
    return Progress::done(p + 10);
  }
  constexpr std::string_view pattern = "HTTP/0.0\r\n";  // 0: any digit
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (p + i == end) return Progress::more();
    const bool fits = pattern[i] == '0' ? http::is_digit(p[i]) : p[i] == pattern[i];
    if (fits) continue;
    if (p[i] == '\n' || pattern[i] == '\n') return Progress::reject(Reason::bare_cr_or_lf);
    return Progress::reject(Reason::bad_request_line);
  }
  if (p[5] != '1') return Progress::reject(Reason::unsupported_version);
  minor = p[7] == '0' ? 0 : 1;
  return Progress::done(p + 10);
}

// "http://host:port/path?query" (RFC 9112 §3.2.2).
Reason read_absolute_form(http::FieldTable& table, http::RequestHead& out) {
  std::string_view rest = out.target;
  const std::size_t colon = rest.find(':');
  const std::string_view scheme = rest.substr(0, colon);
  if (colon == std::string_view::npos ||
      !(http::iequals(scheme, "http") || http::iequals(scheme, "https")))
    return Reason::bad_target;
  out.https_target = scheme.size() == 5;
  rest.remove_prefix(colon + 1);
  if (!rest.starts_with("//")) return Reason::bad_target;
  rest.remove_prefix(2);
  const std::size_t slash = rest.find_first_of("/?");
  out.authority = rest.substr(0, slash);
  if (!http::valid_authority(out.authority)) return Reason::bad_target;
  if (slash == std::string_view::npos) {
    out.target = out.method == Method::options ? "*" : "/";  // RFC 9112 §3.2.4
    return Reason::none;
  }
  rest.remove_prefix(slash);
  if (rest[0] == '/') {
    out.target = rest;
    return Reason::none;
  }
  if (rest.size() + 1 > table.scratch.size()) return Reason::target_too_long;
  table.scratch[0] = '/';
  std::memcpy(table.scratch.data() + 1, rest.data(), rest.size());
  out.target = {table.scratch.data(), rest.size() + 1};
  return Reason::none;
}

// Which of the four forms the target has, and whether the method may have it (RFC 9112 §3.2).
Reason read_target_form(http::FieldTable& table, http::RequestHead& out) {
  if (out.method == Method::connect) return Reason::unsupported_method;
  if (out.target[0] == '/') [[likely]]
    return Reason::none;
  if (out.target == "*") return out.method == Method::options ? Reason::none : Reason::bad_target;
  return read_absolute_form(table, out);
}

Progress read_request_line(const char* p, const char* end, const HeadLimits& limits,
                           http::FieldTable& table, http::RequestHead& out) {
  Progress step = read_method(p, end, out);
  if (step.status != DecodeStatus::complete) return step;
  step = read_target(step.at, end, limits.target_bytes, out.target);
  if (step.status != DecodeStatus::complete) return step;
  step = read_version(step.at, end, out.minor_version);
  if (step.status != DecodeStatus::complete) return step;
  const Reason reason = read_target_form(table, out);
  return reason == Reason::none ? step : Progress::reject(reason);
}

http::Field& last_of(http::FieldTable& table, const FieldFacts& facts, FieldId id) {
  return table.fields[facts.last[static_cast<std::size_t>(id)]];
}

// RFC 9112 §3.2: exactly one in 1.1, and valid wherever there is one.
Reason judge_host(http::FieldTable& table, const FieldFacts& facts, http::RequestHead& out) {
  if (!facts.has(FieldId::host)) return out.minor_version == 0 ? Reason::none : Reason::bad_host;
  if (facts.several(FieldId::host)) return Reason::bad_host;
  const std::string_view host = last_of(table, facts, FieldId::host).value();
  if (!http::valid_authority(host)) return Reason::bad_host;
  if (out.authority.empty()) out.authority = host;
  return Reason::none;
}

// RFC 9112 §6.3 for requests, with every choice a recipient has taken as a refusal.
Reason judge_framing(http::FieldTable& table, const FieldFacts& facts, http::RequestHead& out) {
  switch (read_transfer_encoding(table, facts)) {
    case TransferEncoding::absent:
      break;
    case TransferEncoding::chunked:
      if (out.minor_version == 0 || facts.has(FieldId::content_length)) return Reason::bad_framing;
      out.body = http::BodyKind::chunked;
      return Reason::none;
    case TransferEncoding::unknown_coding:
      if (out.minor_version == 0 || facts.has(FieldId::content_length)) return Reason::bad_framing;
      return Reason::unsupported_transfer_coding;
    case TransferEncoding::invalid:
      return Reason::bad_framing;
  }
  switch (read_content_length(table, facts, out.content_length)) {
    case ContentLength::absent:
      return Reason::none;
    case ContentLength::valid:
      out.body = http::BodyKind::length;
      return Reason::none;
    case ContentLength::invalid:
      break;
  }
  return Reason::bad_framing;
}

// RFC 9110 §10.1.1. From a 1.0 client, or without content, the expectation means nothing: not
// passed on. What is passed on is the one element that was understood.
Reason judge_expect(const FieldFacts& facts, http::RequestHead& out) {
  if (!facts.has(FieldId::expect)) return Reason::none;
  const bool content = out.body == http::BodyKind::chunked ||
                       (out.body == http::BodyKind::length && out.content_length > 0);
  for (http::Field& field : out.fields) {
    if (field.id != FieldId::expect) continue;
    field.drop = true;
    if (out.minor_version == 0) continue;
    for (std::string_view list = field.value(); !list.empty();) {
      const std::string_view expectation = http::next_element(list);
      if (expectation.empty()) continue;
      if (!http::iequals(expectation, "100-continue")) return Reason::unsupported_expectation;
      if (!content || out.expect_continue) continue;
      out.expect_continue = true;
      field.drop = false;
      field.value_data = expectation.data();
      field.value_size = static_cast<std::uint32_t>(expectation.size());
    }
  }
  return Reason::none;
}

// A tunnel to these would carry requests that nobody here reads (RFC 9113 §3.1 dropped h2c).
bool may_be_tunnelled(std::string_view protocol) {
  const std::string_view name = protocol.substr(0, protocol.find('/'));
  return !http::iequals(name, "h2c") && !http::iequals(name, "h2") &&
         !http::iequals(name, "HTTP") && !http::iequals(name, "TLS");
}

bool is_protocol(std::string_view text) {
  const std::size_t slash = text.find('/');
  return http::is_token(text.substr(0, slash)) &&
         (slash == std::string_view::npos || http::is_token(text.substr(slash + 1)));
}

// A list without the empty elements at its ends (RFC 9110 §5.6.1.2).
std::string_view trim_list(std::string_view list) {
  const auto skipped = [](char c) { return http::is_ows(c) || c == ','; };
  while (!list.empty() && skipped(list.front())) list.remove_prefix(1);
  while (!list.empty() && skipped(list.back())) list.remove_suffix(1);
  return list;
}

// RFC 9110 §7.8. Ignored, as a server may: from 1.0, without Connection: upgrade, repeated, with
// empty elements in between, or with a protocol that may not be tunnelled.
Reason judge_upgrade(http::FieldTable& table, const FieldFacts& facts, bool named,
                     http::RequestHead& out) {
  if (!facts.has(FieldId::upgrade)) return Reason::none;
  const std::string_view value = trim_list(last_of(table, facts, FieldId::upgrade).value());
  bool all = named && out.minor_version == 1 && !value.empty() && !facts.several(FieldId::upgrade);
  for (std::string_view list = value; !list.empty();) {
    const std::string_view protocol = http::next_element(list);
    if (!protocol.empty() && !is_protocol(protocol)) return Reason::bad_field;
    all = all && !protocol.empty() && may_be_tunnelled(protocol);
  }
  if (!all) return Reason::none;
  out.upgrade = true;
  out.upgrade_protocol = value;
  return Reason::none;
}

// RFC 9110 §10.1.4: the only part of TE that means something to us.
bool read_te_trailers(const http::RequestHead& head) {
  for (const http::Field& field : head.fields) {
    if (field.id != FieldId::te) continue;
    for (std::string_view list = field.value(); !list.empty();)
      if (http::iequals(http::next_element(list), "trailers")) return true;
  }
  return false;
}

constexpr std::uint64_t judged =
    http::bit_of(FieldId::expect) | http::bit_of(FieldId::upgrade) | http::bit_of(FieldId::te);

Reason judge(http::FieldTable& table, const FieldFacts& facts, http::RequestHead& out) {
  out.fields = {table.fields.data(), facts.count};
  out.present = facts.present;
  Reason reason = judge_host(table, facts, out);
  if (reason != Reason::none) return reason;
  reason = judge_framing(table, facts, out);
  if (reason != Reason::none) return reason;
  ConnectionOptions options;
  reason = read_connection(table, facts, needed_fields | fields_of_proxies, options);
  if (reason != Reason::none) return reason;
  out.named = options.named;
  out.keep_alive = !options.close && (out.minor_version == 1 || options.keep_alive);
  // RFC 9110 §9.3.8: a TRACE never has content.
  if (out.method == Method::trace && out.body != http::BodyKind::none) return Reason::bad_framing;
  if ((facts.present & judged) == 0) [[likely]]
    return Reason::none;
  reason = judge_expect(facts, out);
  if (reason != Reason::none) return reason;
  reason = judge_upgrade(table, facts, options.upgrade, out);
  out.te_trailers = out.minor_version == 1 && facts.has(FieldId::te) && read_te_trailers(out);
  return reason;
}

Progress read_head(const char* p, const char* end, const HeadLimits& limits,
                   http::FieldTable& table, http::RequestHead& out) {
  const Progress line = read_request_line(p, end, limits, table, out);
  if (line.status != DecodeStatus::complete) return line;
  FieldFacts facts;
  const unsigned limit = std::min<unsigned>(limits.fields, http::max_fields);
  const Progress fields = read_fields(line.at, end, limit, table, facts);
  if (fields.status != DecodeStatus::complete) return fields;
  const Reason reason = judge(table, facts, out);
  return reason == Reason::none ? fields : Progress::reject(reason);
}

}  // namespace

DecodeResult decode_request_head(const char* data, std::size_t size, const HeadLimits& limits,
                                 std::size_t& scanned, http::FieldTable& table,
                                 http::RequestHead& out) {
  // A target grows past its limit without a byte that ends anything: it is looked at all the same.
  const bool near_target_limit =
      size > limits.target_bytes && scanned <= limits.target_bytes + max_before_target;
  if (size < limits.head_bytes && !near_target_limit && !worth_reading(data, size, scanned)) {
    scanned = size;
    return {DecodeStatus::need_more};
  }
  out = {};
  const Progress start = skip_empty_lines(data, data + size);
  if (start.status == DecodeStatus::rejected)
    return {DecodeStatus::rejected, start.reason, start.fault};
  if (start.status == DecodeStatus::complete) {
    const auto there = static_cast<std::size_t>(data + size - start.at);
    const char* const end = start.at + std::min(there, limits.head_bytes);
    const Progress head = read_head(start.at, end, limits, table, out);
    if (head.status == DecodeStatus::rejected)
      return {DecodeStatus::rejected, head.reason, head.fault};
    if (head.status == DecodeStatus::complete)
      return {DecodeStatus::complete, Reason::none, http::Fault::none,
              static_cast<std::size_t>(head.at - data)};
    if (there >= limits.head_bytes) return {DecodeStatus::rejected, Reason::head_too_large};
  }
  scanned = size;
  return {DecodeStatus::need_more};
}

}  // namespace switchback::http1
